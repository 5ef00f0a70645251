/* Judging a store that fails, opening it again, and the reserve. */
#include "daemon/store_care.h"
#include "daemon/store_cache.h"
#include "daemon/store_news.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "access/policy.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/rng.h"
#include "daemon/role_drive.h"
#include "keyring/rooted_store.h"
#include "ops/rotation.h"
#include "ops/seat.h"
#include "ops/store_check.h"

#define PAUSE_MS 300u  /* about, between two tries; less than the shortest tick, so that each tick may try */
#define LOST_IN_A_ROW 2u

static const char full_note[] = "the disk is full: nothing is written but what the reserve has room for (Destroy, Revoke, Revoke Grant); make room on "
	"the file system of state_dir";
static const char read_only_note[] = "the file system of state_dir is read-only: what is in memory is served and nothing is changed; mount it writable "
	"and look at the kernel's log";
static const char lost_note[] = "the disk lost what was written to it: what is in memory is served and nothing is changed until a write succeeds; look "
	"at the kernel's log and at the disk";
static const char away_note[] = "the store failed and cannot be opened again: only what is in memory is served; look at the kernel's log and at the disk";

static const char database_full_note[] = "the disk of the database is full: nothing is changed until there is room; make room there";
static const char database_away_note[] = "the database does not answer: what is in memory is served and nothing is changed; it is asked again by itself, see whether "
	"its server is up and reachable";

static const char *note_of_full(const struct daemon *d)
{
	return d->care.remote ? database_full_note : full_note;
}

static const char *note_of_away(const struct daemon *d)
{
	return d->care.remote ? database_away_note : away_note;
}

static void set_away(struct daemon *d, bool away)
{
	if (d->care.away != away) role_drive_store(d, !away);
	d->care.away = away;
	if (!away) d->engine.store_away = false; /* true from when status says so: until then who comes waits */
}

static void become(struct daemon *d, enum store_health health, const char *note)
{
	struct engine *e = &d->engine;
	enum store_health was = engine_store_health(e);
	if (health == was) return;
	engine_set_store_health(e, health, note);
	if (health == STORE_WELL) log_info("store: well (was %s)", store_health_name(was));
	else log_error("store: %s: %s", store_health_name(health), note);
}

static bool is_mounted_read_only(struct daemon *d)
{
	struct statvfs fs;
	return d->care.reserve_fd >= 0 && fstatvfs(d->care.reserve_fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

/* After a failure: newer kernels turn a file system read-only without saying so of its mount, and only a write tells. */
static bool is_read_only(struct daemon *d)
{
	if (is_mounted_read_only(d)) return true;
	return d->care.reserve_fd >= 0 && pwrite(d->care.reserve_fd, "", 1, 0) < 0 && errno == EROFS;
}

/* Many nodes lose their database at the same moment: each waits a little longer or shorter than the others. */
static void note_try(struct daemon *d)
{
	d->care.tried_ms = clock_mono_ms();
	d->care.pause_ms = rng_around(PAUSE_MS);
}

static void become_away(struct daemon *d)
{
	become(d, STORE_FAILED, note_of_away(d));
	d->engine.store_away = d->care.remote;
}

/* ---- the reserve ---- */

/* room: there must be as much again beside it, or the store would be well with the very room that the reserve and the emptied log gave back. */
static bool take_reserve(struct daemon *d, bool room)
{
	if (d->care.reserve_fd < 0 || d->care.reserve_held) return d->care.reserve_held;
	int rc;
	do rc = posix_fallocate(d->care.reserve_fd, 0, room ? 2 * (off_t)STORE_RESERVE_LEN : (off_t)STORE_RESERVE_LEN);
	while (rc == EINTR);
	d->care.reserve_held = rc == 0;
	if (ftruncate(d->care.reserve_fd, rc ? 0 : STORE_RESERVE_LEN) != 0) log_warn("the reserve has another size than it should: %m");
	return d->care.reserve_held;
}

/* False when there was none left. */
static bool give_reserve(struct daemon *d)
{
	if (!d->care.reserve_held) return false;
	d->care.reserve_held = false;
	if (ftruncate(d->care.reserve_fd, 0) == 0) return true;
	log_warn("the reserve cannot be given back: %m");
	return false;
}

enum coffer_err store_care_start(struct daemon *d, struct reason *reason)
{
	char path[4096];
	d->care.reserve_fd = -1;
	if (d->care.remote) return ERR_OK;
	if (snprintf(path, sizeof path, "%s/" STORE_RESERVE_NAME, d->config->state_dir) >= (int)sizeof path)
		return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
	d->care.reserve_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->care.reserve_fd < 0 && errno != ENOSPC && errno != EDQUOT && errno != EROFS)
		return reason_fail(reason, ERR_IO, "%s cannot be opened: %s; it must be a file of the daemon's user", path, strerror(errno));
	if (!take_reserve(d, false)) become(d, STORE_FULL, full_note);
	return ERR_OK;
}

void store_care_stop(struct daemon *d)
{
	if (d->care.reserve_fd >= 0) close(d->care.reserve_fd);
	d->care.reserve_fd = -1;
}

/* ---- opening again ---- */

/* After a commit that was lost: how the store is now. A full disk is one already. */
static void judge_failure(struct daemon *d, enum coffer_err reopened)
{
	if (engine_store_health(&d->engine) == STORE_FULL) return;
	if (is_read_only(d)) become(d, STORE_READ_ONLY, read_only_note);
	else if (reopened) become_away(d);
	else if (d->care.lost >= LOST_IN_A_ROW && !d->care.remote) become(d, STORE_FAILED, lost_note);
}

/* A database may have come back from elsewhere, or not have had the last commit; the root's version tells. A file that failed is not trusted with that. */
static enum coffer_err open_again(struct daemon *d, struct reason *reason)
{
	struct rooted_facts before, after;
	rooted_store_facts(d->engine.store, &before);
	d->care.unchanged = false;
	TRY(store_reopen(d->engine.store, reason));
	store_news_want(d);
	rooted_store_facts(d->engine.store, &after);
	d->care.unchanged = d->care.remote && before.rooted && after.rooted && before.version == after.version;
	return ERR_OK;
}

enum coffer_err store_care_reopen(struct daemon *d, struct reason *reason)
{
	enum coffer_err err = open_again(d, reason);
	if (err == ERR_FULL) { /* what the log holds has no room in the file; a quota is met like this too */
		become(d, STORE_FULL, note_of_full(d));
		if (give_reserve(d)) err = open_again(d, reason);
	}
	set_away(d, err != ERR_OK);
	note_try(d);
	d->care.lost++;
	judge_failure(d, err);
	return err;
}

static enum coffer_err read_audit(struct engine *e, struct reason *reason)
{
	struct audit_chain *chain = NULL;
	TRY(audit_chain_open(e->txn, &chain, reason));
	audit_chain_free(e->audit);
	e->audit = chain;
	return ERR_OK;
}

static enum coffer_err read_all(struct engine *e, struct reason *reason)
{
	struct grants *grants = NULL;
	TRY(grants_load_passing(e->txn, &grants));
	enum coffer_err err = read_audit(e, reason);
	if (err) {
		grants_unref(grants);
		return err;
	}
	engine_set_grants(e, grants);
	return ERR_OK;
}

void store_care_away(struct daemon *d)
{
	set_away(d, true);
	if (engine_store_health(&d->engine) == STORE_WELL || d->care.remote) become_away(d);
}

void store_care_lost(struct daemon *d, enum coffer_err err)
{
	if (!d->care.remote || (err != ERR_CLOSED && err != ERR_TIMEOUT)) return;
	store_care_away(d);
	note_try(d);
}

/* While it was closed anybody who may write the file could edit it: what is served from memory is more to be trusted. */
static void distrust(struct daemon *d, const struct reason *why)
{
	char note[REASON_MAX];
	snprintf(note, sizeof note, "%.360s; only what is in memory is served; %s", why->text,
		d->care.remote ? "it is tried again by itself: a restart loses what is there alone, so bring the newer store back first" : "stop the daemon and see to the store before it is started again");
	if (!d->care.distrusted) log_error("store: failed: %s", note);
	role_drive_behind(d);
	d->care.distrusted = true;
	d->care.why[0] = '\0'; /* what was told before is not what status says now */
	engine_set_store_health(&d->engine, STORE_FAILED, note);
	d->engine.store_away = d->care.remote;
}

void store_care_deaf(struct daemon *d, const struct reason *why)
{
	char note[REASON_MAX];
	snprintf(note, sizeof note, "%.380s; what the other nodes changed cannot be known, so nothing is sealed or changed, and it is read again by itself", why->text);
	if (d->care.distrusted) return;
	log_error("store: failed: %s", note);
	role_drive_behind(d);
	d->care.distrusted = true;
	engine_set_store_health(&d->engine, STORE_FAILED, note);
}

static enum coffer_err in_transaction(struct daemon *d, enum coffer_err (*read)(struct engine *e, struct reason *reason), struct reason *reason)
{
	struct engine *e = &d->engine;
	TRY(txn_begin(e->txn, reason));
	enum coffer_err err = read(e, reason);
	txn_abort(e->txn);
	if (!err) unsettled_know(&d->care.unsettled, audit_chain_length(e->audit));
	return err;
}

/* A root is under a data key that waits for this node, which only a store that is there can hand over. Until then nothing can be compared: grants stay those that are in memory, and store_care_heard
 * reads the rest. What was distrusted before stays so. */
static enum coffer_err go_on_behind(struct daemon *d, const struct reason *why, struct reason *reason)
{
	struct engine *e = &d->engine;
	d->care.unread = true;
	if (engine_store_health(e) != STORE_WELL && !d->care.distrusted) engine_set_store_health(e, STORE_FAILED, why->text);
	return in_transaction(d, read_audit, reason);
}

static enum coffer_err read_again(struct daemon *d, struct reason *reason)
{
	store_cache_take_start(d);
	TRY(in_transaction(d, read_all, reason));
	d->care.unread = false;
	return ERR_OK;
}

enum coffer_err store_care_reload(struct daemon *d, struct reason *reason)
{
	struct engine *e = &d->engine;
	struct reason why = { "" };
	enum coffer_err err = e->audit ? store_check_reopened(e, &why) : ERR_OK;
	bool behind = err == ERR_STATE;
	if (err == ERR_CORRUPT) {
		set_away(d, true);
		distrust(d, &why);
		return reason_fail(reason, err, "%s", why.text);
	}
	if (!d->care.unchanged) {
		object_table_clear(e->objects);
		if (e->after_destroy) e->after_destroy(e);
	}
	if (behind) err = go_on_behind(d, &why, reason);
	else if (!err && e->audit) err = read_again(d, reason);
	if (behind && !err) return ERR_OK;
	d->care.distrusted = false;
	if (!err) {
		role_drive_well(d);
		return ERR_OK;
	}
	set_away(d, true);
	become_away(d);
	return err;
}

enum coffer_err store_care_heard(struct daemon *d)
{
	if (!d->care.unread && !d->care.distrusted) return ERR_OK;
	if (d->care.distrusted) d->care.unchanged = false; /* what was read meanwhile */
	return store_care_reload(d, NULL);
}

/* ---- trying ---- */

/* With a proof, where several nodes write, that this one may. */
static enum coffer_err begin(struct engine *e, struct reason *reason)
{
	TRY(txn_begin(e->txn, reason));
	enum coffer_err err = seat_check_member(e, reason);
	if (err) txn_abort(e->txn);
	return err;
}

static enum coffer_err append(struct daemon *d, const char *what)
{
	struct engine *e = &d->engine;
	struct audit_event event = { .principal = view_str("node"), .details = view_str(what) };
	TRY(rotation_settle(e));
	enum coffer_err err = begin(e, NULL);
	if (err == ERR_UNKNOWN_OUTCOME || (err == ERR_CLOSED && d->care.remote)) { /* a transaction before it could not be rolled back: there is none to settle */
		set_away(d, true);
		return ERR_IO;
	}
	TRY(err);
	err = audit_append(e->audit, e->txn, &event);
	if (!err) err = unsettled_append(&d->care.unsettled, e->audit, e->txn);
	if (err) {
		txn_abort(e->txn);
		return err;
	}
	TRY(txn_commit(e->txn, NULL));
	unsettled_told(&d->care.unsettled);
	return ERR_OK;
}

/* A record of what happened, and the proof that it can be written. */
static enum coffer_err write_event(struct daemon *d, const char *what)
{
	struct engine *e = &d->engine;
	/* Sealed, or before init: nothing can be written yet, and what an init that failed left in memory must not be. */
	if (!e->audit || engine_state_get(e) != ENGINE_OPEN) return ERR_OK;
	enum coffer_err err = append(d, what);
	if (err != ERR_UNKNOWN_OUTCOME) return err;
	err = store_care_reopen(d, NULL);
	enum coffer_err settled = txn_settle(e->txn, false);
	if (!err) err = settled ? settled : store_care_reload(d, NULL);
	return err ? err : ERR_UNKNOWN_OUTCOME;
}

/* Why the database is not there, in the words of who tried: told by status, and by the log when it is another reason than the last one. */
static void tell_why(struct daemon *d, const struct reason *why)
{
	char note[REASON_MAX];
	if (!d->care.remote || !why->text[0] || strcmp(why->text, d->care.why) == 0) return;
	memcpy(d->care.why, why->text, sizeof d->care.why);
	snprintf(note, sizeof note, "%.300s; what is in memory is served and nothing is changed, and it is tried again by itself", why->text);
	log_error("store: failed: %s", note);
	engine_set_store_health(&d->engine, STORE_FAILED, note);
}

static enum coffer_err bring_back(struct daemon *d, struct reason *reason)
{
	struct reason why = { "" };
	enum coffer_err err = open_again(d, &why);
	if (err == ERR_CORRUPT && d->care.remote) distrust(d, &why);
	else if (err) tell_why(d, &why);
	if (err) return reason_fail(reason, err, "%s", reason_text(&why, err));
	d->care.why[0] = '\0';
	set_away(d, false);
	return store_care_reload(d, reason);
}

static void try_again(struct daemon *d)
{
	char what[160];
	enum store_health was = engine_store_health(&d->engine);
	note_try(d);
	if (is_read_only(d)) {
		become(d, STORE_READ_ONLY, read_only_note);
		return;
	}
	if (d->care.away && bring_back(d, NULL) != ERR_OK) return;
	if (was == STORE_WELL || d->care.distrusted) return; /* whose changes are not heard writes none: store_care_heard ends it */
	/* Also a store that was full before its file system turned read-only is well only when there is room again. */
	if (d->care.reserve_fd >= 0 && !take_reserve(d, true)) {
		become(d, STORE_FULL, note_of_full(d));
		return;
	}
	snprintf(what, sizeof what, "the store takes changes again; it was %s", store_health_name(was));
	enum coffer_err err = write_event(d, what);
	if (err == ERR_FULL) give_reserve(d);
	if (err) return;
	d->care.lost = 0;
	become(d, STORE_WELL, "");
}

bool store_care_mend(struct daemon *d, enum coffer_err err)
{
	if (!d->care.remote || err != ERR_CLOSED) return false;
	set_away(d, true);
	if (bring_back(d, NULL) == ERR_OK) return true;
	store_care_lost(d, err);
	return false;
}

enum coffer_err store_care_readable(struct daemon *d, struct reason *reason)
{
	bool troubled = d->care.away || engine_store_health(&d->engine) != STORE_WELL;
	if (troubled && clock_mono_ms() - d->care.tried_ms >= d->care.pause_ms) try_again(d);
	return d->care.away ? engine_store_refuses(&d->engine, ERR_IO, reason) : ERR_OK;
}

enum coffer_err store_care_begin(struct daemon *d, struct reason *reason)
{
	struct engine *e = &d->engine;
	TRY(store_care_readable(d, reason));
	TRY(rotation_settle(e)); /* before anything is sealed under a key that may be nowhere */
	enum coffer_err err = begin(e, reason);
	if (err != ERR_UNKNOWN_OUTCOME && (err != ERR_CLOSED || !d->care.remote)) return err;
	set_away(d, true); /* a transaction that could not even be rolled back */
	if (bring_back(d, reason) == ERR_OK) {
		TRY(rotation_settle(e));
		return begin(e, reason);
	}
	become_away(d);
	return engine_store_refuses(e, ERR_IO, reason);
}

enum coffer_err store_care_admit(struct daemon *d, const struct request *r, struct reason *reason)
{
	enum store_health health = engine_store_health(&d->engine);
	enum request_write kind = request_write_kind(r);
	if (health == STORE_WELL || kind == REQUEST_READS || (health == STORE_FULL && kind == REQUEST_ENDS)) return ERR_OK;
	return engine_store_refuses(&d->engine, health == STORE_FULL ? ERR_FULL : ERR_IO, reason);
}

/* The log may have had room for a commit, and the file none for what is to leave the log. */
static bool scrub_wants_reserve(const struct daemon *d)
{
	return d->care.reserve_held && txn_scrub_lacks_room(d->engine.txn);
}

static void become_full(struct daemon *d)
{
	become(d, STORE_FULL, note_of_full(d));
	bool given = give_reserve(d);
	if (given) txn_scrub(d->engine.txn); /* first of all what was committed gets its room, and the log's becomes free */
	if (given && write_event(d, "the disk is full: only Destroy, Revoke and Revoke Grant are carried out") != ERR_OK)
		log_warn("the full disk is not in the audit log");
}

void store_care_after(struct daemon *d, bool wrote, enum coffer_err err)
{
	bool was_well = engine_store_health(&d->engine) == STORE_WELL;
	if (!err && wrote) d->care.lost = 0;
	if (!was_well) return;
	store_care_lost(d, err);
	if (err == ERR_FULL || scrub_wants_reserve(d)) become_full(d);
	if (err == ERR_IO && is_read_only(d)) become(d, STORE_READ_ONLY, read_only_note);
	note_try(d);
}

/* ---- the clock of the main thread ---- */

static void on_store_thread(void *arg)
{
	struct daemon *d = arg;
	d->care.queued = false;
	try_again(d);
	if (d->care.away) return;
	txn_scrub_again(d->engine.txn); /* what was destroyed while the disk failed */
	if (scrub_wants_reserve(d)) become_full(d);
}

void store_care_tick(struct daemon *d)
{
	if (engine_store_health(&d->engine) == STORE_WELL && !is_mounted_read_only(d) && !txn_scrub_due(d->engine.txn)) return;
	if (atomic_exchange(&d->care.queued, true)) return;
	d->care.job = (struct job){ .kind = JOB_CALL, .call = on_store_thread, .arg = d };
	if (!job_queue_put(&d->store_jobs, &d->care.job)) d->care.queued = false;
}
