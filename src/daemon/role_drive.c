/* The loop of docs/domain.md, and what follows from what the role says. */
#include "daemon/role_drive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/rng.h"
#include "daemon/store_care.h"
#include "daemon/store_thread.h"
#include "keyring/rooted_store.h"
#include "ops/alert.h"
#include "ops/rotation.h"
#include "ops/seat.h"

#define STEPS_AT_ONCE 8u  /* then requests have their turn */
#define RECORD_AGAIN_MS 1000u
#define WRITE_TRIES 4u    /* of a write that another node's transaction came between */

static bool is_driven(const struct daemon *d)
{
	const struct engine *e = &d->engine;
	return e->seat && e->seat->taken && e->state != ENGINE_FAULT;
}

/* ---- what others ask ---- */

static void publish(struct engine *e, uint64_t now_ms)
{
	struct seat *s = e->seat;
	uint8_t master[UUID_LEN] = { 0 };
	const struct domain_role *r = &s->role;
	bool known = role_master_node(r, now_ms, master);
	s->epoch = r->seen.epoch;
	s->master_until_ms = role_kind(r, now_ms) == ROLE_MASTER ? r->believe_until_ms : 0;
	s->gone = r->gone;
	s->twin = r->twin;
	s->seal_until_ms = role_may_encrypt(r, now_ms) ? r->alive_until_ms + r->config.encrypt_grace_ms : 0;
	pthread_mutex_lock(&s->lock);
	s->known = known;
	memcpy(s->master, master, sizeof s->master);
	pthread_mutex_unlock(&s->lock);
}

/* ---- what is worth an event ---- */

struct saying {
	unsigned bit;
	enum log_level level;
	const char *text;
};

static const struct saying sayings[] = {
	{ ROLE_SAY_LOST, LOG_LEVEL_WARN, "this node is not master server any more" },
	{ ROLE_SAY_MASTER, LOG_LEVEL_INFO, "this node is master server" },
	{ ROLE_SAY_GONE, LOG_LEVEL_WARN, "no master server is seen: new data is not sealed once encrypt_grace is over, opening goes on" },
	{ ROLE_SAY_BACK, LOG_LEVEL_INFO, "a master server is seen again" },
	{ ROLE_SAY_TWIN, LOG_LEVEL_ERROR, "two machines run with the identity of this node: neither changes anything; remove one, then run 'coffer node accept NODE'" },
	{ ROLE_SAY_BEHIND, LOG_LEVEL_ERROR, "the store is older than what this node saw, or another history: it does not take part until an administrator has accepted it" },
	{ ROLE_SAY_REMOVED, LOG_LEVEL_ERROR, "this node was removed from the domain" },
	{ ROLE_SAY_STEPPED_DOWN, LOG_LEVEL_INFO, "this node stepped down: it leaves the lease to others" },
	{ ROLE_SAY_NOT_PROMOTED, LOG_LEVEL_WARN, "this node was to be promoted, and could not take the lease in time" },
};

#define SAYINGS (sizeof sayings / sizeof sayings[0])

static void put_text(const struct saying *saying, uint64_t epoch, char *out, size_t cap)
{
	if (saying->bit & (ROLE_SAY_MASTER | ROLE_SAY_BACK | ROLE_SAY_LOST)) snprintf(out, cap, "%s (epoch %" PRIu64 ")", saying->text, epoch);
	else snprintf(out, cap, "%s", saying->text);
}

static enum coffer_err append(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct audit_event event = { .principal = view_str("node"), .details = view_str(arg) };
	(void)reason;
	return audit_append(e->audit, txn, &event);
}

#define LASTING (ROLE_SAY_MASTER | ROLE_SAY_LOST | ROLE_SAY_STEPPED_DOWN | ROLE_SAY_NOT_PROMOTED) /* what the audit log has */

/* What was said before the node was open, or while its store was away, as soon as it can be written. */
static void record(struct daemon *d)
{
	struct engine *e = &d->engine;
	char text[256];
	for (size_t i = 0; i < SAYINGS && e->seat->to_record; i++) {
		if (!e->audit || engine_state_get(e) != ENGINE_OPEN || d->care.away) return;
		if (!(e->seat->to_record & sayings[i].bit)) continue;
		put_text(&sayings[i], sayings[i].bit == ROLE_SAY_MASTER ? e->seat->master_epoch : e->seat->lost_epoch, text, sizeof text);
		if (store_thread_within(e, append, text, NULL) != ERR_OK) {
			e->seat->record_at_ms = clock_mono_ms() + RECORD_AGAIN_MS;
			return;
		}
		e->seat->to_record &= ~sayings[i].bit;
	}
}

static void tell(struct daemon *d)
{
	struct engine *e = &d->engine;
	char text[256];
	unsigned said = role_said(&e->seat->role);
	const unsigned both = ROLE_SAY_GONE | ROLE_SAY_BACK;
	if ((said & both) == both && !e->seat->role.gone) said &= ~both; /* there was none yet, and this node took it */
	for (size_t i = 0; i < SAYINGS && said; i++) {
		if (!(said & sayings[i].bit)) continue;
		put_text(&sayings[i], e->seat->role.seen.epoch, text, sizeof text);
		log_line(sayings[i].level, "domain: %s", text);
		if (sayings[i].bit == ROLE_SAY_MASTER && e->seat->took_over) alert_happened(e->alerts, ALERT_TAKEOVER, text);
	}
	e->seat->to_record |= said & LASTING;
	if (said & ROLE_SAY_MASTER) e->seat->master_epoch = e->seat->role.seen.epoch;
	if (said & ROLE_SAY_LOST) e->seat->lost_epoch = e->seat->role.seen.epoch;
	if (e->seat->to_record && clock_mono_ms() >= e->seat->record_at_ms) record(d);
}

/* ---- actions ---- */

static enum coffer_err look(struct engine *e, struct lease *found)
{
	return lease_look(e->store, txn_ring(e->txn), found);
}

/* What the lease and the fence say has its outcome; an error of the store around it says nothing of them. */
static enum role_outcome outcome_of_store(enum coffer_err err)
{
	return !err ? ROLE_DONE : err == ERR_UNKNOWN_OUTCOME ? ROLE_UNKNOWN : ROLE_FAILED;
}

/* *err: ERR_BUSY when it is to be run once more. */
static enum role_outcome write_once(struct engine *e, struct role_action *a, struct lease *found, enum coffer_err *err, struct reason *reason)
{
	*err = store_begin(e->store, reason);
	if (*err) return outcome_of_store(*err);
	*err = lease_write(e->store, txn_ring(e->txn), &a->expect, &a->next, found, reason);
	if (*err) {
		store_rollback(e->store);
		return role_outcome(*err);
	}
	if (a->what == ROLE_TAKE) rooted_store_note_epoch(e->store, a->next.epoch); /* its root version is in the mark: the epoch outlives this process with both */
	*err = store_commit(e->store, reason);
	return outcome_of_store(*err);
}

static enum role_outcome write_lease(struct engine *e, struct role_action *a, struct lease *found, enum coffer_err *err, struct reason *reason)
{
	enum role_outcome outcome = ROLE_FAILED;
	*err = ERR_BUSY;
	for (unsigned i = 0; i < WRITE_TRIES && *err == ERR_BUSY; i++) outcome = write_once(e, a, found, err, reason);
	if (outcome == ROLE_DONE) *found = a->next;
	return outcome;
}

static enum coffer_err note_twin(struct engine *e, struct reason *reason)
{
	TRY(store_begin(e->store, reason));
	enum coffer_err err = fence_note_twin(e->store, txn_ring(e->txn));
	if (!err) return store_commit(e->store, reason);
	store_rollback(e->store);
	return err;
}

static enum coffer_err keep(struct engine *e)
{
	rooted_store_sync_mark(e->store);
	return ERR_OK;
}

/* What became of a commit that was not confirmed: the store is opened and read again, the lease too. While it is away nothing waits for it: who opens it says so. */
static enum coffer_err settle(struct daemon *d, struct lease *found, struct reason *reason)
{
	ENSURE(!d->care.away, ERR_CLOSED);
	TRY(store_care_reopen(d, reason));
	TRY(store_care_reload(d, reason));
	return look(&d->engine, found);
}

static enum role_outcome carry_out(struct daemon *d, struct role_action *a, struct lease *found, enum coffer_err *err, struct reason *reason)
{
	struct engine *e = &d->engine;
	switch (a->what) {
	case ROLE_LOOK: *err = look(e, found); break;
	case ROLE_KEEP: *err = keep(e); break;
	case ROLE_SETTLE: *err = settle(d, found, reason); break;
	case ROLE_NOTE_TWIN: *err = note_twin(e, reason); return outcome_of_store(*err);
	default: return write_lease(e, a, found, err, reason);
	}
	return *err ? ROLE_FAILED : ROLE_DONE;
}

static bool is_own(const struct domain_role *r, const struct lease *lease)
{
	return memcmp(lease->holder, r->config.node_id, UUID_LEN) == 0;
}

static enum coffer_err fill_in(struct role_action *a)
{
	TRY(rng_bytes(a->next.life, sizeof a->next.life));
	if (a->what == ROLE_TAKE) a->next.taken_ms = clock_wall_s() * 1000;
	return ERR_OK;
}

static void note_failure(struct daemon *d, const struct role_action *a, enum coffer_err err, const struct reason *reason)
{
	static const char *const names[] = { [ROLE_LOOK] = "looked at", [ROLE_TAKE] = "taken", [ROLE_RENEW] = "renewed", [ROLE_FREE] = "given back", [ROLE_KEEP] = "kept",
		[ROLE_SETTLE] = "settled", [ROLE_NOTE_TWIN] = "noted" };
	if (!err || err == ERR_STATE) return;
	log_debug("domain: the lease cannot be %s: %s", names[a->what], reason_text(reason, err));
	store_care_lost(d, err);
}

static void act(struct daemon *d, struct role_action *a)
{
	struct domain_role *r = &d->engine.seat->role;
	struct lease found = { .version = 0 };
	struct reason reason = { "" };
	enum role_outcome outcome = ROLE_FAILED;
	enum coffer_err err = fill_in(a);
	role_begun(r, clock_mono_ms(), a);
	d->commit_since_ms = clock_mono_ms();
	if (!err) outcome = carry_out(d, a, &found, &err, &reason);
	d->commit_since_ms = 0;
	note_failure(d, a, err, &reason);
	role_ended(r, clock_mono_ms(), outcome, &found);
	if (a->what == ROLE_TAKE && outcome == ROLE_DONE) d->engine.seat->took_over = a->expect.version && !is_own(r, &a->expect);
}

/* A fence said that the lease is not what it was. */
static void heed(struct engine *e)
{
	struct lease found;
	if (!e->seat->look_again) return;
	e->seat->look_again = false;
	if (look(e, &found) == ERR_OK) role_saw(&e->seat->role, clock_mono_ms(), &found);
}

/* Until there is nothing more to do now. */
static uint64_t drive(struct daemon *d)
{
	struct role_action a;
	struct domain_role *r = &d->engine.seat->role;
	for (unsigned i = 0; i < STEPS_AT_ONCE; i++) {
		role_next(r, clock_mono_ms(), &a);
		if (a.what == ROLE_WAIT) return a.at_ms;
		act(d, &a);
	}
	return clock_mono_ms() + 1;
}

uint64_t role_drive(struct daemon *d)
{
	if (!is_driven(d)) return UINT64_MAX;
	if (rooted_store_has_twin(d->engine.store) && !d->engine.seat->role.twin) role_twinned(&d->engine.seat->role, clock_mono_ms(), false);
	if (!d->care.away && rotation_settle(&d->engine) == ERR_OK) heed(&d->engine); /* a lease is read under a ring that is not in doubt */
	uint64_t at_ms = drive(d);
	publish(&d->engine, clock_mono_ms());
	tell(d);
	return at_ms;
}

void role_drive_store(struct daemon *d, bool here)
{
	if (is_driven(d)) role_store(&d->engine.seat->role, clock_mono_ms(), here);
}

void role_drive_behind(struct daemon *d)
{
	if (is_driven(d)) role_store_behind(&d->engine.seat->role, clock_mono_ms());
}

void role_drive_well(struct daemon *d)
{
	if (is_driven(d)) role_store_well(&d->engine.seat->role, clock_mono_ms());
}

void role_drive_end(struct daemon *d)
{
	if (!is_driven(d) || d->care.away) return;
	role_step_down(&d->engine.seat->role, clock_mono_ms());
	(void)drive(d);
}
