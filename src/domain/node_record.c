/* Node records as bytes and as rows. */
#include "domain/node_record.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "keyring/record.h"

#define SCHEMA 1u
#define BODY_MAX 2048u
#define PAGE 64u

static const uint8_t header[] = { SCHEMA };

const char *node_state_name(enum node_state state)
{
	static const char *const names[] = { [NODE_ADMITTED] = "admitted", [NODE_MEMBER] = "member", [NODE_REMOVED] = "removed" };
	PRE(state >= NODE_ADMITTED && state <= NODE_REMOVED);
	return names[state];
}

static bool text_is_sound(struct view text, size_t max)
{
	return text.len >= 1 && text.len <= max && text_is_utf8(text);
}

/* What the state says must have been, and nothing else has. */
static bool times_fit(const struct node_record *n)
{
	if (n->admitted_ms == 0 || (n->state == NODE_MEMBER && n->joined_ms == 0)) return false;
	return (n->state == NODE_REMOVED) == (n->removed_ms != 0) && (n->state != NODE_ADMITTED || n->joined_ms == 0);
}

static enum coffer_err write_body(const struct node_record *n, struct buf *out)
{
	struct writer w;
	uint8_t kind;
	struct view name = view_of(n->name, strnlen(n->name, sizeof n->name)), principal = view_of(n->principal, strnlen(n->principal, sizeof n->principal));
	ENSURE(text_is_sound(name, ADMISSION_NAME_MAX) && text_is_sound(principal, NODE_PRINCIPAL_MAX) && times_fit(n), ERR_FIELD);
	TRY(kind_number(n->token_kind, &kind));
	writer_init_buf(&w, out, BODY_MAX);
	writer_view_u32(&w, name);
	writer_u8(&w, kind);
	writer_bytes(&w, view_of(n->transport_key, sizeof n->transport_key));
	writer_bytes(&w, view_of(n->request_digest, sizeof n->request_digest));
	writer_u8(&w, (uint8_t)n->origin);
	writer_view_u32(&w, principal);
	writer_u64(&w, n->admitted_ms);
	writer_u64(&w, n->joined_ms);
	writer_u64(&w, n->removed_ms);
	writer_bytes(&w, view_of(n->life, sizeof n->life));
	return writer_done(&w);
}

static enum coffer_err read_text(struct reader *r, size_t max, char *out)
{
	struct view text;
	TRY(reader_view_u32(r, max, &text));
	ENSURE(text_is_sound(text, max), ERR_CORRUPT);
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return ERR_OK;
}

static enum coffer_err read_body(struct view body, struct node_record *n)
{
	struct reader r;
	uint8_t kind, origin;
	reader_init(&r, body);
	TRY(read_text(&r, ADMISSION_NAME_MAX, n->name));
	TRY(reader_u8(&r, &kind));
	TRY(kind_name(kind, n->token_kind));
	TRY(reader_bytes(&r, n->transport_key, sizeof n->transport_key));
	TRY(reader_bytes(&r, n->request_digest, sizeof n->request_digest));
	TRY(reader_u8(&r, &origin));
	ENSURE(origin <= NODE_BY_ENDORSEMENT, ERR_CORRUPT);
	n->origin = (enum node_origin)origin;
	TRY(read_text(&r, NODE_PRINCIPAL_MAX, n->principal));
	TRY(reader_u64(&r, &n->admitted_ms));
	TRY(reader_u64(&r, &n->joined_ms));
	TRY(reader_u64(&r, &n->removed_ms));
	TRY(reader_bytes(&r, n->life, sizeof n->life));
	TRY(reader_end(&r));
	return times_fit(n) ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err from_row(struct ring *ring, const struct store_row *row, struct node_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct node_record n = { .row_version = row->version };
	ENSURE(row->id_len == UUID_LEN && row->state >= NODE_ADMITTED && row->state <= NODE_REMOVED && row->header.len == 1, ERR_CORRUPT);
	ENSURE(row->header.ptr[0] == SCHEMA, ERR_VERSION);
	memcpy(n.node_id, row->id, UUID_LEN);
	n.state = (enum node_state)row->state;
	TRY(record_open(ring, STORE_NODE, row, &plain));
	enum coffer_err err = read_body(buf_view(&plain), &n);
	if (err) return err == ERR_MEMORY ? err : ERR_CORRUPT;
	*out = n;
	return ERR_OK;
}

enum coffer_err node_record_get(struct store *store, struct ring *ring, const uint8_t node_id[static UUID_LEN], struct node_record *out)
{
	struct store_row row;
	TRY(store_get(store, STORE_NODE, view_of(node_id, UUID_LEN), &row));
	return from_row(ring, &row, out);
}

enum coffer_err node_record_put(struct store *store, struct ring *ring, struct node_record *record)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	ENSURE(record->row_version < UINT32_MAX - 1, ERR_LIMIT);
	struct store_row row = { .id_len = UUID_LEN, .version = record->row_version + 1, .state = (uint32_t)record->state, .header = view_of(header, sizeof header) };
	memcpy(row.id, record->node_id, UUID_LEN);
	TRY(write_body(record, &plain));
	TRY(record_seal(ring, STORE_NODE, buf_view(&plain), &row, &body));
	TRY(store_put(store, STORE_NODE, &row, record->row_version != 0));
	record->row_version++;
	return ERR_OK;
}

struct walk {
	struct ring *ring;
	node_record_fn *fn;
	void *arg;
	uint8_t last[UUID_LEN];
	unsigned count; /* of this page */
};

static enum coffer_err step(void *arg, const struct store_row *row)
{
	struct walk *w = arg;
	struct node_record n;
	TRY(from_row(w->ring, row, &n));
	memcpy(w->last, n.node_id, UUID_LEN);
	w->count++;
	return w->fn(w->arg, &n);
}

enum coffer_err node_record_each(struct store *store, struct ring *ring, node_record_fn *fn, void *arg)
{
	struct walk w = { .ring = ring, .fn = fn, .arg = arg };
	struct view after = view_of(NULL, 0);
	do {
		w.count = 0;
		TRY(store_scan(store, STORE_NODE, after, false, PAGE, step, &w));
		after = view_of(w.last, UUID_LEN);
	} while (w.count == PAGE);
	return ERR_OK;
}
