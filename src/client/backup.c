/* Backup and restore: pieces of an archive, one way and the other. */
#include "client/backup.h"

#include <string.h>

#include "client/call.h"

#define BEGIN_TIMEOUT_MS 120000u
#define COMMIT_TIMEOUT_MS (30u * 60u * 1000u)
#define PROOF_MAX 4200u

/* The 16 bytes that name what is under way. */
static enum coffer_status take_id(struct call *call, uint32_t tag, uint8_t out[static BACKUP_ID_LEN])
{
	struct view id;
	if (ttlv_take_bytes(&call->answer.items[0].payload, tag, &id) != ERR_OK || id.len != BACKUP_ID_LEN) return call_malformed(call);
	memcpy(out, id.ptr, BACKUP_ID_LEN);
	return COFFER_OK;
}

enum coffer_status backup_call_begin(struct coffer *c, uint8_t out_id[static BACKUP_ID_LEN])
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_BACKUP_BEGIN, 64);
	if (st) return st;
	call.deadline_ms += BEGIN_TIMEOUT_MS;
	st = call_run(&call, false);
	if (!st) st = take_id(&call, TAG_COFFER_ARCHIVE_ID, out_id);
	return call_end(&call, st);
}

static enum coffer_status take_end(struct call *call, struct ttlv_cursor *p, struct backup_part *part)
{
	struct view sha256;
	int64_t size = -1;
	if (ttlv_take_i64(p, TAG_COFFER_ARCHIVE_SIZE, &size) != ERR_OK || ttlv_take_bytes(p, TAG_COFFER_ARCHIVE_DIGEST, &sha256) != ERR_OK ||
	    ttlv_take_bool(p, TAG_COFFER_ARCHIVE_WHOLE, &part->whole) != ERR_OK || size < 0 || sha256.len != sizeof part->sha256)
		return call_malformed(call);
	part->size = (uint64_t)size;
	memcpy(part->sha256, sha256.ptr, sizeof part->sha256);
	return COFFER_OK;
}

static enum coffer_status take_part(struct call *call, uint8_t *out, struct backup_part *part)
{
	struct ttlv_cursor *p = &call->answer.items[0].payload;
	struct view bytes;
	*part = (struct backup_part){ .len = 0 };
	if (ttlv_take_bytes(p, TAG_COFFER_ARCHIVE_BYTES, &bytes) != ERR_OK || ttlv_take_bool(p, TAG_COFFER_ARCHIVE_LAST, &part->last) != ERR_OK ||
	    bytes.len > BACKUP_PIECE_LEN || (bytes.len == 0 && !part->last))
		return call_malformed(call);
	if (bytes.len) memcpy(out, bytes.ptr, bytes.len);
	part->len = bytes.len;
	return part->last ? take_end(call, p, part) : COFFER_OK;
}

enum coffer_status backup_call_read(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], uint64_t offset, uint8_t *out, struct backup_part *out_part)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_BACKUP_READ, 128);
	if (st) return st;
	call.deadline_ms += BEGIN_TIMEOUT_MS;
	ttlv_put_bytes(&call.w, TAG_COFFER_ARCHIVE_ID, view_of(id, BACKUP_ID_LEN));
	ttlv_put_i64(&call.w, TAG_COFFER_ARCHIVE_OFFSET, (int64_t)offset);
	st = call_run(&call, false);
	if (!st) st = take_part(&call, out, out_part);
	return call_end(&call, st);
}

enum coffer_status backup_call_end(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], bool kept)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_BACKUP_END, 128);
	if (st) return st;
	ttlv_put_bytes(&call.w, TAG_COFFER_ARCHIVE_ID, view_of(id, BACKUP_ID_LEN));
	ttlv_put_bool(&call.w, TAG_COFFER_ARCHIVE_KEPT, kept);
	return call_end(&call, call_run(&call, false));
}

enum coffer_status backup_call_verified(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], const uint8_t sha256[static 32], bool opened)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_BACKUP_VERIFIED, 192);
	if (st) return st;
	ttlv_put_bytes(&call.w, TAG_COFFER_ARCHIVE_ID, view_of(id, BACKUP_ID_LEN));
	ttlv_put_bytes(&call.w, TAG_COFFER_ARCHIVE_DIGEST, view_of(sha256, 32));
	ttlv_put_bool(&call.w, TAG_COFFER_ARCHIVE_OPENED, opened);
	return call_end(&call, call_run(&call, true));
}

enum coffer_status backup_call_list(struct coffer *c, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_BACKUP_LIST, 64);
	if (st) return st;
	st = call_run(&call, false);
	if (!st) st = call_take_json(&call, text, cap, out_len);
	return call_end(&call, st);
}

enum coffer_status restore_call_begin(struct coffer *c, uint64_t size, const uint8_t sha256[static 32], uint8_t out_id[static BACKUP_ID_LEN])
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_RESTORE_BEGIN, 128);
	if (st) return st;
	ttlv_put_i64(&call.w, TAG_COFFER_ARCHIVE_SIZE, (int64_t)size);
	ttlv_put_bytes(&call.w, TAG_COFFER_ARCHIVE_DIGEST, view_of(sha256, 32));
	st = call_run(&call, false);
	if (!st) st = take_id(&call, TAG_COFFER_RESTORE_ID, out_id);
	return call_end(&call, st);
}

enum coffer_status restore_call_write(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_RESTORE_WRITE, 192 + len);
	if (st) return st;
	call.deadline_ms += BEGIN_TIMEOUT_MS;
	ttlv_put_bytes(&call.w, TAG_COFFER_RESTORE_ID, view_of(id, BACKUP_ID_LEN));
	ttlv_put_i64(&call.w, TAG_COFFER_ARCHIVE_OFFSET, (int64_t)offset);
	ttlv_put_bytes(&call.w, TAG_COFFER_ARCHIVE_BYTES, view_of(bytes, len));
	return call_end(&call, call_run(&call, false));
}

static void put_order(struct call *call, const struct restore_order *order)
{
	ttlv_put_str(&call->w, TAG_COFFER_TOKEN_URI, order->token_uri);
	for (size_t i = 0; i < order->proof_count; i++) {
		struct view text = view_of(secret_bytes(order->proofs[i]), secret_len(order->proofs[i]) - 1);
		if (order->passphrase) ttlv_put_bytes(&call->w, TAG_COFFER_PASSPHRASE, text);
		else ttlv_put_text(&call->w, TAG_COFFER_SHARE, text);
	}
	if (order->accept_older) ttlv_put_bool(&call->w, TAG_COFFER_ACCEPT_OLDER, true);
	if (order->accept_damaged) ttlv_put_bool(&call->w, TAG_COFFER_ACCEPT_DAMAGED, true);
}

enum coffer_status restore_call_commit(struct coffer *c, const uint8_t id[static BACKUP_ID_LEN], const struct restore_order *order, char *text, size_t cap,
	size_t *out_len)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_RESTORE_COMMIT, 8192 + order->proof_count * PROOF_MAX);
	if (st) return st;
	call.deadline_ms += COMMIT_TIMEOUT_MS;
	ttlv_put_bytes(&call.w, TAG_COFFER_RESTORE_ID, view_of(id, BACKUP_ID_LEN));
	put_order(&call, order);
	st = call_run(&call, false);
	if (!st) st = call_take_json(&call, text, cap, out_len);
	return call_end(&call, st);
}
