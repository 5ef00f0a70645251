/* Levels, heard of and raised. */
#include "daemon/level_watch.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store_thread.h"
#include "domain/level.h"
#include "ops/seat.h"

#define LOOK_AGAIN_MS 5000u /* where nobody's record was changed */

/* It cannot read what comes now: what threads and connections have goes with the process. */
static void close_node(struct engine *e, const struct reason *why)
{
	e->state = ENGINE_FAULT;
	engine_note(e, "%s", why->text);
	log_error("%s", why->text);
	e->restart(e);
}

void level_watch_heard(struct daemon *d, const struct shared_news *news)
{
	uint32_t level;
	struct engine *e = &d->engine;
	struct reason reason = { "" };
	if (!e->seat || !e->seat->taken || !(news->tables & 1u << STORE_DOMAIN)) return;
	d->news.level_after_ms = 0; /* it may be a member's */
	enum coffer_err err = level_check(e->store, txn_ring(e->txn), &level, &reason);
	if (err == ERR_VERSION) close_node(e, &reason);
	if (!err && level > e->seat->level) {
		log_info("domain: the format level is %u", level);
		e->seat->level = level;
	}
}

struct raising {
	uint32_t from, to; /* 0: it was not raised */
};

static enum coffer_err raise_level(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	char details[160];
	uint32_t known;
	size_t members;
	struct raising *r = arg;
	struct store *store = txn_store(txn);
	*r = (struct raising){ .to = 0 };
	TRY(seat_check_master(e, reason));
	TRY(level_get(store, txn_ring(txn), &r->from, NULL));
	TRY(level_of_members(store, txn_ring(txn), &known, &members));
	if (known <= r->from) return ERR_OK;
	TRY(level_raise(store, txn_ring(txn), known));
	r->to = known;
	snprintf(details, sizeof details, "the format level of the domain was raised from %u to %u: each of its %zu nodes knows it", r->from, known, members);
	const struct audit_event event = { .principal = view_str("node"), .details = view_str(details) };
	return audit_append(e->audit, txn, &event);
}

static bool is_wanted(struct daemon *d)
{
	struct engine *e = &d->engine;
	if (!e->seat || !e->seat->taken || !e->audit || engine_state_get(e) != ENGINE_OPEN || d->care.away) return false;
	return e->seat->level < level_known() && clock_mono_ms() >= d->news.level_after_ms && seat_is_master(e);
}

void level_watch_raise(struct daemon *d)
{
	uint32_t known = 0;
	size_t members;
	struct engine *e = &d->engine;
	struct raising r = { .to = 0 };
	struct reason reason = { "" };
	if (!is_wanted(d)) return;
	d->news.level_after_ms = clock_mono_ms() + LOOK_AGAIN_MS;
	enum coffer_err err = level_of_members(e->store, txn_ring(e->txn), &known, &members);
	if (!err && known > e->seat->level) err = store_thread_within(e, raise_level, &r, &reason);
	if (err) log_warn("the format level of the domain is not raised yet: %s", reason_text(&reason, err));
	if (err || !r.to) return;
	e->seat->level = r.to;
	log_info("domain: the format level was raised from %u to %u", r.from, r.to);
}
