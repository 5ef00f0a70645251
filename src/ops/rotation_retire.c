/* The end of old generations: the proof that nothing is under them, and their leaving. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyring/audit_key.h"
#include "keyring/domain_record.h"
#include "keyring/generation.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "ops/rotation_internal.h"
#include "ops/store_check.h"
#include "ops/seat.h"
#include "recovery/recovery.h"
#include "store/snapshot.h"

/* The re-seal has gone past every row: a pass that begins from now on is the proof. */
static void ask_for_proof(struct engine *engine)
{
	struct rotation *r = engine->rotation;
	r->pass = store_check_next_pass(engine->check);
	rotation_set_phase(engine, ROTATION_PROOF);
	if (engine->want_check) engine->want_check(engine);
}

/* Old rows that a pass found although none was held: written between its beginning and the re-seal's end they cannot be, so the re-seal looks again. */
static bool judge(struct engine *engine, const struct store_check_proof *proof)
{
	const struct rotation *r = engine->rotation;
	uint32_t newest = ring_newest(txn_ring(engine->txn));
	if (!proof->faults && (proof->lowest >= newest || proof->lowest == UINT32_MAX)) return true;
	if (r->place.held || proof->below)
		rotation_hold(engine, "%llu records could not be sealed again and keep the older data keys; 'coffer store check' and the log name them",
			(unsigned long long)(proof->below > r->place.held ? proof->below : r->place.held));
	else rotation_hold(engine, "the store is not whole, so the older data keys are kept: 'coffer store check' says what is wrong");
	rotation_tell(engine);
	return false;
}

bool rotation_is_proven(struct engine *engine)
{
	struct rotation *r = engine->rotation;
	struct store_check_proof proof;
	const struct rotation_place *p = &r->place;
	if (rotation_phase(engine) == ROTATION_RESEAL) {
		if (p->table > ROTATION_LAST_TABLE && p->next == p->count) ask_for_proof(engine);
		return false;
	}
	if (rotation_phase(engine) != ROTATION_PROOF) return false;
	if (store_check_proof(engine->check, r->pass, &proof)) return judge(engine, &proof);
	if (store_check_awaits(engine->check, r->pass) && engine->want_check) engine->want_check(engine);
	return false;
}

/* What leaves the ring with the commit. */
struct leaving {
	struct engine *engine;
	unsigned count;
	struct {
		uint32_t generation;
		struct secret *audit;
	} gone[ROTATION_GENERATIONS_MAX];
};

static void leaving_free(void *arg)
{
	struct leaving *l = arg;
	for (unsigned i = 0; i < l->count; i++) secret_free(l->gone[i].audit);
	free(l);
}

static void leave(void *arg)
{
	struct leaving *l = arg;
	struct ring *ring = txn_ring(l->engine->txn);
	for (unsigned i = 0; i < l->count; i++) {
		ring_remove(ring, l->gone[i].generation);
		if (ring_add_audit(ring, l->gone[i].generation, &l->gone[i].audit) != ERR_OK)
			log_warn("memory is short: audit records of generation %u cannot be verified before a restart", l->gone[i].generation);
	}
	rotation_set_phase(l->engine, ROTATION_NONE);
	rotation_tell(l->engine);
	log_info("the data key is generation %u alone", ring_newest(ring));
	leaving_free(l);
}

static enum coffer_err let_go(struct txn *txn, struct leaving *l, uint32_t generation)
{
	struct ring *ring = txn_ring(txn);
	const struct secret *audit;
	char name[AUDIT_KEY_NAME];
	uint8_t id[UUID_LEN + 4];
	struct writer w;
	TRY(ring_subkey(ring, generation, SUBKEY_AUDIT, &audit));
	l->gone[l->count].generation = generation;
	l->gone[l->count].audit = secret_copy(secret_bytes(audit), secret_len(audit));
	ENSURE(l->gone[l->count].audit, ERR_MEMORY);
	l->count++;
	audit_key_name(generation, name);
	TRY(domain_record_put(txn_store(txn), ring, name, secret_view(audit)));
	writer_init(&w, id, sizeof id);
	writer_bytes(&w, view_of(ring_domain(ring)->node_id, UUID_LEN));
	writer_u32(&w, generation);
	TRY(writer_done(&w));
	enum coffer_err err = store_erase(txn_store(txn), STORE_SLOT, writer_view(&w));
	return err == ERR_NOT_FOUND ? ERR_OK : err; /* a commit whose outcome was not known did it */
}

static enum coffer_err append_ended(struct engine *engine, struct txn *txn, uint32_t newest, unsigned left, uint64_t rows)
{
	char details[160];
	snprintf(details, sizeof details, "data key: %u older generations left, %u is the only one; %llu records were sealed again", left, newest,
		(unsigned long long)rows);
	const struct audit_event event = { .principal = view_str("node"), .operation = OPERATION_COFFER_ROTATE_DATA_KEY, .status = RESULT_STATUS_SUCCESS,
		.details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

static enum coffer_err write_end(struct engine *engine, struct txn *txn, struct leaving *l, struct reason *reason)
{
	struct ring *ring = txn_ring(txn);
	AUTO_SECRET struct secret *seed = NULL;
	uint32_t newest = ring_newest(ring);
	ENSURE(ring_count(ring) <= ROTATION_GENERATIONS_MAX, ERR_LIMIT);
	TRY(rotation_leave_others(engine, txn));
	for (unsigned i = 0; i + 1 < ring_count(ring); i++) TRY(let_go(txn, l, ring_generation_at(ring, i)));
	TRY(generation_get_domain_key(txn_store(txn), ring, &seed));
	enum coffer_err err = recovery_drop_generations(txn_store(txn), ring, seed, newest, reason);
	if (err && err != ERR_NOT_FOUND) return err;
	if (reason) reason->text[0] = '\0';
	struct rotation_record record = rotation_record_now(engine);
	record.ended_ms = clock_wall_s() * 1000;
	record.rows = engine->rotation->place.written;
	record.generation = 0;
	TRY(rotation_put_record(engine, txn, &record));
	return append_ended(engine, txn, newest, l->count, record.rows);
}

enum coffer_err rotation_retire(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	char waits_for[ROTATION_WAITS];
	(void)arg;
	TRY(seat_check_master(engine, reason));
	/* Its rows count under the keys that they had (docs/formats.md 14.1), and its stanza wraps these. */
	if (store_snapshot_is_read(txn_store(txn))) return reason_fail(reason, ERR_BUSY, "a backup is being made; the older data keys leave when it is done");
	TRY(rotation_look_after(engine, txn, waits_for, reason));
	if (waits_for[0]) {
		rotation_await(engine, waits_for);
		return ERR_OK;
	}
	struct leaving *l = calloc(1, sizeof *l);
	ENSURE(l, ERR_MEMORY);
	l->engine = engine;
	rooted_store_sync_mark(engine->store); /* under the newest: what the old keys proved leaves with them */
	enum coffer_err err = write_end(engine, txn, l, reason);
	if (!err) err = txn_on_commit(txn, leave, leaving_free, l);
	if (err) {
		leaving_free(l);
		return err;
	}
	txn_want_scrub(txn);
	return ERR_OK;
}
