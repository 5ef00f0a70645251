/* A store with failing commits, and keys to put into it. */
#include "unit/objects/support.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "keyring/record.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "store/store_internal.h"
#include "unit/store/counting_store.h"

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

size_t world_rows_read(struct world *w)
{
	(void)w;
	return counting_store_rows();
}

void world_open(struct world *w)
{
	assert_int_equal(store_open_memory(&w->store), ERR_OK);
	real_ops = w->store->ops;
	failing_ops = *real_ops;
	failing_ops.commit = failing_commit;
	commit_err = ERR_OK;
	w->store->ops = &failing_ops;
	counting_store_begin(w->store);
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

static void add_item(struct object *o, enum kmip_attr attr, const char *custom, struct writer *w)
{
	assert_int_equal(writer_done(w), ERR_OK);
	assert_int_equal(attrset_add(&o->attrs, (uint32_t)attr, custom, writer_view(w)), ERR_OK);
}

void add_application(struct object *o, const char *name_space, const char *data)
{
	uint8_t item[256];
	struct writer w;
	struct kmip_application a = { .name_space = view_str(name_space), .has_data = data != NULL };
	if (data) a.data = view_str(data);
	writer_init(&w, item, sizeof item);
	kmip_application_put(&w, TAG_APPLICATION_SPECIFIC_INFORMATION, &a);
	add_item(o, ATTR_APPLICATION_SPECIFIC_INFORMATION, NULL, &w);
}

void add_custom(struct object *o, const char *name, const char *text)
{
	uint8_t item[256];
	struct writer w;
	writer_init(&w, item, sizeof item);
	ttlv_put_str(&w, TAG_ATTRIBUTE_VALUE, text);
	add_item(o, ATTR_CUSTOM_ATTRIBUTE, name, &w);
}

void add_link(struct object *o, const char *linked)
{
	uint8_t item[256];
	struct writer w;
	writer_init(&w, item, sizeof item);
	kmip_link_put(&w, TAG_LINK, &(struct kmip_link){ LINK_TYPE_REPLACED_OBJECT_LINK, view_str(linked) });
	add_item(o, ATTR_LINK, NULL, &w);
}

void keep(struct world *w, struct object *o)
{
	begin(w);
	assert_int_equal(txn_create(w->txn, o, NULL), ERR_OK);
	commit(w);
}

struct object *keep_key(struct world *w, const char *name)
{
	struct object *o = make_key(name);
	keep(w, o);
	return o;
}

uint64_t rows(struct world *w, enum store_table table)
{
	uint64_t n = UINT64_MAX;
	assert_int_equal(store_count(w->store, table, &n), ERR_OK);
	return n;
}

void keep_old(struct world *w, const struct object *o, uint8_t schema, bool broken)
{
	struct store_row row;
	struct buf plain = BUF_EMPTY, index = BUF_EMPTY, body = BUF_EMPTY, header = BUF_EMPTY;
	struct record_index_entry name = { OBJECT_INDEX_NAME, object_name(o) };
	struct object *first = object_copy(o);
	struct buf parts[3] = { BUF_EMPTY, BUF_EMPTY, BUF_EMPTY };
	first->created_us = 0;
	assert_int_equal(object_to_row(w->ring, first, &row, &parts[0], &parts[1], &parts[2]), ERR_OK);
	assert_int_equal(record_open(w->ring, STORE_OBJECT, &row, &plain), ERR_OK);
	assert_int_equal(buf_append(&header, row.header), ERR_OK);
	header.ptr[0] = schema;
	row.header = buf_view(&header);
	assert_int_equal(record_index(w->ring, 1, STORE_OBJECT, &name, name.value.len ? 1 : 0, &index), ERR_OK);
	row.index = buf_view(&index);
	assert_int_equal(record_seal(w->ring, STORE_OBJECT, buf_view(&plain), &row, &body), ERR_OK);
	if (broken) body.ptr[body.len - 1] ^= 1;
	begin(w);
	assert_int_equal(store_put(w->store, STORE_OBJECT, &row, true), ERR_OK);
	commit(w);
	object_unref(first);
	struct buf *all[] = { &plain, &index, &body, &header, &parts[0], &parts[1], &parts[2] };
	for (size_t i = 0; i < 7; i++) buf_free(all[i]);
}
