/* The life of a change of the data key: its beginning, what is known of it, and what a start finds. */
#include "ops/rotation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/reader.h"
#include "keyring/audit_key.h"
#include "keyring/domain_record.h"
#include "keyring/generation.h"
#include "keyring/rooted_store.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "ops/rotation_internal.h"
#include "ops/rotation_master.h"
#include "ops/rotation_owed.h"
#include "ops/seat.h"
#include "recovery/recovery.h"

#define RECORD "rotation"
#define RECORD_MAX (32u + 25u + STORE_ID_MAX + 1u)

struct rotation *rotation_new(void)
{
	struct rotation *r = calloc(1, sizeof *r);
	if (r && pthread_mutex_init(&r->lock, NULL) != 0) {
		free(r);
		return NULL;
	}
	return r;
}

void rotation_free(struct rotation *r)
{
	if (!r) return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

enum rotation_phase rotation_phase(struct engine *engine)
{
	return engine->rotation ? (enum rotation_phase)engine->rotation->phase : ROTATION_NONE;
}

void rotation_set_phase(struct engine *engine, enum rotation_phase phase)
{
	engine->rotation->phase = phase;
}

void rotation_tell(struct engine *engine)
{
	struct rotation *r = engine->rotation;
	struct ring *ring = txn_ring(engine->txn);
	pthread_mutex_lock(&r->lock);
	r->newest = ring ? ring_newest(ring) : 0;
	r->generations = ring ? ring_count(ring) : 0;
	r->looked = r->place.looked;
	r->written = r->place.written;
	r->held = r->place.held;
	if (r->phase != ROTATION_HELD) r->sentence[0] = '\0';
	pthread_mutex_unlock(&r->lock);
}

/* Phase and why in one: who asks for the status meanwhile never reads that something holds it which is only waited for. */
static void hold(struct engine *engine, bool awaits, const char *fmt, va_list args)
{
	struct rotation *r = engine->rotation;
	char sentence[sizeof r->sentence];
	vsnprintf(sentence, sizeof sentence, fmt, args);
	pthread_mutex_lock(&r->lock);
	bool news = strcmp(sentence, r->sentence) != 0;
	memcpy(r->sentence, sentence, sizeof sentence);
	r->awaits = awaits;
	rotation_set_phase(engine, ROTATION_HELD);
	pthread_mutex_unlock(&r->lock);
	if (news) log_warn("change of the data key: %s", sentence);
}

void rotation_hold(struct engine *engine, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	hold(engine, false, fmt, args);
	va_end(args);
}

void rotation_wait(struct engine *engine, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	hold(engine, true, fmt, args);
	va_end(args);
}

void rotation_tell_old(struct engine *engine, const char *sentence)
{
	struct rotation *r = engine->rotation;
	if (!r) return;
	pthread_mutex_lock(&r->lock);
	snprintf(r->old_master, sizeof r->old_master, "%s", sentence);
	pthread_mutex_unlock(&r->lock);
}

void rotation_old(struct engine *engine, char out[static REASON_MAX])
{
	struct rotation *r = engine->rotation;
	out[0] = '\0';
	if (!r) return;
	pthread_mutex_lock(&r->lock);
	memcpy(out, r->old_master, REASON_MAX);
	pthread_mutex_unlock(&r->lock);
}

void rotation_restart(struct engine *engine)
{
	struct rotation *r = engine->rotation;
	uint64_t counts[STORE_TABLE_END], total = 0, written = r->place.written;
	rooted_store_counts(engine->store, counts);
	for (unsigned t = STORE_OBJECT; t <= ROTATION_LAST_TABLE; t++) total += counts[t];
	r->place = (struct rotation_place){ .table = STORE_OBJECT, .written = written };
	pthread_mutex_lock(&r->lock);
	r->total = total;
	r->awaits = false;
	rotation_set_phase(engine, ROTATION_RESEAL);
	pthread_mutex_unlock(&r->lock);
}

void rotation_again(struct engine *engine)
{
	if (rotation_phase(engine) == ROTATION_HELD) rotation_restart(engine);
}

/* ---- the record ---- */

/* Records of before have nothing behind the times. */
static enum coffer_err read_place(struct reader *r, struct rotation_record *out)
{
	struct view id;
	if (reader_left(r) == 0) return reader_end(r);
	TRY(reader_u32(r, &out->generation));
	TRY(reader_u8(r, &out->table));
	TRY(reader_u64(r, &out->looked));
	TRY(reader_u64(r, &out->written));
	TRY(reader_view_u32(r, sizeof out->at.at, &id));
	if (id.len) memcpy(out->at.at, id.ptr, id.len);
	out->at.len = id.len;
	return reader_end(r);
}

static enum coffer_err read_record(struct store *store, struct ring *ring, struct rotation_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct reader r;
	*out = (struct rotation_record){ 0 };
	enum coffer_err err = domain_record_get(store, ring, RECORD, &plain);
	if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
	reader_init(&r, buf_view(&plain));
	bool whole = reader_u64(&r, &out->begun_ms) == ERR_OK && reader_u64(&r, &out->ended_ms) == ERR_OK && reader_u64(&r, &out->rows) == ERR_OK &&
		reader_u64(&r, &out->master_ms) == ERR_OK && read_place(&r, out) == ERR_OK;
	if (!whole) *out = (struct rotation_record){ 0 };
	return whole ? ERR_OK : ERR_CORRUPT;
}

struct record_kept {
	struct rotation *rotation;
	struct rotation_record record;
};

static void keep_record(void *arg)
{
	struct record_kept *k = arg;
	pthread_mutex_lock(&k->rotation->lock);
	k->rotation->record = k->record;
	pthread_mutex_unlock(&k->rotation->lock);
	free(k);
}

enum coffer_err rotation_put_record(struct engine *engine, struct txn *txn, const struct rotation_record *record)
{
	uint8_t plain[RECORD_MAX];
	struct writer w;
	struct record_kept *k = malloc(sizeof *k);
	ENSURE(k, ERR_MEMORY);
	*k = (struct record_kept){ engine->rotation, *record };
	enum coffer_err err = txn_on_commit(txn, keep_record, free, k);
	if (err) {
		free(k);
		return err;
	}
	writer_init(&w, plain, sizeof plain);
	writer_u64(&w, record->begun_ms);
	writer_u64(&w, record->ended_ms);
	writer_u64(&w, record->rows);
	writer_u64(&w, record->master_ms);
	if (record->generation) {
		writer_u32(&w, record->generation);
		writer_u8(&w, record->table);
		writer_u64(&w, record->looked);
		writer_u64(&w, record->written);
		writer_view_u32(&w, view_of(record->at.at, record->at.len));
	}
	TRY(writer_done(&w));
	return domain_record_put(txn_store(txn), txn_ring(txn), RECORD, writer_view(&w));
}

struct rotation_record rotation_record_now(struct engine *engine)
{
	pthread_mutex_lock(&engine->rotation->lock);
	struct rotation_record record = engine->rotation->record;
	pthread_mutex_unlock(&engine->rotation->lock);
	return record;
}

/* ---- opening ---- */

/* One that does not open makes links unverifiable, and verification says which; it keeps nobody from the keys. */
static enum coffer_err take_audit_key(void *arg, const struct store_row *row)
{
	if (!audit_key_is(row)) return ERR_OK;
	enum coffer_err err = audit_key_take(arg, row);
	if (err && err != ERR_MEMORY) log_error("the audit log's key '%.18s' of an earlier data key does not open: %s", (const char *)row->id, err_text(err));
	return err == ERR_MEMORY ? err : ERR_OK;
}

enum coffer_err rotation_load_audit_keys(struct store *store, struct ring *ring)
{
	return store_scan(store, STORE_DOMAIN, view_str(AUDIT_KEY_PREFIX), false, SIZE_MAX, take_audit_key, ring);
}

/* Where the last commit left it. Nothing rests on it: the proof finds what was passed over, and the re-seal begins again. */
static void go_on(struct rotation *r, uint32_t newest)
{
	const struct rotation_record *record = &r->record;
	if (record->generation != newest || record->table < STORE_OBJECT || record->table > ROTATION_LAST_TABLE + 1) return;
	r->place.table = (enum store_table)record->table; /* behind the last one: the proof is what is left */
	r->place.at = record->at;
	r->place.looked = record->looked;
	r->place.written = record->written;
}

enum coffer_err rotation_load(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct rotation *r = engine->rotation;
	struct rotation_record record;
	(void)arg;
	(void)reason;
	if (!r) return ERR_OK;
	TRY(rotation_load_audit_keys(txn_store(txn), txn_ring(txn)));
	enum coffer_err err = read_record(txn_store(txn), txn_ring(txn), &record);
	if (err == ERR_MEMORY) return err;
	if (err) log_warn("what is known of earlier changes of the data key does not open: %s", err_text(err));
	pthread_mutex_lock(&r->lock);
	r->record = record;
	pthread_mutex_unlock(&r->lock);
	struct master_record master;
	if (!engine->cache.offline) TRY(master_record_take_over(txn));
	if (master_record_read(txn, &master) == ERR_OK) rotation_tell_old(engine, master.phase == 2 ? "not destroyed, as far as is known: its token is asked for it" : "");
	anchor_record_clear(&master.left);
	rotation_set_phase(engine, ROTATION_NONE);
	rotation_owed_look_again(engine);
	if (ring_count(txn_ring(txn)) > 1) {
		rotation_restart(engine);
		go_on(r, ring_newest(txn_ring(txn)));
		log_info("the change of the data key to generation %u goes on", ring_newest(txn_ring(txn)));
	}
	rotation_tell(engine);
	return ERR_OK;
}

/* ---- beginning ---- */

enum coffer_err rotation_ask(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct rotation_fresh *fresh = arg;
	struct ring *ring = txn_ring(txn);
	struct store_row row;
	struct stanza stanza;
	AUTO_BUF struct buf body = BUF_EMPTY;
	if (!ring) return reason_fail(reason, ERR_SEALED, "the node is sealed");
	if (!engine->rotation || !engine->check) return reason_fail(reason, ERR_UNSUPPORTED, "this store is not checked, so its data key cannot be changed");
	enum rotation_phase phase = rotation_phase(engine);
	if ((phase == ROTATION_RESEAL || phase == ROTATION_PROOF) && !rotation_is_owed(engine)) /* what is sealed meanwhile a removed node would open */
		return reason_fail(reason, ERR_STATE, "a change of the data key is under way: generation %u; wait for it, 'coffer status' shows how far it is",
			ring_newest(ring));
	if (ring_count(ring) >= ROTATION_GENERATIONS_MAX || ring_newest(ring) == UINT32_MAX)
		return reason_fail(reason, ERR_LIMIT, "%u generations of the data key are in use, the most there can be; mend the rows that hold the old ones first",
			ring_count(ring));
	enum coffer_err err = recovery_load(txn_store(txn), ring, &row, &stanza, &body, reason);
	if (err && err != ERR_NOT_FOUND) return err;
	if (reason) reason->text[0] = '\0';
	fresh->generation = ring_newest(ring) + 1;
	return ERR_OK;
}

static enum coffer_err put_slot(struct engine *engine, struct txn *txn, const struct rotation_fresh *fresh, const struct secret *seed)
{
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct ring *ring = txn_ring(txn);
	struct store_row row = { .version = 0 };
	uint8_t check[32], signature[DOMAIN_SIGNATURE_LEN];
	TRY(ring_key_check(ring_domain(ring), fresh->generation, fresh->key, check));
	TRY(generation_sign(seed, ring_domain(ring), fresh->generation, check, signature));
	TRY(slot_make(ring, fresh->generation, engine->identity.token_kind, &engine->identity.binding, fresh->blob, signature, clock_wall_s() * 1000,
		&row, &header, &body));
	return store_put(txn_store(txn), STORE_SLOT, &row, false);
}

static enum coffer_err append_begun(struct engine *engine, struct txn *txn, const struct rotation_fresh *fresh)
{
	char details[160];
	snprintf(details, sizeof details, "data key: generation %u is in force, every record is sealed again", fresh->generation);
	const struct audit_event event = { .principal = view_str(fresh->principal), .operation = OPERATION_COFFER_ROTATE_DATA_KEY,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

/* Durable: the old rows are what is to be done. */
static void begun(void *arg)
{
	struct engine *engine = arg;
	engine->rotation->doubt = 0;
	engine->rotation->place.written = 0;
	rotation_restart(engine);
	rotation_owed_look_again(engine);
	rotation_tell(engine);
}

enum coffer_err rotation_add_to_ring(struct engine *engine, struct txn *txn, uint32_t generation, const struct secret *key)
{
	AUTO_SECRET struct secret *own = secret_copy(secret_bytes(key), secret_len(key));
	ENSURE(own, ERR_MEMORY);
	TRY(txn_on_commit(txn, begun, NULL, engine));
	TRY(ring_add(txn_ring(txn), generation, &own));
	engine->rotation->doubt = generation;
	return ERR_OK;
}

enum coffer_err rotation_begin(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct rotation_fresh *fresh = arg;
	struct ring *ring = txn_ring(txn);
	AUTO_SECRET struct secret *seed = NULL;
	uint32_t wanted = fresh->generation;
	TRY(seat_check_master(engine, reason));
	TRY(rotation_ask(engine, txn, fresh, reason));
	if (fresh->generation != wanted) return reason_fail(reason, ERR_STATE, "another change of the data key came first");
	enum coffer_err err = generation_get_domain_key(txn_store(txn), ring, &seed);
	if (err) return reason_default(reason, err, "the domain's private key does not open: %s", err_text(err));
	TRY(rotation_add_to_ring(engine, txn, fresh->generation, fresh->key));
	TRY(seat_renew(engine, txn, reason));
	err = recovery_add_generation(txn_store(txn), ring, seed, fresh->generation, reason);
	if (err && err != ERR_NOT_FOUND) return err;
	TRY(put_slot(engine, txn, fresh, seed));
	TRY(rotation_hand_over(engine, txn, seed, fresh, reason));
	struct rotation_record record = rotation_record_now(engine);
	record.begun_ms = clock_wall_s() * 1000;
	record.ended_ms = record.rows = 0;
	record.generation = 0;
	TRY(rotation_put_record(engine, txn, &record));
	TRY(rotation_owe_nothing(engine, txn));
	return append_begun(engine, txn, fresh);
}

enum coffer_err rotation_settle(struct engine *engine)
{
	struct rotation *r = engine->rotation;
	struct ring *ring = txn_ring(engine->txn);
	struct store_row row;
	struct writer w;
	uint8_t id[UUID_LEN + 4];
	if (!r || !r->doubt || !ring) return ERR_OK;
	writer_init(&w, id, sizeof id);
	writer_bytes(&w, view_of(ring_domain(ring)->node_id, UUID_LEN));
	writer_u32(&w, r->doubt);
	TRY(writer_done(&w));
	enum coffer_err err = store_get(engine->store, STORE_SLOT, writer_view(&w), &row);
	if (err && err != ERR_NOT_FOUND) return err;
	if (err == ERR_OK) {
		log_warn("the change to generation %u of the data key took effect, although the store failed meanwhile", r->doubt);
		begun(engine);
		return ERR_OK;
	}
	ring_remove(ring, r->doubt);
	r->doubt = 0;
	rotation_tell(engine);
	return ERR_OK;
}

/* ---- for status ---- */

static const char *const phase_names[] = { "none", "re-sealing", "proving", "held" };

void rotation_json(struct engine *engine, struct json_out *j)
{
	struct rotation *r = engine->rotation;
	char owed[REASON_MAX];
	if (!r) return;
	pthread_mutex_lock(&r->lock);
	rotation_owed_sentence(r, owed);
	json_begin(j, "rotation");
	json_str(j, "phase", r->phase == ROTATION_HELD && r->awaits ? "waiting" : phase_names[r->phase]);
	json_str(j, "sentence", r->sentence);
	json_str(j, "owed", owed);
	json_u64(j, "generations", r->generations);
	json_u64(j, "rows_total", r->total);
	json_u64(j, "rows_seen", r->looked);
	json_u64(j, "rows_resealed", r->written);
	json_u64(j, "rows_held", r->held);
	json_u64(j, "data_key_begun", r->record.begun_ms / 1000);
	json_u64(j, "data_key_ended", r->record.ended_ms / 1000);
	json_u64(j, "data_key_rows", r->record.rows);
	json_u64(j, "master_changed", r->record.master_ms / 1000);
	json_str(j, "old_master", r->old_master);
	json_end(j);
	pthread_mutex_unlock(&r->lock);
}
