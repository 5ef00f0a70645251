/* What the operations on nodes share. */
#include "ops/nodes.h"

#include <string.h>

#include "audit/held.h"
#include "domain/level.h"
#include "domain/sign_row.h"
#include "domain/transport_record.h"
#include "domain/waiting.h"
#include "keyring/domain_record.h"
#include "ops/rotation_master.h"
#include "ops/seat.h"

#define ROWS_AT_ONCE 64u

enum coffer_err nodes_check_master(struct engine *engine, struct reason *reason)
{
	if (engine->seat) return seat_check_master(engine, reason);
	return reason_fail(reason, ERR_UNSUPPORTED, "this domain has one node: its store is not shared (configuration key store_shared)");
}

struct wanted {
	struct view name_or_id;
	struct node_record *out;
	bool found;
};

static bool is_id(const struct node_record *n, struct view text)
{
	char uuid[UUID_TEXT_LEN + 1];
	text_uuid(n->node_id, uuid);
	return view_equal_str(text, uuid);
}

static enum coffer_err look(void *arg, const struct node_record *n)
{
	struct wanted *w = arg;
	bool named = n->state != NODE_REMOVED && view_equal_str(w->name_or_id, n->name);
	if (!is_id(n, w->name_or_id) && (!named || w->found)) return ERR_OK;
	*w->out = *n;
	w->found = true;
	return ERR_OK;
}

enum coffer_err nodes_find(struct txn *txn, struct view name_or_id, struct node_record *out, struct reason *reason)
{
	struct wanted w = { .name_or_id = name_or_id, .out = out };
	enum coffer_err err = node_record_each(txn_store(txn), txn_ring(txn), look, &w);
	if (err) return reason_default(reason, err, "the records of the domain's nodes cannot be read: %s", err_text(err));
	return w.found ? ERR_OK : reason_fail(reason, ERR_NOT_FOUND, "no node of this domain has this name or id; see 'coffer node list'");
}

enum coffer_err nodes_take_name(struct view text, const char *what, char out[static ADMISSION_NAME_MAX + 1], struct reason *reason)
{
	if (text.len >= 1 && text.len <= ADMISSION_NAME_MAX && text_is_utf8(text)) {
		text_printable(text, out, ADMISSION_NAME_MAX + 1);
		if (view_equal_str(text, out)) return ERR_OK;
	}
	return reason_fail(reason, ERR_FIELD, "the name of %s has 1 to %u printable bytes of UTF-8", what, ADMISSION_NAME_MAX);
}

/* Ids of a table that begin with the node's. */
struct gather {
	const uint8_t *node_id;
	uint8_t ids[ROWS_AT_ONCE][STORE_ID_MAX];
	size_t lens[ROWS_AT_ONCE], count;
};

static enum coffer_err note_id(void *arg, const struct store_row *row)
{
	struct gather *g = arg;
	if (row->id_len <= UUID_LEN || memcmp(row->id, g->node_id, UUID_LEN) != 0) return ERR_EXISTS; /* behind them */
	memcpy(g->ids[g->count], row->id, row->id_len);
	g->lens[g->count++] = row->id_len;
	return ERR_OK;
}

static enum coffer_err erase_all(struct store *store, enum store_table table, const uint8_t node_id[static UUID_LEN])
{
	struct gather g;
	do {
		g = (struct gather){ .node_id = node_id };
		enum coffer_err err = store_scan(store, table, view_of(node_id, UUID_LEN), false, ROWS_AT_ONCE, note_id, &g);
		if (err && err != ERR_EXISTS) return err;
		for (size_t i = 0; i < g.count; i++) TRY(store_erase(store, table, view_of(g.ids[i], g.lens[i])));
	} while (g.count == ROWS_AT_ONCE);
	return ERR_OK;
}

enum coffer_err nodes_erase_rows(struct txn *txn, const uint8_t node_id[static UUID_LEN])
{
	TRY(erase_all(txn_store(txn), STORE_SLOT, node_id));
	TRY(erase_all(txn_store(txn), STORE_REFRESH, node_id));
	TRY(master_record_erase(txn, node_id));
	TRY(domain_record_erase_of_node(txn_store(txn), TRANSPORT_RECORD_PREFIX, node_id));
	TRY(domain_record_erase_of_node(txn_store(txn), AUDIT_HELD_PREFIX, node_id));
	TRY(level_erase(txn_store(txn), ring_domain(txn_ring(txn)), node_id));
	uint8_t sign[SIGN_ID_LEN];
	sign_id(node_id, sign);
	enum coffer_err err = store_erase(txn_store(txn), STORE_LEASE, view_of(sign, sizeof sign));
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}
