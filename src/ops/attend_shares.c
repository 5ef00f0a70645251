/* Shares that people bring one after another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ops/attend_internal.h"

struct attend *attend_new(void)
{
	struct attend *a = calloc(1, sizeof *a);
	if (!a) return NULL;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

static void forget(struct attend *a)
{
	for (unsigned i = 0; i < a->share_count; i++) buf_free(&a->shares[i].text);
	a->share_count = 0;
}

void attend_free(struct attend *a)
{
	if (!a) return;
	forget(a);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* Under the lock. */
static void expire(struct attend *a)
{
	if (a->share_count == 0 || clock_mono_ms() < a->ends_mono_ms) return;
	log_warn("recovery shares: %u were given, too few in %u minutes; they are forgotten", a->share_count, ATTEND_LIFETIME_MS / 60000u);
	forget(a);
}

void attend_tick(struct attend *a)
{
	if (!a || pthread_mutex_trylock(&a->lock) != 0) return; /* the next tick does */
	expire(a);
	pthread_mutex_unlock(&a->lock);
}

/* Under the lock: a collection is of one set. */
static void keep_set(struct attend *a, const struct stanza *stanza)
{
	expire(a);
	if (a->share_count && memcmp(a->set_id, stanza->shares.set_id, SHARE_SET_LEN) != 0) forget(a);
}

static enum coffer_err add(struct attend *a, const struct stanza *stanza, struct view text, uint8_t x, const struct principal *by,
	struct reason *reason)
{
	keep_set(a, stanza);
	for (unsigned i = 0; i < a->share_count; i++)
		if (a->shares[i].x == x)
			return reason_fail(reason, ERR_EXISTS, "share %u was given already (by %s); give another one", x, a->shares[i].by);
	INVARIANT(a->share_count < ATTEND_SHARES_MAX); /* no x twice */
	struct attend_share *share = &a->shares[a->share_count];
	share->text = BUF_EMPTY;
	TRY(buf_append(&share->text, text));
	share->x = x;
	snprintf(share->by, sizeof share->by, "%.*s", (int)sizeof share->by - 1, by->text);
	if (a->share_count++ > 0) return ERR_OK;
	memcpy(a->set_id, stanza->shares.set_id, SHARE_SET_LEN);
	a->ends_mono_ms = clock_mono_ms() + ATTEND_LIFETIME_MS;
	return ERR_OK;
}

enum coffer_err attend_add_share(struct attend *a, const struct domain_id *domain, const struct stanza *stanza, struct view text,
	const struct principal *by, struct reason *reason)
{
	uint8_t x = 0;
	TRY(recovery_check_share(domain, stanza, text, &x, reason));
	pthread_mutex_lock(&a->lock);
	enum coffer_err err = add(a, stanza, text, x, by, reason);
	pthread_mutex_unlock(&a->lock);
	return err;
}

unsigned attend_shares(struct attend *a, const struct stanza *stanza)
{
	pthread_mutex_lock(&a->lock);
	keep_set(a, stanza);
	unsigned count = a->share_count;
	pthread_mutex_unlock(&a->lock);
	return count;
}

static void name_givers(const struct attend *a, char *who, size_t cap)
{
	size_t len = 0;
	who[0] = '\0';
	for (unsigned i = 0; i < a->share_count && len < cap; i++) {
		int n = snprintf(who + len, cap - len, "%s%u (%s)", i ? ", " : "", a->shares[i].x, a->shares[i].by);
		len += n > 0 ? (size_t)n : 0;
	}
}

enum coffer_err attend_open_shares(struct attend *a, const struct domain_id *domain, const struct stanza *stanza, struct secret **out,
	char *who, size_t who_cap, struct reason *reason)
{
	struct view texts[ATTEND_SHARES_MAX];
	pthread_mutex_lock(&a->lock);
	keep_set(a, stanza);
	for (unsigned i = 0; i < a->share_count; i++) texts[i] = buf_view(&a->shares[i].text);
	enum coffer_err err = recovery_open_shares(domain, stanza, texts, a->share_count, out, reason);
	name_givers(a, who, who_cap);
	pthread_mutex_unlock(&a->lock);
	return err;
}

void attend_forget_shares(struct attend *a)
{
	pthread_mutex_lock(&a->lock);
	forget(a);
	pthread_mutex_unlock(&a->lock);
}
