/* A store with failing commits, and keys to put into it. */
#include "unit/objects/support.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "kmip/enums.h"
#include "objects/names.h"
#include "store/store_internal.h"

static const struct store_ops *real_ops;
static struct store_ops failing_ops;
static enum coffer_err commit_err;
static bool commit_kept;

static enum coffer_err failing_commit(struct store *s, struct reason *reason)
{
	enum coffer_err err = commit_err;
	commit_err = ERR_OK;
	if (!err || (err == ERR_UNKNOWN_OUTCOME && commit_kept)) {
		enum coffer_err real = real_ops->commit(s, reason);
		return real ? real : err;
	}
	real_ops->rollback(s);
	return reason_fail(reason, err, "the test's commit fails");
}

void world_open(struct world *w)
{
	assert_int_equal(store_open_memory(&w->store), ERR_OK);
	real_ops = w->store->ops;
	failing_ops = *real_ops;
	failing_ops.commit = failing_commit;
	commit_err = ERR_OK;
	w->store->ops = &failing_ops;
	w->table = object_table_new(4096);
	assert_non_null(w->table);
	w->ring = fixture_ring(1);
	w->txn = txn_new(w->store, w->table);
	assert_non_null(w->txn);
	txn_set_ring(w->txn, w->ring);
}

void world_close(struct world *w)
{
	txn_free(w->txn);
	object_table_free(w->table);
	ring_free(w->ring);
	store_close(w->store);
}

void world_fail_commit(struct world *w, enum coffer_err err, bool kept)
{
	(void)w;
	commit_err = err;
	commit_kept = kept;
}

void begin(struct world *w)
{
	assert_int_equal(txn_begin(w->txn, NULL), ERR_OK);
}

void commit(struct world *w)
{
	assert_int_equal(txn_commit(w->txn, NULL), ERR_OK);
}

struct object *make_key(const char *name)
{
	uint8_t domain_id[UUID_LEN];
	struct secret *material = rising_secret(0x60, 32);
	struct object *o = object_new(OBJECT_TYPE_SYMMETRIC_KEY, "unix:1000");
	assert_non_null(o);
	rising(0x00, domain_id, sizeof domain_id);
	o->algorithm = CRYPTOGRAPHIC_ALGORITHM_AES;
	o->length_bits = 256;
	o->usage_mask = CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT;
	o->key_format = KEY_FORMAT_TYPE_RAW;
	o->state = OBJECT_ACTIVE;
	assert_int_equal(object_set_material(o, domain_id, &material), ERR_OK);
	if (name) assert_int_equal(names_add(&o->attrs, view_str(name)), ERR_OK);
	return o;
}

struct object *keep_key(struct world *w, const char *name)
{
	struct object *o = make_key(name);
	begin(w);
	assert_int_equal(txn_create(w->txn, o, NULL), ERR_OK);
	commit(w);
	return o;
}

uint64_t rows(struct world *w, enum store_table table)
{
	uint64_t n = UINT64_MAX;
	assert_int_equal(store_count(w->store, table, &n), ERR_OK);
	return n;
}
