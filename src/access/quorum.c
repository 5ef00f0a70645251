/* Acts that wait for a second administrator. */
#include "access/quorum.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "crypto/rng.h"

#define ID_BYTES 5u
#define ID_CHARS 8u

struct quorum {
	_Atomic unsigned needed;
	pthread_mutex_t lock; /* guards what follows */
	size_t count;
	struct quorum_act acts[QUORUM_PENDING_MAX]; /* oldest first */
};

struct quorum *quorum_new(void)
{
	struct quorum *q = calloc(1, sizeof *q);
	if (q && pthread_mutex_init(&q->lock, NULL) != 0) {
		free(q);
		return NULL;
	}
	if (q) q->needed = 1;
	return q;
}

void quorum_free(struct quorum *q)
{
	if (!q) return;
	pthread_mutex_destroy(&q->lock);
	free(q);
}

unsigned quorum_needed(struct quorum *q)
{
	return q ? q->needed : 1;
}

void quorum_set_needed(struct quorum *q, unsigned needed)
{
	if (q) q->needed = needed;
}

static void drop(struct quorum *q, size_t i)
{
	memmove(&q->acts[i], &q->acts[i + 1], (q->count - i - 1) * sizeof *q->acts);
	q->count--;
}

static void drop_old(struct quorum *q)
{
	uint64_t now = clock_mono_ms();
	for (size_t i = q->count; i-- > 0;)
		if (q->acts[i].ends_mono_ms <= now) drop(q, i);
}

static enum coffer_err make_id(char out[static QUORUM_ID_TEXT])
{
	uint8_t bytes[ID_BYTES];
	char text[ID_CHARS + 1];
	TRY(rng_bytes(bytes, sizeof bytes));
	text_base32(view_of(bytes, sizeof bytes), text);
	memcpy(out, text, 4);
	out[4] = '-';
	memcpy(out + 5, text + 4, 5);
	return ERR_OK;
}

static size_t of_one(const struct quorum *q, const char *asker)
{
	size_t n = 0;
	for (size_t i = 0; i < q->count; i++) n += strcmp(q->acts[i].asker, asker) == 0;
	return n;
}

static enum coffer_err put_down(struct quorum *q, const char *asker, const char *act)
{
	ENSURE(q->count < QUORUM_PENDING_MAX && of_one(q, asker) < QUORUM_PENDING_OF_ONE, ERR_LIMIT);
	struct quorum_act *a = &q->acts[q->count];
	*a = (struct quorum_act){ .ends_mono_ms = clock_mono_ms() + QUORUM_LIFETIME_MS };
	strncpy(a->asker, asker, PRINCIPAL_MAX);
	strncpy(a->act, act, QUORUM_ACT_MAX);
	TRY(make_id(a->id));
	q->count++;
	return ERR_OK;
}

static enum coffer_err find(struct quorum *q, const char *asker, const char *act, struct quorum_act *out)
{
	size_t i = 0;
	drop_old(q);
	while (i < q->count && (q->acts[i].in_use || strcmp(q->acts[i].asker, asker) != 0 || strcmp(q->acts[i].act, act) != 0)) i++;
	if (i == q->count) TRY(put_down(q, asker, act));
	*out = q->acts[i];
	return ERR_OK;
}

enum coffer_err quorum_find(struct quorum *q, const char *asker, const char *act, struct quorum_act *out)
{
	ENSURE(act[0] && strlen(act) <= QUORUM_ACT_MAX && strlen(asker) <= PRINCIPAL_MAX, ERR_FIELD);
	pthread_mutex_lock(&q->lock);
	enum coffer_err err = find(q, asker, act, out);
	pthread_mutex_unlock(&q->lock);
	return err;
}

static struct quorum_act *by_id(struct quorum *q, const char *id)
{
	for (size_t i = 0; i < q->count; i++)
		if (strcmp(q->acts[i].id, id) == 0) return &q->acts[i];
	return NULL;
}

enum coffer_err quorum_use(struct quorum *q, const char *id)
{
	pthread_mutex_lock(&q->lock);
	struct quorum_act *a = by_id(q, id);
	bool free_now = a && !a->in_use;
	if (free_now) a->in_use = true;
	pthread_mutex_unlock(&q->lock);
	return free_now ? ERR_OK : ERR_NOT_FOUND;
}

void quorum_let(struct quorum *q, const char *id)
{
	pthread_mutex_lock(&q->lock);
	struct quorum_act *a = by_id(q, id);
	if (a) a->in_use = false;
	pthread_mutex_unlock(&q->lock);
}

void quorum_take(struct quorum *q, const char *id)
{
	pthread_mutex_lock(&q->lock);
	for (size_t i = q->count; i-- > 0;)
		if (strcmp(q->acts[i].id, id) == 0) drop(q, i);
	pthread_mutex_unlock(&q->lock);
}

/* What a person types: either case, with or without the '-'. */
static bool is_id(const char *id, struct view text)
{
	size_t at = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = (char)text.ptr[i];
		if (c == '-') continue;
		if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
		if (id[at] == '-') at++;
		if (!id[at] || id[at] != c) return false;
		at++;
	}
	return id[at] == '\0';
}

static struct quorum_act *named(struct quorum *q, struct view id)
{
	drop_old(q);
	for (size_t i = 0; i < q->count; i++)
		if (is_id(q->acts[i].id, id)) return &q->acts[i];
	return NULL;
}

static enum coffer_err approve(struct quorum *q, struct view id, const char *approver, struct quorum_act *out)
{
	struct quorum_act *a = named(q, id);
	ENSURE(a, ERR_NOT_FOUND);
	ENSURE(strcmp(a->asker, approver) != 0, ERR_DENIED);
	ENSURE(!a->approver[0], ERR_EXISTS);
	ENSURE(strlen(approver) <= PRINCIPAL_MAX, ERR_FIELD);
	strncpy(a->approver, approver, PRINCIPAL_MAX);
	*out = *a;
	return ERR_OK;
}

enum coffer_err quorum_approve(struct quorum *q, struct view id, const char *approver, struct quorum_act *out)
{
	pthread_mutex_lock(&q->lock);
	enum coffer_err err = approve(q, id, approver, out);
	pthread_mutex_unlock(&q->lock);
	return err;
}

enum coffer_err quorum_look(struct quorum *q, struct view id, struct quorum_act *out)
{
	pthread_mutex_lock(&q->lock);
	const struct quorum_act *a = named(q, id);
	if (a) *out = *a;
	pthread_mutex_unlock(&q->lock);
	return a ? ERR_OK : ERR_NOT_FOUND;
}

bool quorum_at(struct quorum *q, size_t i, struct quorum_act *out)
{
	if (!q) return false;
	pthread_mutex_lock(&q->lock);
	drop_old(q);
	bool there = i < q->count;
	if (there) *out = q->acts[i];
	pthread_mutex_unlock(&q->lock);
	return there;
}
