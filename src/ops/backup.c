/* A backup under way. */
#include "ops/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ct.h"
#include "base/log.h"
#include "crypto/rng.h"
#include "keyring/generation.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "ops/backup_record.h"
#include "recovery/recovery.h"
#include "store/snapshot.h"

#define CARRIED ((1u << STORE_OBJECT) | (1u << STORE_GRANT) | (1u << STORE_AUDIT) | (1u << STORE_REQUEST) | (1u << STORE_DOMAIN))

struct backup {
	char owner[PRINCIPAL_MAX + 1];
	uint64_t used_mono_ms;
	struct archive_header header;
	struct archive_writer *writer;
	struct store_snapshot *snapshot; /* store lane */
	const struct ring *ring;         /* the writer's */
	struct bytes out;                /* made and not taken for good yet: the last piece is in front */
	size_t piece;                    /* bytes of that */
	uint64_t offset;                 /* of the file: where `out` begins */
	bool made;                       /* all of it */
	uint64_t size;
	uint8_t sha256[32];
	bool whole;
};

/* The snapshot is the store thread's. */
static enum coffer_err end_snapshot(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct backup *b = arg;
	(void)engine;
	(void)txn;
	(void)reason;
	store_snapshot_end(TAKE(b->snapshot));
	return ERR_OK;
}

static void backup_free(struct engine *engine, struct backup *b)
{
	if (!b) return;
	/* A store that takes no calls now loses nothing but memory; when the process ends its thread is gone already. */
	if (b->snapshot && engine->on_store(engine, end_snapshot, b, NULL) != ERR_OK && b->snapshot) log_warn("a backup's snapshot could not be ended");
	archive_writer_free(b->writer);
	bytes_free(&b->out);
	free(b);
}

void backup_drop(struct engine *engine)
{
	backup_free(engine, TAKE(engine->backup));
}

static enum coffer_err no_recovery(struct reason *reason)
{
	return reason_fail(reason, ERR_NOT_FOUND, "this domain was made without recovery, so nothing could open its archive");
}

static enum coffer_err begin_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	static const struct store_snapshot_plan plan = { .tables = CARRIED, .keep_max = BACKUP_KEEP_MAX, .idle_ms = BACKUP_IDLE_MS };
	AUTO_BUF struct buf stanza_body = BUF_EMPTY;
	AUTO_BUF struct buf root_body = BUF_EMPTY;
	struct backup *b = arg;
	struct store_row stanza_row, root_row;
	struct stanza stanza;
	struct rooted_facts facts;
	struct ring *ring = txn_ring(txn);
	enum coffer_err err = recovery_load(txn_store(txn), ring, &stanza_row, &stanza, &stanza_body, reason);
	if (err == ERR_NOT_FOUND) return no_recovery(reason);
	TRY(err);
	TRY(rooted_store_root_row(engine->store, &root_row, &root_body, reason));
	rooted_store_facts(engine->store, &facts);
	b->header.root_version = facts.version;
	b->header.generation = ring_newest(ring);
	memcpy(b->header.recovery_key_id, stanza.key_id, RECOVERY_KEY_ID_LEN);
	TRY(archive_writer_new(ring, &b->header, &stanza_row, &root_row, &b->out, &b->writer));
	b->ring = ring;
	store_snapshot_clear(txn_store(txn)); /* one that could not be ended */
	err = store_snapshot_begin(txn_store(txn), &plan, &b->snapshot);
	return err ? reason_fail(reason, err, "the store cannot be read for a backup now: %s", err_text(err)) : ERR_OK;
}

static enum coffer_err make(struct engine *engine, const struct principal *principal, struct backup *b, struct reason *reason)
{
	const struct domain_id *domain = &engine->identity.domain;
	memcpy(b->owner, principal->text, sizeof b->owner);
	memcpy(b->header.domain_id, domain->id, UUID_LEN);
	memcpy(b->header.public_key, domain->public_key, DOMAIN_PUBLIC_LEN);
	memcpy(b->header.node_id, domain->node_id, UUID_LEN);
	TRY(rng_bytes(b->header.archive_id, ARCHIVE_ID_LEN));
	b->header.created_ms = clock_wall_s() * 1000;
	b->used_mono_ms = clock_mono_ms();
	return engine->on_store(engine, begin_on_store, b, reason);
}

enum coffer_err backup_begin(struct engine *engine, const struct principal *principal, struct archive_header *out, struct reason *reason)
{
	const struct backup *other = engine->backup;
	if (!rooted_store_is(engine->store)) return reason_fail(reason, ERR_UNSUPPORTED, "this store has no version root, so it cannot be backed up");
	if (other && strcmp(other->owner, principal->text) != 0 && clock_mono_ms() - other->used_mono_ms < BACKUP_IDLE_MS)
		return reason_fail(reason, ERR_BUSY, "%s is making a backup; try again when it is done", other->owner);
	backup_drop(engine);
	struct backup *b = calloc(1, sizeof *b);
	ENSURE(b, ERR_MEMORY);
	enum coffer_err err = make(engine, principal, b, reason);
	if (err) {
		backup_free(engine, b);
		return err;
	}
	engine->backup = b;
	*out = b->header;
	return ERR_OK;
}

static enum coffer_err find(struct engine *engine, const struct principal *principal, struct view archive_id, struct backup **out, struct reason *reason)
{
	struct backup *b = engine->backup;
	if (!b || strcmp(b->owner, principal->text) != 0 || !view_equal(archive_id, view_of(b->header.archive_id, ARCHIVE_ID_LEN)))
		return reason_fail(reason, ERR_NOT_FOUND, "this backup is over: another one took its place; run 'coffer backup create' again");
	*out = b;
	return ERR_OK;
}

static enum coffer_err write_row(void *arg, enum store_table table, const struct store_row *row)
{
	struct backup *b = arg;
	return archive_writer_row(b->writer, table, row, &b->out);
}

static enum coffer_err sentence(enum coffer_err err, struct reason *reason)
{
	switch (err) {
	case ERR_OK: return ERR_OK;
	case ERR_LIMIT: return reason_fail(reason, err, "too much was changed while the backup was made; run 'coffer backup create' again at a quieter time");
	case ERR_TIMEOUT: return reason_fail(reason, err, "nothing was read for two minutes, so the backup was given up; run 'coffer backup create' again");
	case ERR_UNKNOWN_OUTCOME: return reason_fail(reason, ERR_IO, "the store was opened again while the backup was made; run 'coffer backup create' again");
	case ERR_STATE: return reason_fail(reason, err, "the data key was rotated while the backup was made; run 'coffer backup create' again");
	case ERR_CORRUPT: return reason_fail(reason, err, "the store has a row that cannot be read; look at 'coffer store check'");
	default: return reason_default(reason, err, "the store cannot be read for a backup: %s", err_text(err));
	}
}

static enum coffer_err finish(struct backup *b, struct txn *txn)
{
	AUTO_SECRET struct secret *seed = NULL;
	TRY(generation_get_domain_key(txn_store(txn), txn_ring(txn), &seed));
	TRY(archive_writer_end(b->writer, seed, &b->out));
	TRY(archive_writer_result(b->writer, &b->size, b->sha256, &b->whole));
	b->made = true;
	store_snapshot_end(TAKE(b->snapshot));
	return ERR_OK;
}

static enum coffer_err read_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct backup *b = arg;
	bool done = false;
	(void)engine;
	if (txn_ring(txn) != b->ring) return sentence(ERR_UNKNOWN_OUTCOME, reason); /* opened again meanwhile: the writer's ring is gone */
	TRY(sentence(store_snapshot_read(b->snapshot, BACKUP_PIECE_MAX, write_row, b, &done), reason));
	return done ? sentence(finish(b, txn), reason) : ERR_OK;
}

/* Drops the piece that the client has, and makes the next one. */
static enum coffer_err advance(struct engine *engine, struct backup *b, struct reason *reason)
{
	bytes_consume(&b->out, b->piece);
	b->offset += b->piece;
	b->piece = 0;
	while (!b->made && b->out.len < BACKUP_PIECE_MAX) TRY(engine->on_store(engine, read_on_store, b, reason));
	b->piece = b->out.len < BACKUP_PIECE_MAX ? b->out.len : BACKUP_PIECE_MAX;
	return ERR_OK;
}

static enum coffer_err give(struct engine *engine, struct backup *b, uint64_t offset, struct reason *reason)
{
	if (offset == b->offset && b->piece) return ERR_OK; /* once more */
	if (offset != b->offset + b->piece) return reason_fail(reason, ERR_FIELD, "the pieces of a backup are read in order");
	return advance(engine, b, reason);
}

enum coffer_err backup_read(struct engine *engine, const struct principal *principal, struct view archive_id, uint64_t offset, struct backup_piece *out,
	struct reason *reason)
{
	struct backup *b = NULL;
	TRY(find(engine, principal, archive_id, &b, reason));
	POST(b);
	b->used_mono_ms = clock_mono_ms();
	enum coffer_err err = give(engine, b, offset, reason);
	if (err) {
		if (err != ERR_FIELD) backup_drop(engine);
		return err;
	}
	*out = (struct backup_piece){ .bytes = view_of(b->out.ptr, b->piece), .last = b->made && b->piece == b->out.len, .size = b->size, .whole = b->whole };
	memcpy(out->sha256, b->sha256, sizeof out->sha256);
	return ERR_OK;
}

/* Record and audit row in one transaction. */
static enum coffer_err record_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct backup *b = arg;
	char id[2 * ARCHIVE_ID_LEN + 1], sum[65], details[256];
	struct backup_record record = { .created_ms = b->header.created_ms, .root_version = b->header.root_version, .size = b->size };
	(void)reason;
	memcpy(record.archive_id, b->header.archive_id, ARCHIVE_ID_LEN);
	memcpy(record.sha256, b->sha256, sizeof record.sha256);
	memcpy(record.principal, b->owner, sizeof record.principal);
	TRY(backup_record_put(txn, &record));
	text_hex(view_of(record.archive_id, ARCHIVE_ID_LEN), id);
	text_hex(view_of(record.sha256, sizeof record.sha256), sum);
	snprintf(details, sizeof details, "backup made: archive %s of version %" PRIu64 ", %" PRIu64 " bytes, SHA-256 %s", id, record.root_version,
		record.size, sum);
	const struct audit_event event = { .principal = view_str(b->owner), .operation = OPERATION_COFFER_BACKUP_END, .status = RESULT_STATUS_SUCCESS,
		.details = view_str(details) };
	return engine->audit ? audit_append(engine->audit, txn, &event) : ERR_OK;
}

enum coffer_err backup_end(struct engine *engine, const struct principal *principal, struct view archive_id, bool keep, struct reason *reason)
{
	struct backup *b = NULL;
	TRY(find(engine, principal, archive_id, &b, reason));
	POST(b);
	if (keep && !b->made) return reason_fail(reason, ERR_STATE, "the backup was not read to its end");
	enum coffer_err err = keep ? engine->on_store(engine, record_on_store, b, reason) : ERR_OK;
	backup_drop(engine);
	return err;
}
