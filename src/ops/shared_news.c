/* What the other nodes changed. */
#include "ops/shared_news.h"

#include "access/policy.h"
#include "access/quorum.h"
#include "access/quorum_record.h"
#include "keyring/rooted_store.h"
#include "ops/recovery_change.h"
#include "ops/rotation.h"

#define BIT(table) (1u << (table))

struct hearing {
	struct engine *engine;
	struct shared_news *news;
};

static void hear(void *arg, enum store_table table, struct view id)
{
	struct hearing *h = arg;
	h->news->rows++;
	h->news->tables |= BIT(table);
	if (table == STORE_OBJECT && id.len == UUID_LEN) object_table_remove(h->engine->objects, id.ptr);
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
	enum coffer_err err = grants_load(engine->txn, &grants);
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
	struct hearing h = { engine, out };
	*out = (struct shared_news){ .rows = 0 };
	TRY(rooted_store_refresh(engine->store, hear, &h, &out->everything, reason));
	if (out->everything) {
		object_table_clear(engine->objects);
		out->tables = BIT(STORE_TABLE_END) - BIT(STORE_OBJECT);
	}
	if (out->tables & BIT(STORE_OBJECT) && engine->after_destroy) engine->after_destroy(engine); /* no thread keeps a warm key of one */
	enum coffer_err err = out->tables & BIT(STORE_SLOT) ? rotation_follow(engine) : ERR_OK;
	if (!err && out->tables & (BIT(STORE_GRANT) | BIT(STORE_DOMAIN) | BIT(STORE_RECOVERY))) err = read_access(engine, reason);
	if (err) rooted_store_hear_again(engine->store);
	return err;
}
