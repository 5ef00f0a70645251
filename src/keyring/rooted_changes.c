/* What a node's commits changed, for the others: a chain of rows whose end stands in its root (docs/formats.md section 23.1). */
#include <string.h>

#include "base/ct.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "keyring/label.h"
#include "keyring/rooted_internal.h"

#define SCHEMA 1u
#define EVERYTHING 0xffffu /* in place of a number of rows */
#define BODY_MAX (2u + ROOTED_CHANGED_MAX * (1u + 4u + STORE_ID_MAX))
#define PAGE 256u

static const uint8_t header[] = { SCHEMA }, no_entries[] = { 0, 0 };

void rooted_note_change(struct rooted *r, enum store_table table, struct view id)
{
	size_t at = r->now.changed;
	if (table == STORE_AUDIT || table == STORE_REQUEST || at > ROOTED_CHANGED_MAX) return; /* nobody keeps those in memory */
	r->now.changed++;
	if (at == ROOTED_CHANGED_MAX) return;
	r->changed[at].table = (uint8_t)table;
	r->changed[at].id_len = (uint8_t)id.len;
	memcpy(r->changed[at].id, id.ptr, id.len);
}

static void row_id(const uint8_t node_id[static UUID_LEN], uint64_t number, struct store_row *row)
{
	struct writer w;
	writer_init(&w, row->id, sizeof row->id);
	writer_bytes(&w, view_of(node_id, UUID_LEN));
	writer_u64(&w, number);
	row->id_len = UUID_LEN + 8;
}

/* The link of a change: of the one before it, and of what it says. */
static enum coffer_err next_link(struct view plain, uint8_t link[static ROOT_LINK_LEN])
{
	uint8_t front[128];
	struct writer w;
	writer_init(&w, front, sizeof front);
	label_write(&w, "change-link");
	writer_bytes(&w, view_of(link, ROOT_LINK_LEN));
	writer_u32(&w, (uint32_t)plain.len);
	TRY(writer_done(&w));
	const struct view parts[] = { writer_view(&w), plain };
	return hash_parts(HASH_SHA256, parts, 2, link);
}

static enum coffer_err write_plain(const struct rooted *r, struct buf *plain)
{
	struct writer w;
	bool everything = r->now.changed > ROOTED_CHANGED_MAX;
	writer_init_buf(&w, plain, BODY_MAX);
	writer_u16(&w, (uint16_t)(everything ? EVERYTHING : r->now.changed));
	for (size_t i = 0; i < r->now.changed && !everything; i++) {
		writer_u8(&w, r->changed[i].table);
		writer_view_u32(&w, view_of(r->changed[i].id, r->changed[i].id_len));
	}
	return writer_done(&w);
}

enum coffer_err rooted_write_change(struct rooted *r)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct root *root = &r->now.root;
	struct store_row row = { .version = 1, .header = view_of(header, sizeof header), .index = view_of(no_entries, sizeof no_entries) };
	if (!r->now.changed) return ERR_OK;
	row_id(root->head.node_id, root->changes + 1, &row);
	TRY(write_plain(r, &plain));
	TRY(record_seal(r->ring, STORE_CHANGE, buf_view(&plain), &row, &body));
	TRY(store_put(r->inner, STORE_CHANGE, &row, true));
	TRY(next_link(buf_view(&plain), root->change_link));
	root->changes++;
	if (root->changes <= ROOTED_CHANGES_KEPT) return ERR_OK;
	row_id(root->head.node_id, root->changes - ROOTED_CHANGES_KEPT, &row);
	enum coffer_err err = store_erase(r->inner, STORE_CHANGE, view_of(row.id, row.id_len));
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Reading one node's. */
struct reading {
	struct rooted *r;
	const struct rooted_peer *peer;
	uint64_t next;                 /* the number that comes */
	uint8_t link[ROOT_LINK_LEN];   /* of the one before it */
	rooted_changed_fn *fn;
	void *arg;
	bool everything;
};

static enum coffer_err tell(struct reading *g, struct view plain)
{
	struct reader p;
	uint16_t count;
	reader_init(&p, plain);
	TRY(reader_u16(&p, &count));
	g->everything = g->everything || count == EVERYTHING;
	for (unsigned i = 0; i < count && count != EVERYTHING; i++) {
		uint8_t table;
		struct view id;
		TRY(reader_u8(&p, &table));
		TRY(reader_view_u32(&p, STORE_ID_MAX, &id));
		ENSURE(table >= STORE_OBJECT && table < STORE_TABLE_END && id.len >= 1, ERR_CORRUPT);
		if (g->fn) g->fn(g->arg, (enum store_table)table, id);
	}
	return reader_end(&p);
}

/* ERR_NOT_FOUND: another row stands where the next one should. */
static enum coffer_err take_change(void *arg, const struct store_row *row)
{
	struct reading *g = arg;
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row wanted;
	row_id(g->peer->node_id, g->next, &wanted);
	ENSURE(view_equal(view_of(row->id, row->id_len), view_of(wanted.id, wanted.id_len)), ERR_NOT_FOUND);
	ENSURE(row->version == 1 && row->state == 0 && row->header.len == 1 && row->header.ptr[0] == SCHEMA, ERR_CORRUPT);
	TRY(record_open(g->r->ring, STORE_CHANGE, row, &plain));
	TRY(next_link(buf_view(&plain), g->link));
	enum coffer_err err = tell(g, buf_view(&plain));
	if (err) return err == ERR_MEMORY ? err : ERR_CORRUPT;
	return g->next++ < g->peer->root.changes ? ERR_OK : ERR_EXISTS;
}

/* ERR_EXISTS from the last row: all there is. */
static enum coffer_err read_rows(struct reading *g)
{
	struct store_row after;
	while (g->next <= g->peer->root.changes) {
		uint64_t from = g->next;
		row_id(g->peer->node_id, from - 1, &after);
		enum coffer_err err = store_scan(g->r->inner, STORE_CHANGE, view_of(after.id, after.id_len), false, PAGE, take_change, g);
		if (err && err != ERR_EXISTS) return err;
		ENSURE(g->next > from, ERR_NOT_FOUND);
	}
	return ct_equal(g->link, g->peer->root.change_link, sizeof g->link) ? ERR_OK : ERR_CORRUPT;
}

/* *everything is set where the rows do not tell it all: too many, one gone, or one that is not what that node wrote. */
static enum coffer_err read_peer(struct rooted *r, const struct rooted_peer *p, rooted_changed_fn *fn, void *arg, bool *everything)
{
	struct reading g = { .r = r, .peer = p, .next = p->read + 1, .fn = fn, .arg = arg };
	char node[UUID_TEXT_LEN + 1];
	if (p->root.changes == p->read) {
		*everything = *everything || !ct_equal(p->root.change_link, p->read_link, sizeof p->read_link);
		return ERR_OK;
	}
	if (p->root.changes < p->read || p->root.changes - p->read > ROOTED_CHANGES_READ) {
		*everything = true;
		return ERR_OK;
	}
	memcpy(g.link, p->read_link, sizeof g.link);
	enum coffer_err err = read_rows(&g);
	*everything = *everything || g.everything || err;
	if (err != ERR_NOT_FOUND && err != ERR_CORRUPT) return err;
	text_uuid(p->node_id, node);
	log_warn("what node %s changed is not told by the store as that node wrote it (change %llu); everything is read anew", node, (unsigned long long)g.next);
	return ERR_OK;
}

enum coffer_err rooted_store_refresh(struct store *s, rooted_changed_fn *fn, void *arg, bool *out_everything, struct reason *reason)
{
	*out_everything = false;
	if (!rooted_store_is(s) || !rooted_of(s)->shared || !rooted_of(s)->ring) return ERR_OK;
	struct rooted *r = rooted_of(s);
	PRE(!s->in_transaction);
	TRY(rooted_look(r, reason));
	enum coffer_err err = rooted_store_verdict(s, reason);
	for (size_t i = 0; i < r->peer_count && !err; i++)
		if (r->peers[i].there) err = read_peer(r, &r->peers[i], fn, arg, out_everything);
	store_rollback(r->inner);
	if (err) return err;
	rooted_know_changes(r);
	*out_everything = *out_everything || r->unheard;
	r->unheard = false;
	return ERR_OK;
}

void rooted_store_hear_again(struct store *s)
{
	if (rooted_store_is(s)) rooted_of(s)->unheard = true;
}
