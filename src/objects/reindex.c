/* Writing old objects again, and the domain record that says that this is done. */
#include "objects/reindex.h"

#include <string.h>

#include "base/log.h"
#include "base/writer.h"
#include "objects/codec.h"
#include "objects/txn_internal.h"

#define PAGE 64u
#define MARK_ID "object-index"
#define MARK_HEADER 1u
#define INDEX_SCHEMA 1u /* the entries of objects/index.c */

static void set_indexed(void *arg)
{
	((struct txn *)arg)->indexed = true;
}

static enum coffer_err read_mark(struct txn *txn, bool *out_found, struct reason *reason)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row row;
	*out_found = false;
	enum coffer_err err = store_get(txn->store, STORE_DOMAIN, view_str(MARK_ID), &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	if (!err) err = record_open(txn->ring, STORE_DOMAIN, &row, &plain);
	if (!err && plain.len != 1) err = ERR_CORRUPT;
	if (!err && plain.ptr[0] != INDEX_SCHEMA) err = ERR_VERSION;
	if (err) return reason_default(reason, err, "the record that tells how objects are indexed does not open: %s", err_text(err));
	*out_found = true;
	return ERR_OK;
}

static enum coffer_err write_mark(struct txn *txn)
{
	static const uint8_t header[] = { MARK_HEADER }, body[] = { INDEX_SCHEMA };
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	struct store_row row = { .id_len = sizeof MARK_ID - 1, .version = 1, .header = view_of(header, sizeof header) };
	memcpy(row.id, MARK_ID, row.id_len);
	TRY(record_seal(txn->ring, STORE_DOMAIN, view_of(body, sizeof body), &row, &sealed));
	TRY(store_put(txn->store, STORE_DOMAIN, &row, true));
	return txn_on_commit(txn, set_indexed, NULL, txn);
}

struct page {
	uint8_t ids[PAGE][UUID_LEN];
	size_t read, old;
	uint8_t last[UUID_LEN];
};

static enum coffer_err take_old(void *arg, const struct store_row *row)
{
	struct page *p = arg;
	struct object_head head;
	ENSURE(row->id_len == UUID_LEN, ERR_CORRUPT);
	memcpy(p->last, row->id, UUID_LEN);
	p->read++;
	if (object_peek(row, &head) == ERR_OK && head.schema >= OBJECT_SCHEMA_INDEXED) return ERR_OK;
	memcpy(p->ids[p->old++], row->id, UUID_LEN);
	return ERR_OK;
}

static enum coffer_err write_again(struct txn *txn, const uint8_t id[static UUID_LEN])
{
	struct store_row row;
	AUTO_OBJECT struct object *o = NULL;
	TRY(store_get(txn->store, STORE_OBJECT, view_of(id, UUID_LEN), &row));
	TRY(object_from_row(txn->ring, &row, &o));
	ENSURE(o->record_version < UINT32_MAX - 1, ERR_LIMIT);
	o->record_version++;
	return txn_write_object(txn, o, true);
}

/* What is wrong with one object is not the store's fault: the others go on. */
static bool is_about_one(enum coffer_err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_LIMIT || err == ERR_TOO_LARGE;
}

static enum coffer_err write_page(struct txn *txn, struct reindex *r, const struct page *p)
{
	for (size_t i = 0; i < p->old; i++) {
		char id[UUID_TEXT_LEN + 1];
		enum coffer_err err = write_again(txn, p->ids[i]);
		if (!err) r->written++;
		if (!err) continue;
		if (!is_about_one(err)) return err;
		r->failed++;
		text_uuid(p->ids[i], id);
		log_error("object %s cannot be indexed: %s", id, err_text(err));
	}
	return ERR_OK;
}

static enum coffer_err finish(struct txn *txn, struct reindex *r)
{
	r->done = true;
	if (r->written) log_info("%llu objects of an older version were indexed", (unsigned long long)r->written);
	if (!r->failed) return write_mark(txn);
	log_warn("%llu objects could not be indexed: searches read the whole store until they are mended", (unsigned long long)r->failed);
	return ERR_OK;
}

enum coffer_err txn_reindex(struct txn *txn, struct reindex *r, struct reason *reason)
{
	struct page p = { .read = 0 };
	bool found;
	PRE(txn->open);
	ENSURE(txn->ring, ERR_SEALED);
	if (!r->begun) {
		TRY(read_mark(txn, &found, reason));
		r->done = found;
	}
	if (r->done) return txn_on_commit(txn, set_indexed, NULL, txn);
	TRY(store_scan(txn->store, STORE_OBJECT, view_of(r->after, r->begun ? UUID_LEN : 0), false, PAGE, take_old, &p));
	r->begun = true;
	TRY(write_page(txn, r, &p));
	if (p.read < PAGE) return finish(txn, r);
	memcpy(r->after, p.last, UUID_LEN);
	return ERR_OK;
}
