/* What a node learns about the lease: from reading it, and from how its own writes ended. */
#include <string.h>

#include "domain/role_internal.h"

enum role_outcome role_outcome(enum coffer_err err)
{
	switch (err) {
	case ERR_OK: return ROLE_DONE;
	case ERR_STATE: return ROLE_REFUSED;
	case ERR_UNKNOWN_OUTCOME: return ROLE_UNKNOWN;
	case ERR_DENIED: return ROLE_REMOVED;
	case ERR_EXISTS: return ROLE_TWINNED;
	default: return ROLE_FAILED;
	}
}

/* Another one is master server. Who loses a lead soon after it was taken waits longer and longer, so that two bad connections do not play ball with it. */
static void lose(struct domain_role *r, uint64_t now_ms)
{
	uint64_t lease_time = r->config.lease_time_ms;
	bool told = r->stepping;
	role_disbelieve(r);
	r->kept = r->stepping = false;
	if (told) return;
	bool steady = now_ms - r->took_ms >= ROLE_STEADY_LEASES * lease_time;
	r->losses = steady ? 1 : r->losses < ROLE_LOSSES_MAX ? r->losses + 1 : ROLE_LOSSES_MAX;
	r->stepped = false;
	r->rest_until_ms = now_ms + (lease_time << (r->losses - 1)) + role_jitter(r, ROLE_POLL(r));
}

/* Epochs only rise along a history, and each has one holder. */
static bool is_behind(const struct domain_role *r, const struct lease *found)
{
	if (!found->version) return r->least != 0;
	if (found->epoch != r->least) return found->epoch < r->least;
	return r->least_known && memcmp(found->holder, r->least_holder, UUID_LEN) != 0;
}

/* What was only read may be lost with a failover: a commit is visible before every standby has it, after a crash or when its wait was ended. But a holder renews only what was
 * confirmed to it, so a second write under one epoch shows that the first one stays. */
static void confirm(struct domain_role *r, const struct lease *found)
{
	if (found->epoch < r->least) return;
	r->least = found->epoch;
	r->least_known = true;
	memcpy(r->least_holder, found->holder, UUID_LEN);
}

static bool is_write_of(const struct lease *attempt, const struct lease *found)
{
	return attempt->version && found->version == attempt->version && found->epoch == attempt->epoch &&
		memcmp(found->holder, attempt->holder, UUID_LEN) == 0 && memcmp(found->life, attempt->life, LEASE_LIFE_LEN) == 0;
}

/* What this process did not write, and who has its identity did. After a failover that lost renewals alone, or what another one wrote behind them, an older write of
 * its own stands there. */
static bool is_twins(const struct domain_role *r, const struct lease *found)
{
	if (!r->wrote || !found->version || !role_is_me(r, found)) return false;
	if (lease_is_same(&r->mine, found) || is_write_of(&r->doubt, found)) return false;
	return found->epoch != r->mine.epoch || found->version >= r->mine.version;
}

static void observe(struct domain_role *r, uint64_t now_ms, const struct lease *found)
{
	bool changed = !r->known || !lease_is_same(&r->seen, found);
	if (changed || now_ms - r->looked_ms > ROLE_GAP(r)) {
		r->since_ms = now_ms;
		r->jitter_ms = role_jitter(r, ROLE_POLL(r));
	}
	if (changed && found->version && found->held) {
		r->alive_until_ms = now_ms + found->holds_ms;
		if (r->gone) r->said |= ROLE_SAY_BACK;
		r->gone = false;
	}
	if (r->stepped && r->known && found->epoch > r->seen.epoch && !role_is_me(r, found)) {
		r->stepped = false;
		r->rest_until_ms = 0;
	}
	if (r->known && found->version > r->seen.version && r->seen.version && found->epoch == r->seen.epoch) confirm(r, found);
	r->seen = *found;
	r->looked_ms = now_ms;
	r->known = true;
	if (found->epoch > r->highest) r->highest = found->epoch;
}

/* One row can be tampered with and put right again: unlike what the roots say it holds until a good one is read. */
static void see_behind(struct domain_role *r, uint64_t now_ms)
{
	if (!r->behind && !r->lease_behind) r->said |= ROLE_SAY_BEHIND;
	r->lease_behind = true;
	r->looked_ms = now_ms;
	r->retry_ms = now_ms + ROLE_POLL(r);
	role_disbelieve(r);
}

void role_saw(struct domain_role *r, uint64_t now_ms, const struct lease *found)
{
	if (is_behind(r, found)) {
		see_behind(r, now_ms);
		return;
	}
	if (r->lease_behind) r->known = r->lease_behind = false; /* what is waited for begins anew */
	bool mine = found->version && role_is_me(r, found);
	if (is_twins(r, found)) role_twinned(r, now_ms, false);
	else if (mine && r->mine.version) r->mine = *found;
	else if (!mine && role_holds(r)) lose(r, now_ms);
	if (!(mine && found->held)) r->stepping = false;
	observe(r, now_ms, found);
	if (role_holds(r) && !r->master) r->renew_ms = now_ms;
}

/* A write of this process is there. What it believes counts from when it was sent. */
static void written(struct domain_role *r, uint64_t now_ms, enum role_do what, const struct lease *now)
{
	r->wrote = true;
	r->mine = *now;
	observe(r, now_ms, now);
	confirm(r, now);
	if (what == ROLE_TAKE) {
		r->kept = false;
		r->promote_until_ms = 0;
		r->took_ms = now_ms;
	}
	if (what == ROLE_FREE) {
		r->stepping = r->kept = false;
		r->alive_until_ms = now_ms;
		r->said |= ROLE_SAY_STEPPED_DOWN;
		role_disbelieve(r);
		return;
	}
	r->believe_until_ms = r->begun_ms + ROLE_HOLDS(r);
	r->alive_until_ms = r->believe_until_ms;
	r->renew_ms = r->begun_ms + ROLE_RENEW_EVERY(r);
	if (r->kept && !r->stepping && !r->master && now_ms < r->believe_until_ms) {
		r->master = true;
		r->said |= ROLE_SAY_MASTER;
	}
}

static void kept(struct domain_role *r, uint64_t now_ms)
{
	if (!role_holds(r) || r->stepping) return;
	r->kept = true;
	if (now_ms >= r->believe_until_ms) return;
	r->master = true;
	r->said |= ROLE_SAY_MASTER;
}

static void settled(struct domain_role *r, uint64_t now_ms, const struct lease *found)
{
	bool is_there = is_write_of(&r->attempt, found), held = r->attempt.held;
	bool took = !r->mine.version || r->mine.epoch != r->attempt.epoch;
	r->settling = false;
	if (!is_there) r->doubt = r->attempt; /* another one's write may stand over it, and be lost with a failover that leaves this one */
	r->attempt.version = 0;
	if (!is_there) {
		role_saw(r, now_ms, found);
		return;
	}
	written(r, now_ms, !held ? ROLE_FREE : took ? ROLE_TAKE : ROLE_RENEW, found);
}

static void done(struct domain_role *r, uint64_t now_ms, enum role_do what, const struct lease *found)
{
	switch (what) {
	case ROLE_LOOK: role_saw(r, now_ms, found); break;
	case ROLE_SETTLE: settled(r, now_ms, found); break;
	case ROLE_KEEP: kept(r, now_ms); break;
	case ROLE_NOTE_TWIN: r->noted = true; break;
	default: written(r, now_ms, what, found); break;
	}
}

static bool is_write(enum role_do what)
{
	return what == ROLE_TAKE || what == ROLE_RENEW || what == ROLE_FREE;
}

void role_ended(struct domain_role *r, uint64_t now_ms, enum role_outcome outcome, const struct lease *found)
{
	enum role_do what = r->doing;
	PRE(what != ROLE_WAIT);
	r->doing = ROLE_WAIT;
	if (outcome == ROLE_UNKNOWN) r->settling = true;
	else if (is_write(what)) r->attempt.version = 0;
	if (outcome == ROLE_FAILED && what == ROLE_TAKE) r->stepping = false; /* there is nothing to give back */
	switch (outcome) {
	case ROLE_DONE: done(r, now_ms, what, found); return;
	case ROLE_REFUSED: role_saw(r, now_ms, found); return;
	case ROLE_TWINNED: role_twinned(r, now_ms, true); return;
	case ROLE_REMOVED:
		if (!r->removed) r->said |= ROLE_SAY_REMOVED;
		r->removed = true;
		role_disbelieve(r);
		return;
	case ROLE_UNKNOWN: r->retry_ms = now_ms; return;
	default: r->retry_ms = now_ms + ROLE_RETRY(r) / 2 + role_jitter(r, ROLE_RETRY(r)); return;
	}
}
