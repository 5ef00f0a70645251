/* The rows of a restored node, in one transaction. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyring/rooted_store.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "objects/codec.h"
#include "ops/backup_record.h"
#include "audit/join.h"
#include "audit/page.h"
#include "ops/restore_internal.h"
#include "ops/rotation_master.h"
#include "ops/seat.h"

/* Of 2^32 GCM invocations, what a key may still make after a restore (docs/formats.md section 16.3, row 12). */
#define GCM_AFTER_RESTORE (UINT64_C(1) << 28)

struct filling {
	struct restoring *r;
	struct store *store;
	struct ring *ring;
};

static bool makes_gcm(const struct object *o)
{
	return o->state < OBJECT_DESTROYED && o->algorithm == CRYPTOGRAPHIC_ALGORITHM_AES && (o->usage_mask & CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT) &&
		o->gcm_reserved < SEAL_BUDGET_MAX - GCM_AFTER_RESTORE;
}

/* An object that does not open is carried as it is, and stays refused. */
static enum coffer_err put_object(struct filling *f, const struct store_row *row)
{
	AUTO_OBJECT struct object *o = NULL;
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf index = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row changed;
	enum coffer_err err = object_from_row(f->ring, row, &o);
	if (err == ERR_MEMORY || err == ERR_CRYPTO) return err;
	if (err || !makes_gcm(o)) return store_put(f->store, STORE_OBJECT, row, false);
	o->gcm_reserved = SEAL_BUDGET_MAX - GCM_AFTER_RESTORE;
	o->record_version++;
	TRY(object_to_row(f->ring, o, &changed, &header, &index, &body));
	f->r->result->raised++;
	return store_put(f->store, STORE_OBJECT, &changed, false);
}

/* What the archive's node had begun in its token is not this one's to end: the master secret that the record names may be in force at that node. */
static enum coffer_err put_row(void *arg, enum store_table table, const struct store_row *row)
{
	struct filling *f = arg;
	if (table == STORE_DOMAIN && master_record_is(row)) return ERR_OK;
	return table == STORE_OBJECT ? put_object(f, row) : store_put(f->store, table, row, false);
}

static enum coffer_err put_slots(struct filling *f)
{
	const struct restoring *r = f->r;
	for (unsigned i = 0; i < r->blob_count; i++) {
		AUTO_BUF struct buf header = BUF_EMPTY;
		AUTO_BUF struct buf body = BUF_EMPTY;
		uint8_t signature[DOMAIN_SIGNATURE_LEN];
		uint32_t generation = ring_generation_at(f->ring, i);
		struct store_row row = { .version = 0 };
		TRY(archive_signature(r->archive, generation, signature));
		TRY(slot_make(f->ring, generation, r->identity.token_kind, &r->identity.binding, buf_view(&r->blobs[i]), signature, clock_wall_s() * 1000,
			&row, &header, &body));
		TRY(store_put(f->store, STORE_SLOT, &row, false));
	}
	return ERR_OK;
}

/* Who restores held the recovery in his hands. */
static enum coffer_err put_administrator(struct restoring *r, struct txn *txn)
{
	struct reason had_it = { "" };
	struct grant grant = { .role = ROLE_ADMINISTRATOR };
	struct grants *before = NULL, *after = NULL;
	memcpy(grant.principal, r->principal->text, sizeof grant.principal);
	memcpy(grant.granted_by, r->principal->text, sizeof grant.granted_by);
	TRY(grants_load_passing(txn, &before));
	enum coffer_err err = grants_add(txn, before, &grant, &after, &had_it);
	grants_unref(before);
	grants_unref(after);
	r->result->administrator = err == ERR_OK;
	return err == ERR_EXISTS ? ERR_OK : err;
}

static enum coffer_err put_record(struct restoring *r, struct txn *txn)
{
	const struct archive_header *h = &r->result->facts.header;
	struct restore_record record = { .created_ms = h->created_ms, .root_version = h->root_version, .audit_seq = r->old_head.seq,
		.restored_ms = clock_wall_s() * 1000 };
	memcpy(record.archive_id, h->archive_id, ARCHIVE_ID_LEN);
	memcpy(record.node_id, h->node_id, UUID_LEN);
	memcpy(record.audit_link, r->old_head.link, sizeof record.audit_link);
	memcpy(record.principal, r->principal->text, sizeof record.principal);
	return restore_record_put(txn, &record);
}

/* The archive is on record here too: it was opened just now. */
static enum coffer_err put_backup(struct restoring *r, struct txn *txn)
{
	const struct archive_facts *f = &r->result->facts;
	struct backup_record record = { .created_ms = f->header.created_ms, .root_version = f->header.root_version, .size = f->size,
		.verified_ms = clock_wall_s() * 1000, .opened = true };
	memcpy(record.archive_id, f->header.archive_id, ARCHIVE_ID_LEN);
	memcpy(record.sha256, f->sha256, sizeof record.sha256);
	memcpy(record.principal, r->principal->text, sizeof record.principal);
	return backup_record_put(txn, &record);
}

/* The old chain's newest row, by the link that the root names. A row that is damaged or gone has no digest; the link is the root's all the same. */
static enum coffer_err join_place(const struct restoring *r, struct txn *txn, const struct domain_id *old, struct audit_join *join)
{
	enum coffer_err err = audit_page_place_of(txn, old, r->old_head.seq, &join->at);
	if (err && err != ERR_NOT_FOUND && err != ERR_CORRUPT) return err;
	join->has_digest = !err && (r->old_head.seq == 0 || memcmp(join->at.link, r->old_head.link, sizeof join->at.link) == 0);
	if (join->has_digest) return ERR_OK;
	join->at = (struct audit_place){ .seq = r->old_head.seq };
	memcpy(join->at.link, r->old_head.link, sizeof join->at.link);
	return ERR_OK;
}

static enum coffer_err append_restored(struct restoring *r, struct txn *txn)
{
	const struct archive_header *h = &r->result->facts.header;
	char sentence[256], details[AUDIT_JOIN_TEXT];
	struct audit_join join = { .created_s = h->created_ms / 1000, .root_version = h->root_version, .has_digest = true };
	struct domain_id old = *ring_domain(txn_ring(txn));
	memcpy(join.archive_id, h->archive_id, sizeof join.archive_id);
	memcpy(join.node_id, h->node_id, sizeof join.node_id);
	memcpy(old.node_id, h->node_id, sizeof old.node_id);
	TRY(join_place(r, txn, &old, &join));
	bool older = r->result->newer_by || r->result->mark_foreign || r->result->counter >= RESTORE_COUNTER_AHEAD;
	snprintf(sentence, sizeof sentence, "%s%s",
		older ? "OLDER than what this node knew, or perhaps so, accepted by the operator" : "what was destroyed or revoked after that is not known here",
		r->result->faults ? "; the store was damaged when it was archived, accepted by the operator" : "");
	audit_join_write(&join, sentence, details);
	const struct audit_event event = { .principal = view_str(r->principal->text), .operation = OPERATION_COFFER_RESTORE_COMMIT,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(r->engine->audit, txn, &event);
}

enum coffer_err restore_rows(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct restoring *r = arg;
	struct filling f = { .r = r, .store = txn_store(txn), .ring = txn_ring(txn) };
	r->result->raised = 0;
	TRY(archive_pass(r->archive, put_row, &f, reason));
	TRY(store_put(f.store, STORE_RECOVERY, archive_stanza_row(r->archive), false));
	TRY(put_slots(&f));
	TRY(seat_found(engine, txn, r->identity.token_kind, r->principal->text, reason));
	TRY(put_record(r, txn));
	TRY(put_backup(r, txn));
	TRY(put_administrator(r, txn));
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	TRY(append_restored(r, txn));
	rooted_store_continue(engine->store, archive_root(r->archive), r->result->faults != 0, clock_wall_s() * 1000);
	return ERR_OK;
}
