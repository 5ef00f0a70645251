/* What the other nodes changed. */
#include "ops/shared_news.h"

#include <stdlib.h>
#include <string.h>

#include "access/policy.h"
#include "access/quorum.h"
#include "access/quorum_record.h"
#include "keyring/rooted_store.h"
#include "ops/recovery_change.h"
#include "ops/rotation.h"
#include "ops/rotation_owed.h"

#define BIT(table) (1u << (table))

struct hearing {
	struct shared_news *news;
	struct rooted_row_id *rows;
	size_t count, cap;
	bool short_of_memory;
};

static void hear(void *arg, enum store_table table, struct view id)
{
	struct hearing *h = arg;
	h->news->rows++;
	h->news->tables |= BIT(table);
	if (h->count == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 64;
		struct rooted_row_id *wider = reallocarray(h->rows, cap, sizeof *wider);
		h->short_of_memory = h->short_of_memory || !wider;
		if (!wider) return;
		h->rows = wider;
		h->cap = cap;
	}
	struct rooted_row_id *row = &h->rows[h->count++];
	row->table = (uint8_t)table;
	row->id_len = (uint8_t)id.len;
	memcpy(row->id, id.ptr, id.len);
}

/* The cache first, then memory. */
static void let_go(struct engine *engine, const struct hearing *h, bool everything)
{
	if (engine->heard && (everything || h->count)) engine->heard(engine, everything ? NULL : h->rows, everything ? 0 : h->count, everything);
	if (everything) object_table_clear(engine->objects);
	for (size_t i = 0; i < h->count && !everything; i++)
		if (h->rows[i].table == STORE_OBJECT && h->rows[i].id_len == UUID_LEN) object_table_remove(engine->objects, h->rows[i].id);
}

/* As at a start: in a store that an operator accepted, grants that do not open give nobody a right, and are no reason not to hear of the others. */
static enum coffer_err load_grants(struct engine *engine, struct grants **out)
{
	struct rooted_facts root;
	rooted_store_facts(engine->store, &root);
	return root.accepted ? grants_load_passing(engine->txn, out) : grants_load(engine->txn, out);
}

/* As at a start: what does not open is taken for the stricter one. */
static unsigned needed_now(struct engine *engine)
{
	unsigned needed = 1;
	struct rooted_facts root;
	rooted_store_facts(engine->store, &root);
	enum coffer_err err = quorum_record_get(engine->txn, &needed);
	return root.two_administrators || (err && err != ERR_NOT_FOUND) ? 2 : needed;
}

static enum coffer_err read_access(struct engine *engine, struct reason *reason)
{
	struct grants *grants = NULL;
	TRY(txn_begin(engine->txn, reason));
	enum coffer_err err = load_grants(engine, &grants);
	unsigned needed = err ? 2 : needed_now(engine);
	recovery_describe(engine, engine->txn);
	txn_abort(engine->txn);
	if (err) return reason_default(reason, err, "the grants that another node changed do not open: %s", err_text(err));
	quorum_set_needed(engine->quorum, needed);
	engine_set_grants(engine, grants);
	return ERR_OK;
}

enum coffer_err shared_news_read(struct engine *engine, struct shared_news *out, struct reason *reason)
{
	struct hearing h = { .news = out };
	*out = (struct shared_news){ .rows = 0 };
	enum coffer_err err = rooted_store_refresh(engine->store, hear, &h, &out->everything, reason);
	out->everything = out->everything || h.short_of_memory;
	if (out->everything) out->tables = BIT(STORE_TABLE_END) - BIT(STORE_OBJECT);
	if (!err) let_go(engine, &h, out->everything);
	free(h.rows);
	TRY(err);
	if (out->tables & BIT(STORE_OBJECT) && engine->after_destroy) engine->after_destroy(engine); /* no thread keeps a warm key of one */
	if (out->tables & BIT(STORE_DOMAIN)) rotation_owed_look_again(engine);
	err = out->tables & BIT(STORE_SLOT) ? rotation_follow(engine) : ERR_OK;
	if (!err && out->tables & (BIT(STORE_GRANT) | BIT(STORE_DOMAIN) | BIT(STORE_RECOVERY))) err = read_access(engine, reason);
	if (err) rooted_store_hear_again(engine->store);
	return err;
}
