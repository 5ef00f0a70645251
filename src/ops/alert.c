/* Facts, conditions, events and their queue. */
#include "ops/alert_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

const struct alert_kind alert_kinds[ALERT_NAMES] = {
#define CONDITION(id, number, name, hold_ms, severity, message_id) [number] = { name, message_id, true, hold_ms, ALERT_##severity },
#define EVENT(id, number, name, severity, message_id) [number] = { name, message_id, false, 0, ALERT_##severity },
#include "ops/alert.def"
};

static const struct alert_kind *kind_of(enum alert_name name)
{
	PRE((unsigned)name < ALERT_NAMES && alert_kinds[name].name);
	return &alert_kinds[name];
}

const char *alert_name_text(enum alert_name name)
{
	return kind_of(name)->name;
}

const char *alert_message_id(enum alert_name name)
{
	return kind_of(name)->message_id;
}

const char *alert_state_text(enum alert_state state)
{
	return state == ALERT_RAISED ? "raised" : state == ALERT_CLEARED ? "cleared" : "once";
}

enum alert_severity alert_severity_of(const struct alert_event *event)
{
	return event->state == ALERT_CLEARED ? ALERT_INFO : kind_of(event->name)->severity;
}

const char *alert_severity_text(enum alert_severity severity)
{
	static const char *const texts[] = { [ALERT_CRITICAL] = "critical", [ALERT_ERROR] = "error", [ALERT_WARNING] = "warning",
		[ALERT_NOTICE] = "notice", [ALERT_INFO] = "info" };
	return texts[severity];
}

struct alerts *alerts_new(void)
{
	struct alerts *a = calloc(1, sizeof *a);
	if (!a) return NULL;
	if (pthread_mutex_init(&a->lock, NULL) != 0) {
		free(a);
		return NULL;
	}
	a->next = 1;
	for (size_t i = 0; i < ALERT_NAMES; i++) a->conditions[i].calm_ms = ALERT_CALM_MS;
	return a;
}

void alerts_free(struct alerts *a)
{
	if (!a) return;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- events; under the lock ---- */

/* The oldest leaves, but for one that is being told. */
static void make_room(struct alerts *a)
{
	unsigned at = a->under_way ? 1 : 0;
	if (a->count < ALERT_QUEUE) return;
	memmove(&a->events[at], &a->events[at + 1], (a->count - at - 1) * sizeof a->events[0]);
	a->count--;
	if (a->fresh > a->count - at) a->fresh = a->count - at;
	a->dropped++;
	a->dropped_untold++;
}

static struct alert_event *add(struct alerts *a, enum alert_name name, enum alert_state state, uint64_t since_s, const char *sentence)
{
	make_room(a);
	struct alert_event *e = &a->events[a->count++];
	*e = (struct alert_event){ .number = a->next++, .name = name, .state = state, .time_s = clock_wall_s(), .since_s = since_s };
	text_printable(view_str(sentence), e->sentence, sizeof e->sentence);
	a->fresh++;
	a->dirty = true;
	return e;
}

/* What flaps must be well for longer and longer. */
static void raise_it(struct alerts *a, enum alert_name name, int64_t now)
{
	struct alert_condition *c = &a->conditions[name];
	int64_t rest = now - c->changed_ms;
	if (!c->changed || rest >= (int64_t)ALERT_CALM_FORGET_MS) c->calm_ms = ALERT_CALM_MS;
	else if (rest < (int64_t)ALERT_CALM_MAX_MS) c->calm_ms = c->calm_ms < ALERT_CALM_MAX_MS / 2 ? c->calm_ms * 2 : ALERT_CALM_MAX_MS;
	c->raised = c->changed = true;
	c->changed_ms = now;
	c->since_s = c->fact_s;
	add(a, name, ALERT_RAISED, c->since_s, c->sentence);
}

static void clear_it(struct alerts *a, enum alert_name name, int64_t now)
{
	struct alert_condition *c = &a->conditions[name];
	c->raised = false;
	c->changed_ms = now;
	add(a, name, ALERT_CLEARED, c->since_s, c->sentence);
}

static void look_at(struct alerts *a, enum alert_name name, int64_t now)
{
	struct alert_condition *c = &a->conditions[name];
	int64_t held = now - c->fact_ms;
	if (c->fact == ALERT_BAD && !c->raised && held >= (int64_t)alert_kinds[name].hold_ms) raise_it(a, name, now);
	else if (c->fact == ALERT_WELL && c->raised && held >= (int64_t)c->calm_ms) clear_it(a, name, now);
}

void alerts_look(struct alerts *a)
{
	int64_t now = (int64_t)clock_mono_ms();
	pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < ALERT_NAMES; i++)
		if (alert_kinds[i].stands) look_at(a, (enum alert_name)i, now);
	pthread_mutex_unlock(&a->lock);
}

/* ---- what is said ---- */

void alert_set(struct alerts *a, enum alert_name name, enum alert_fact fact, const char *sentence)
{
	PRE(kind_of(name)->stands);
	if (!a) return;
	pthread_mutex_lock(&a->lock);
	struct alert_condition *c = &a->conditions[name];
	if (c->fact != fact) {
		c->fact = fact;
		c->fact_ms = (int64_t)clock_mono_ms();
		c->fact_s = clock_wall_s();
	}
	if (fact == ALERT_BAD) text_printable(view_str(sentence), c->sentence, sizeof c->sentence);
	pthread_mutex_unlock(&a->lock);
}

/* More than one would push out what is worth knowing. */
static bool test_waits(const struct alerts *a)
{
	for (unsigned i = 0; i < a->count; i++)
		if (a->events[i].name == ALERT_TEST) return true;
	return false;
}

uint64_t alert_happened(struct alerts *a, enum alert_name name, const char *sentence)
{
	PRE(!kind_of(name)->stands);
	if (!a) return 0;
	uint64_t number = 0;
	pthread_mutex_lock(&a->lock);
	if (name != ALERT_TEST || !test_waits(a)) number = add(a, name, ALERT_ONCE, clock_wall_s(), sentence)->number;
	a->hurried = a->hurried || name == ALERT_TEST;
	pthread_mutex_unlock(&a->lock);
	if (number && a->wake) a->wake(a->wake_arg);
	return number;
}

void alerts_on_event(struct alerts *a, void (*wake)(void *arg), void *arg)
{
	a->wake_arg = arg;
	a->wake = wake;
}

/* ---- telling ---- */

bool alerts_take_fresh(struct alerts *a, struct alert_event *out)
{
	pthread_mutex_lock(&a->lock);
	bool has = a->fresh > 0;
	if (has) *out = a->events[a->count - a->fresh--];
	pthread_mutex_unlock(&a->lock);
	return has;
}

bool alerts_begin(struct alerts *a, struct alert_event *out, uint64_t *out_dropped)
{
	pthread_mutex_lock(&a->lock);
	a->under_way = a->count > 0;
	bool has = a->under_way;
	if (has) {
		*out = a->events[0];
		*out_dropped = a->dropped_untold;
	}
	pthread_mutex_unlock(&a->lock);
	return has;
}

void alerts_told(struct alerts *a, uint64_t dropped)
{
	pthread_mutex_lock(&a->lock);
	PRE(a->under_way && dropped <= a->dropped_untold);
	a->under_way = false;
	a->count--;
	memmove(&a->events[0], &a->events[1], a->count * sizeof a->events[0]);
	if (a->fresh > a->count) a->fresh = a->count;
	a->dropped_untold -= dropped;
	a->dirty = true;
	pthread_mutex_unlock(&a->lock);
}

void alerts_not_told(struct alerts *a)
{
	pthread_mutex_lock(&a->lock);
	a->under_way = false;
	pthread_mutex_unlock(&a->lock);
}

void alerts_note(struct alerts *a, bool has_command, const char *trouble)
{
	pthread_mutex_lock(&a->lock);
	a->has_command = has_command;
	text_printable(view_str(trouble), a->trouble, sizeof a->trouble);
	pthread_mutex_unlock(&a->lock);
}

bool alerts_is_hurried(struct alerts *a)
{
	pthread_mutex_lock(&a->lock);
	bool hurried = a->hurried;
	a->hurried = false;
	pthread_mutex_unlock(&a->lock);
	return hurried;
}
