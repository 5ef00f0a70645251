/* A backup is made, and one is restored. Whatever fails: what was handed out as whole is whole and opens; a node has no domain or all of it; and the same asked once more succeeds. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault/founding.h"
#include "fault/scenario.h"
#include "crypto/hash.h"
#include "keyring/identity.h"
#include "ops/rotation_master.h"
#include "unit/archive/maker.h"
#include "unit/ops/fixture.h"

/* Made once, for all restores. */
static struct yard original;

/* ---- backup ---- */

static enum coffer_err read_piece(struct yard *y, const uint8_t id[static ARCHIVE_ID_LEN], bool *last)
{
	struct ask a;
	struct ttlv_cursor c;
	struct view bytes;
	ask_one(&a, OPERATION_COFFER_BACKUP_READ);
	ttlv_put_bytes(&a.w, TAG_COFFER_ARCHIVE_ID, view_of(id, ARCHIVE_ID_LEN));
	ttlv_put_i64(&a.w, TAG_COFFER_ARCHIVE_OFFSET, (int64_t)y->file.len);
	TRY(founding_send(y, &a));
	c = y->house->response.items[0].payload;
	MUST(ttlv_take_bytes(&c, TAG_COFFER_ARCHIVE_BYTES, &bytes) == ERR_OK && ttlv_take_bool(&c, TAG_COFFER_ARCHIVE_LAST, last) == ERR_OK);
	MUST(bytes_append(&y->file, bytes) == ERR_OK);
	return ERR_OK;
}

static enum coffer_err run_backup(void *place, unsigned k)
{
	struct yard *y = place;
	struct ask a;
	uint8_t id[ARCHIVE_ID_LEN];
	(void)k;
	house_tick(y->house);
	y->file.len = 0;
	y->whole = false;
	ask_one(&a, OPERATION_COFFER_BACKUP_BEGIN);
	TRY(founding_send(y, &a));
	struct view field = house_field(y->house, TAG_COFFER_ARCHIVE_ID);
	MUST(field.len == sizeof id);
	memcpy(id, field.ptr, sizeof id);
	for (bool last = false; !last;) TRY(read_piece(y, id, &last));
	y->whole = true;
	ask_one(&a, OPERATION_COFFER_BACKUP_END);
	ttlv_put_bytes(&a.w, TAG_COFFER_ARCHIVE_ID, view_of(id, sizeof id));
	ttlv_put_bool(&a.w, TAG_COFFER_ARCHIVE_KEPT, true);
	return founding_send(y, &a);
}

static void judge_backup(void *place, unsigned k)
{
	struct yard *y = place;
	struct archive *a = NULL;
	struct ring *ring = NULL;
	struct archive_look look = { .look = NULL };
	const struct view shares[] = { view_str(y->shares[0]), view_str(y->shares[1]) };
	(void)k;
	MUST(y->whole);
	int fd = maker_file(bytes_view(&y->file));
	MUST(archive_open(fd, &a, NULL) == ERR_OK && archive_pass(a, NULL, NULL, NULL) == ERR_OK);
	MUST(archive_unlock_shares(a, shares, 2, &ring, NULL) == ERR_OK);
	MUST(archive_check_rows(a, ring, &look, NULL) == ERR_OK && look.faults == 0);
	ring_free(ring);
	archive_free(a);
	close(fd);
}

/* ---- restore ---- */

/* A change of the master secret that has not ended yet is the archived node's own. */
static enum coffer_err begin_master_change(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_record record = { .phase = 1, .kind = "pkcs11", .uri = "pkcs11:token=t;id=%01" };
	(void)engine;
	(void)arg;
	(void)reason;
	return master_record_put(txn, &record);
}

static enum coffer_err look_for_master_change(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_record record;
	(void)engine;
	(void)reason;
	TRY(master_record_read(txn, &record));
	*(bool *)arg = record.phase != 0;
	return ERR_OK;
}

static bool changes_master(struct house *h)
{
	bool there = false;
	MUST_OK(h->daemon.engine.on_store(&h->daemon.engine, look_for_master_change, &there, NULL));
	return there;
}

static void make_original(void)
{
	if (original.file.len) return;
	founding_open_empty(&original);
	founding_init(&original);
	struct engine *e = &original.house->daemon.engine;
	MUST_OK(e->on_store(e, begin_master_change, NULL, NULL));
	MUST(changes_master(original.house));
	MUST(run_backup(&original, 0) == ERR_OK);
	house_close(original.house);
	fake_token_done(&original.token);
}

static void *open_new(void)
{
	make_original();
	struct yard *y = calloc(1, sizeof *y);
	MUST(y);
	founding_open_empty(y);
	return y;
}

static bool has_identity(const struct house *h)
{
	struct identity id;
	enum coffer_err err = identity_read(h->dir, &id, NULL);
	MUST(err == ERR_OK || err == ERR_NOT_FOUND);
	return err == ERR_OK;
}

static void check_whole(struct house *h)
{
	enum engine_state state = engine_state_get(&h->daemon.engine);
	if (h->away || state == ENGINE_FAULT) return; /* a restart finishes it or takes it back */
	bool rows = house_count(h, STORE_SLOT) > 0;
	MUST(rows == (state != ENGINE_UNINITIALISED) && has_identity(h) == rows);
}

static enum coffer_err send_archive(struct yard *y, uint8_t id[static 16])
{
	struct ask a;
	uint8_t sum[32];
	MUST(hash_sha256(bytes_view(&original.file), sum) == ERR_OK);
	ask_one(&a, OPERATION_COFFER_RESTORE_BEGIN);
	ttlv_put_i64(&a.w, TAG_COFFER_ARCHIVE_SIZE, (int64_t)original.file.len);
	ttlv_put_bytes(&a.w, TAG_COFFER_ARCHIVE_DIGEST, view_of(sum, sizeof sum));
	TRY(founding_send(y, &a));
	struct view field = house_field(y->house, TAG_COFFER_RESTORE_ID);
	MUST(field.len == 16);
	memcpy(id, field.ptr, 16);
	ask_one(&a, OPERATION_COFFER_RESTORE_WRITE);
	ttlv_put_bytes(&a.w, TAG_COFFER_RESTORE_ID, view_of(id, 16));
	ttlv_put_i64(&a.w, TAG_COFFER_ARCHIVE_OFFSET, 0);
	ttlv_put_bytes(&a.w, TAG_COFFER_ARCHIVE_BYTES, bytes_view(&original.file));
	return founding_send(y, &a);
}

static enum coffer_err run_restore(void *place, unsigned k)
{
	struct yard *y = place;
	struct ask a;
	uint8_t id[16];
	(void)k;
	house_tick(y->house);
	enum engine_state state = engine_state_get(&y->house->daemon.engine);
	if (state == ENGINE_FAULT) return ERR_OK; /* says: restart the daemon */
	if (state == ENGINE_OPEN) { /* done, though the answer was lost */
		ask_one(&a, OPERATION_LOCATE);
		return founding_send(y, &a);
	}
	TRY(send_archive(y, id));
	ask_one(&a, OPERATION_COFFER_RESTORE_COMMIT);
	ttlv_put_bytes(&a.w, TAG_COFFER_RESTORE_ID, view_of(id, sizeof id));
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, "tpm2:device");
	for (unsigned i = 0; i < 2; i++) ttlv_put_str(&a.w, TAG_COFFER_SHARE, original.shares[i]);
	enum coffer_err err = founding_send(y, &a);
	check_whole(y->house);
	return err;
}

static void judge_restore(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	if (engine_state_get(&y->house->daemon.engine) == ENGINE_FAULT) return;
	MUST(engine_state_get(&y->house->daemon.engine) == ENGINE_OPEN);
	MUST(house_count(y->house, STORE_SLOT) == 1 && house_count(y->house, STORE_GRANT) == 1 && house_count(y->house, STORE_RECOVERY) == 1);
	MUST(!changes_master(y->house));
}

const struct scenario backup_scenarios[] = {
	{ .name = "backup", .places = AT_HOUSE, .rounds = 200, .stride = 13, .open = founding_open_as_place, .run = run_backup, .judge = judge_backup, .close = founding_close_as_place },
	{ .name = "restore", .places = AT_HOUSE | AT(CALL) | AT(TOKEN) | AT(WIRE), .rounds = 1, .stride = 61, .open = open_new, .run = run_restore, .judge = judge_restore,
	  .close = founding_close_as_place },
	{ .name = NULL },
};
