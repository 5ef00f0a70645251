/* The data keys of this node: its slots, opened by its token. */
#include <string.h>

#include "daemon/store_cache.h"
#include "daemon/unseal_internal.h"
#include "domain/node_record.h"
#include "keyring/slot.h"

/* The slot rows of this node, copied out of the store. */
struct slot_copy {
	struct store_row row;
	struct buf bytes; /* header, index, body */
};

struct slots {
	const struct domain_id *domain;
	struct slot_copy copies[64];
	size_t count;
};

static enum coffer_err copy_slot(void *arg, const struct store_row *row)
{
	struct slots *s = arg;
	if (row->id_len != UUID_LEN + 4 || memcmp(row->id, s->domain->node_id, UUID_LEN) != 0) return ERR_EXISTS; /* another node's: enough */
	ENSURE(s->count < sizeof s->copies / sizeof s->copies[0], ERR_LIMIT);
	struct slot_copy *copy = &s->copies[s->count++];
	copy->bytes = BUF_EMPTY;
	TRY(buf_reserve(&copy->bytes, row->header.len + row->index.len + row->body.len + 1));
	TRY(buf_append(&copy->bytes, row->header));
	TRY(buf_append(&copy->bytes, row->index));
	TRY(buf_append(&copy->bytes, row->body));
	copy->row = *row;
	copy->row.header = view_of(copy->bytes.ptr, row->header.len);
	copy->row.index = view_of(copy->bytes.ptr + row->header.len, row->index.len);
	copy->row.body = view_of(copy->bytes.ptr + row->header.len + row->index.len, row->body.len);
	return ERR_OK;
}

/* The state beside a node's record is not secret; what is false about it keeps nobody in who has no slot. */
static enum coffer_err no_slot(struct engine *engine, struct store *store, const struct domain_id *domain, struct reason *reason)
{
	struct store_row row;
	engine->removed = store_get(store, STORE_NODE, view_of(domain->node_id, UUID_LEN), &row) == ERR_OK && row.state == NODE_REMOVED;
	if (engine->removed) {
		store_cache_leave(engine->daemon);
		return reason_fail(reason, ERR_DENIED, "%s", engine_removed_note);
	}
	return reason_fail(reason, ERR_CORRUPT, "the store holds no wrapped data key of this node; restore the store");
}

static enum coffer_err read_slots(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct slots *s = arg;
	uint8_t after[UUID_LEN + 4] = { 0 };
	memcpy(after, s->domain->node_id, UUID_LEN);
	enum coffer_err err = store_scan(txn_store(txn), STORE_SLOT, view_of(after, sizeof after), false, 1024, copy_slot, s);
	if (err && err != ERR_EXISTS) return reason_default(reason, err, "the wrapped data keys cannot be read: %s", err_text(err));
	return s->count ? ERR_OK : no_slot(engine, txn_store(txn), s->domain, reason);
}

static enum coffer_err open_slot(struct engine *e, struct ring *ring, const struct slot_copy *copy, struct reason *reason)
{
	struct slot slot;
	AUTO_SECRET struct secret *key = NULL;
	TRY(slot_parse(&copy->row, &slot, reason));
	TRY(slot_check_binding(&slot, e->identity.token_kind, &e->identity.binding, reason));
	TRY(token_proxy_unwrap(e->token, slot.blob, &key, reason));
	return slot_accept(ring, &copy->row, &slot, &key, reason);
}

enum coffer_err unseal_read_ring(struct engine *e, bool cached, struct ring **out, struct reason *reason)
{
	struct slots slots = { .domain = &e->identity.domain, .count = 0 };
	struct ring *ring = ring_new(&e->identity.domain);
	ENSURE(ring, ERR_MEMORY);
	enum coffer_err err = cached ? store_cache_read(e->daemon, read_slots, &slots, reason) : e->on_store(e, read_slots, &slots, reason);
	for (size_t i = 0; i < slots.count && !err; i++) err = open_slot(e, ring, &slots.copies[i], reason);
	for (size_t i = 0; i < slots.count; i++) buf_free(&slots.copies[i].bytes);
	if (err) ring_free(ring);
	else *out = ring;
	return err;
}
