/* What of the alerts outlives the process (docs/formats.md section 24.4). */
#include <string.h>

#include "base/clock.h"
#include "base/reader.h"
#include "base/writer.h"
#include "ops/alert_internal.h"

static void put_condition(struct writer *w, const struct alert_condition *c, unsigned name, int64_t now_ms, uint64_t now_s)
{
	uint64_t rest_s = now_ms > c->changed_ms ? (uint64_t)(now_ms - c->changed_ms) / 1000 : 0;
	size_t len = strlen(c->sentence);
	writer_u8(w, (uint8_t)name);
	writer_u8(w, c->raised);
	writer_u64(w, c->since_s);
	writer_u32(w, c->calm_ms);
	writer_u64(w, now_s > rest_s ? now_s - rest_s : 0);
	writer_u8(w, c->raised ? (uint8_t)len : 0);
	if (c->raised) writer_bytes(w, view_of(c->sentence, len));
}

static void put_event(struct writer *w, const struct alert_event *e)
{
	size_t len = strlen(e->sentence);
	writer_u64(w, e->number);
	writer_u8(w, (uint8_t)e->name);
	writer_u8(w, (uint8_t)e->state);
	writer_u64(w, e->time_s);
	writer_u64(w, e->since_s);
	writer_u8(w, (uint8_t)len);
	writer_bytes(w, view_of(e->sentence, len));
}

bool alerts_is_dirty(struct alerts *a)
{
	pthread_mutex_lock(&a->lock);
	bool dirty = a->dirty;
	pthread_mutex_unlock(&a->lock);
	return dirty;
}

enum coffer_err alerts_save(struct alerts *a, uint8_t *out, size_t cap, size_t *out_len)
{
	int64_t now_ms = (int64_t)clock_mono_ms();
	uint64_t now_s = clock_wall_s();
	unsigned n = 0;
	struct writer w;
	writer_init(&w, out, cap);
	pthread_mutex_lock(&a->lock);
	writer_u64(&w, a->next);
	writer_u64(&w, a->dropped);
	writer_u64(&w, a->dropped_untold);
	for (unsigned i = 0; i < ALERT_NAMES; i++) n += a->conditions[i].changed;
	writer_u8(&w, (uint8_t)n);
	for (unsigned i = 0; i < ALERT_NAMES; i++)
		if (a->conditions[i].changed) put_condition(&w, &a->conditions[i], i, now_ms, now_s);
	writer_u8(&w, (uint8_t)a->count);
	for (unsigned i = 0; i < a->count; i++) put_event(&w, &a->events[i]);
	enum coffer_err err = writer_done(&w);
	if (!err) a->dirty = false;
	pthread_mutex_unlock(&a->lock);
	if (!err) *out_len = writer_len(&w);
	return err;
}

static enum coffer_err take_sentence(struct reader *r, char out[static ALERT_SENTENCE])
{
	uint8_t len;
	TRY(reader_u8(r, &len));
	TRY(reader_bytes(r, (uint8_t *)out, len));
	out[len] = '\0';
	for (unsigned i = 0; i < len; i++) ENSURE((unsigned char)out[i] >= 0x20 && out[i] != 0x7f, ERR_INPUT);
	return ERR_OK;
}

static enum coffer_err take_condition(struct reader *r, struct alerts *a, int64_t now_ms, uint64_t now_s)
{
	uint8_t name, raised;
	uint64_t changed_s;
	TRY(reader_u8(r, &name));
	ENSURE(name < ALERT_NAMES && alert_kinds[name].stands, ERR_INPUT);
	struct alert_condition *c = &a->conditions[name];
	ENSURE(!c->changed, ERR_INPUT);
	TRY(reader_u8(r, &raised));
	ENSURE(raised <= 1, ERR_INPUT);
	TRY(reader_u64(r, &c->since_s));
	TRY(reader_u32(r, &c->calm_ms));
	ENSURE(c->calm_ms >= ALERT_CALM_MS && c->calm_ms <= ALERT_CALM_MAX_MS, ERR_INPUT);
	TRY(reader_u64(r, &changed_s));
	uint64_t rest_s = now_s > changed_s ? now_s - changed_s : 0;
	if (rest_s > ALERT_CALM_FORGET_MS / 1000) rest_s = ALERT_CALM_FORGET_MS / 1000;
	c->changed_ms = now_ms - (int64_t)rest_s * 1000;
	c->raised = raised;
	c->changed = true;
	return take_sentence(r, c->sentence);
}

static enum coffer_err take_event(struct reader *r, struct alert_event *e, uint64_t below)
{
	uint8_t name, state;
	TRY(reader_u64(r, &e->number));
	TRY(reader_u8(r, &name));
	TRY(reader_u8(r, &state));
	ENSURE(e->number < below && name < ALERT_NAMES && alert_kinds[name].name && state >= ALERT_RAISED && state <= ALERT_ONCE, ERR_INPUT);
	e->name = (enum alert_name)name;
	e->state = (enum alert_state)state;
	TRY(reader_u64(r, &e->time_s));
	TRY(reader_u64(r, &e->since_s));
	return take_sentence(r, e->sentence);
}

static enum coffer_err take_all(struct reader *r, struct alerts *a)
{
	int64_t now_ms = (int64_t)clock_mono_ms();
	uint64_t now_s = clock_wall_s();
	uint8_t n, m;
	TRY(reader_u64(r, &a->next));
	TRY(reader_u64(r, &a->dropped));
	TRY(reader_u64(r, &a->dropped_untold));
	ENSURE(a->next > 0 && a->dropped_untold <= a->dropped, ERR_INPUT);
	TRY(reader_u8(r, &n));
	for (unsigned i = 0; i < n; i++) TRY(take_condition(r, a, now_ms, now_s));
	TRY(reader_u8(r, &m));
	ENSURE(m <= ALERT_QUEUE, ERR_INPUT);
	for (unsigned i = 0; i < m; i++) TRY(take_event(r, &a->events[i], a->next));
	a->count = m;
	return reader_end(r);
}

/* What is said of a fact just now is newer than the record. */
static void take_condition_over(struct alert_condition *c, const struct alert_condition *old)
{
	const struct alert_condition now = *c;
	*c = *old;
	c->fact = now.fact;
	c->fact_ms = now.fact_ms;
	c->fact_s = now.fact_s;
	if (now.fact == ALERT_BAD) memcpy(c->sentence, now.sentence, sizeof c->sentence);
}

enum coffer_err alerts_load(struct alerts *a, struct view record)
{
	struct reader r;
	struct alerts *fresh = alerts_new();
	ENSURE(fresh, ERR_MEMORY);
	reader_init(&r, record);
	enum coffer_err err = take_all(&r, fresh);
	if (!err) {
		pthread_mutex_lock(&a->lock);
		for (unsigned i = 0; i < ALERT_NAMES; i++) take_condition_over(&a->conditions[i], &fresh->conditions[i]);
		memcpy(a->events, fresh->events, sizeof a->events);
		a->count = fresh->count;
		a->fresh = 0; /* log and journal had them */
		a->next = fresh->next;
		a->dropped = fresh->dropped;
		a->dropped_untold = fresh->dropped_untold;
		pthread_mutex_unlock(&a->lock);
	}
	alerts_free(fresh);
	return err == ERR_MEMORY ? err : err ? ERR_INPUT : ERR_OK;
}
