/* The version root as numbers and as bytes. */
#include "keyring/root.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "keyring/label.h"

#define ROOT_SCHEMA 1u
#define ROOT_SCHEMA_FLAGS 2u /* the same with flags behind it, of which at least one is set */
#define ROOT_SCHEMA_SHARED 3u /* of a node among several */
#define FLAG_TWO_ADMINISTRATORS 1u
#define ROOT_ROW_VERSION 1u /* always: the write count would be used up */
#define ROOT_BODY_MAX 1024u
#define FRONT_MAX 192u      /* R before the header, behind two labels */
#define AUDIT_ID_LEN (UUID_LEN + 8u)
#define AUDIT_LINK_AT (1u + 4u) /* in the header column of an audit row: schema, link generation, link, and a digest in newer rows */
#define AUDIT_DIGEST_LEN 32u

static const uint8_t no_entries[] = { 0, 0 };
static const uint8_t root_header[] = { ROOT_SCHEMA }, root_header_flags[] = { ROOT_SCHEMA_FLAGS }, root_header_shared[] = { ROOT_SCHEMA_SHARED };

/* Under the row's generation, or the root's where the ring has that no more. */
static enum coffer_err anchor_hmac(struct ring *ring, uint32_t generation, uint32_t root_generation, const struct view *parts, size_t count, uint8_t out[static ROOT_SUM_LEN])
{
	enum coffer_err err = ring_hmac(ring, generation, SUBKEY_ANCHOR, parts, count, out);
	return err == ERR_NOT_FOUND ? ring_hmac(ring, root_generation, SUBKEY_ANCHOR, parts, count, out) : err;
}

/* T("root-row") and R up to its header's bytes. */
static enum coffer_err write_front(const struct domain_id *domain, enum store_table table, const struct store_row *row, struct writer *w)
{
	label_write(w, "root-row");
	label_write(w, "record");
	writer_bytes(w, view_of(domain->id, UUID_LEN));
	writer_u8(w, (uint8_t)table);
	writer_view_u32(w, view_of(row->id, row->id_len));
	writer_u32(w, row->version);
	writer_u32(w, row->state);
	writer_u32(w, row->generation);
	writer_u32(w, (uint32_t)row->header.len);
	return writer_done(w);
}

enum coffer_err root_entry(struct ring *ring, uint32_t root_generation, enum store_table table, const struct store_row *row,
	uint8_t out[static ROOT_SUM_LEN])
{
	uint8_t front[FRONT_MAX], between[4], digest[HASH_SHA256_LEN];
	struct view index = row->index.len ? row->index : view_of(no_entries, sizeof no_entries);
	struct writer w, b;
	writer_init(&w, front, sizeof front);
	TRY(write_front(ring_domain(ring), table, row, &w));
	writer_init(&b, between, sizeof between);
	writer_u32(&b, (uint32_t)index.len);
	TRY(hash_sha256(row->body, digest));
	const struct view parts[] = { writer_view(&w), row->header, writer_view(&b), index, view_of(digest, sizeof digest) };
	return anchor_hmac(ring, row->generation, root_generation, parts, sizeof parts / sizeof parts[0], out);
}

static void add(uint8_t to[static ROOT_SUM_LEN], const uint8_t what[static ROOT_SUM_LEN])
{
	unsigned carry = 0;
	for (size_t i = ROOT_SUM_LEN; i-- > 0; carry >>= 8) {
		carry += (unsigned)to[i] + what[i];
		to[i] = (uint8_t)carry;
	}
}

static void take(uint8_t from[static ROOT_SUM_LEN], const uint8_t what[static ROOT_SUM_LEN])
{
	unsigned borrow = 0;
	for (size_t i = ROOT_SUM_LEN; i-- > 0;) {
		unsigned d = 0x100u + from[i] - what[i] - borrow;
		from[i] = (uint8_t)d;
		borrow = d < 0x100u;
	}
}

void root_sum_add(struct root_sum *to, const uint8_t entry[static ROOT_SUM_LEN])
{
	add(to->sum, entry);
	to->count++;
}

void root_sum_take(struct root_sum *from, const uint8_t entry[static ROOT_SUM_LEN])
{
	take(from->sum, entry);
	from->count--;
}

void root_sum_join(struct root_sum *to, const struct root_sum *part)
{
	add(to->sum, part->sum);
	to->count += part->count;
}

void root_sum_part(struct root_sum *from, const struct root_sum *part)
{
	take(from->sum, part->sum);
	from->count -= part->count;
}

bool root_sum_equal(const struct root_sum *a, const struct root_sum *b)
{
	return a->count == b->count && ct_equal(a->sum, b->sum, ROOT_SUM_LEN);
}

void root_head_follow(struct root_head *head, const struct store_row *row)
{
	struct reader r;
	uint64_t seq;
	size_t old_len = AUDIT_LINK_AT + ROOT_LINK_LEN;
	if (row->header.len != old_len && row->header.len != old_len + AUDIT_DIGEST_LEN) return;
	if (row->id_len != AUDIT_ID_LEN || memcmp(row->id, head->node_id, UUID_LEN) != 0) return;
	reader_init(&r, view_of(row->id + UUID_LEN, 8));
	if (reader_u64(&r, &seq) != ERR_OK || seq <= head->seq) return;
	head->seq = seq;
	memcpy(head->link, row->header.ptr + AUDIT_LINK_AT, ROOT_LINK_LEN);
}

bool root_is_own_row(enum store_table table, struct view id)
{
	return table == STORE_DOMAIN && view_equal_str(id, ROOT_ID);
}

#define NODE_PREFIX_LEN (sizeof ROOT_NODE_ID - 1)

bool root_is_of_node(enum store_table table, struct view id, uint8_t *out_node)
{
	uint8_t node[UUID_LEN] = { 0 };
	if (table != STORE_DOMAIN || id.len != NODE_PREFIX_LEN + 2 * UUID_LEN || memcmp(id.ptr, ROOT_NODE_ID, NODE_PREFIX_LEN) != 0) return false;
	for (size_t i = 0; i < 2 * UUID_LEN; i++) {
		uint8_t c = id.ptr[NODE_PREFIX_LEN + i];
		bool digit = c >= '0' && c <= '9';
		if (!digit && !(c >= 'a' && c <= 'f')) return false;
		node[i / 2] = (uint8_t)(node[i / 2] << 4 | (digit ? c - '0' : c - 'a' + 10));
	}
	if (out_node) memcpy(out_node, node, UUID_LEN);
	return true;
}

void root_node_row_id(const uint8_t node_id[static UUID_LEN], struct store_row *row)
{
	char hex[2 * UUID_LEN + 1];
	text_hex(view_of(node_id, UUID_LEN), hex);
	memcpy(row->id, ROOT_NODE_ID, NODE_PREFIX_LEN);
	memcpy(row->id + NODE_PREFIX_LEN, hex, 2 * UUID_LEN);
	row->id_len = NODE_PREFIX_LEN + 2 * UUID_LEN;
}

static void write_shared(const struct root *root, struct writer *w)
{
	writer_u8(w, root->two_administrators ? FLAG_TWO_ADMINISTRATORS : 0);
	writer_u32(w, root->flag_changes);
	writer_u64(w, root->epoch);
	writer_u64(w, root->changes);
	writer_bytes(w, view_of(root->change_link, ROOT_LINK_LEN));
}

static enum coffer_err write_body(const struct root *root, struct writer *w)
{
	writer_u64(w, root->version);
	writer_u32(w, root->accepted);
	writer_u64(w, root->accepted_ms);
	writer_u64(w, root->accepted_from);
	writer_u8(w, STORE_TABLE_END - 1);
	for (unsigned t = STORE_OBJECT; t < STORE_TABLE_END; t++) {
		writer_u8(w, (uint8_t)t);
		writer_u64(w, root->tables[t].count);
		writer_bytes(w, view_of(root->tables[t].sum, ROOT_SUM_LEN));
	}
	writer_u8(w, root->head.seq ? 1 : 0);
	if (root->head.seq) {
		writer_bytes(w, view_of(root->head.node_id, UUID_LEN));
		writer_u64(w, root->head.seq);
		writer_bytes(w, view_of(root->head.link, ROOT_LINK_LEN));
	}
	if (root->shared) write_shared(root, w);
	else if (root->two_administrators) writer_u8(w, FLAG_TWO_ADMINISTRATORS);
	return writer_done(w);
}

enum coffer_err root_to_row(struct ring *ring, struct root *root, struct store_row *row, struct buf *body)
{
	uint8_t plain[ROOT_BODY_MAX];
	struct writer w;
	struct store_row made = { .id_len = sizeof ROOT_ID - 1, .version = ROOT_ROW_VERSION,
		.header = root->two_administrators ? view_of(root_header_flags, sizeof root_header_flags) : view_of(root_header, sizeof root_header), .index = view_of(no_entries, sizeof no_entries) };
	memcpy(made.id, ROOT_ID, sizeof ROOT_ID - 1);
	if (root->shared) {
		root_node_row_id(root->head.node_id, &made);
		made.header = view_of(root_header_shared, sizeof root_header_shared);
	}
	writer_init(&w, plain, sizeof plain);
	enum coffer_err err = write_body(root, &w);
	if (!err) err = record_seal(ring, STORE_DOMAIN, writer_view(&w), &made, body);
	wipe(plain, sizeof plain);
	TRY(err);
	root->generation = made.generation;
	*row = made;
	return ERR_OK;
}

static enum coffer_err read_tables(struct reader *r, struct root *root)
{
	uint8_t n, table, before = 0;
	TRY(reader_u8(r, &n));
	for (unsigned i = 0; i < n; i++) {
		TRY(reader_u8(r, &table));
		ENSURE(table < STORE_TABLE_END, ERR_VERSION);
		ENSURE(table > before, ERR_CORRUPT);
		before = table;
		TRY(reader_u64(r, &root->tables[table].count));
		TRY(reader_bytes(r, root->tables[table].sum, ROOT_SUM_LEN));
	}
	return ERR_OK;
}

static enum coffer_err read_head(struct reader *r, const uint8_t node_id[static UUID_LEN], struct root_head *head)
{
	uint8_t m;
	memcpy(head->node_id, node_id, UUID_LEN);
	TRY(reader_u8(r, &m));
	ENSURE(m <= 1, ERR_VERSION);
	if (m == 0) return ERR_OK;
	TRY(reader_bytes(r, head->node_id, UUID_LEN));
	TRY(reader_u64(r, &head->seq));
	TRY(reader_bytes(r, head->link, ROOT_LINK_LEN));
	ENSURE(head->seq != 0 && memcmp(head->node_id, node_id, UUID_LEN) == 0, ERR_CORRUPT);
	return ERR_OK;
}

/* At least one is set: else the row would be of the schema without them. */
static enum coffer_err read_flags(struct reader *r, struct root *root)
{
	uint8_t flags;
	TRY(reader_u8(r, &flags));
	ENSURE((flags & ~FLAG_TWO_ADMINISTRATORS) == 0, ERR_VERSION);
	ENSURE(flags != 0, ERR_CORRUPT);
	root->two_administrators = true;
	return ERR_OK;
}

static enum coffer_err read_shared(struct reader *r, struct root *root)
{
	uint8_t flags;
	TRY(reader_u8(r, &flags));
	ENSURE((flags & ~FLAG_TWO_ADMINISTRATORS) == 0, ERR_VERSION);
	root->shared = true;
	root->two_administrators = flags != 0;
	TRY(reader_u32(r, &root->flag_changes));
	TRY(reader_u64(r, &root->epoch));
	TRY(reader_u64(r, &root->changes));
	return reader_bytes(r, root->change_link, ROOT_LINK_LEN);
}

static enum coffer_err read_body(const uint8_t node_id[static UUID_LEN], struct view body, uint8_t schema, struct root *root)
{
	struct reader r;
	reader_init(&r, body);
	TRY(reader_u64(&r, &root->version));
	TRY(reader_u32(&r, &root->accepted));
	TRY(reader_u64(&r, &root->accepted_ms));
	TRY(reader_u64(&r, &root->accepted_from));
	TRY(read_tables(&r, root));
	TRY(read_head(&r, node_id, &root->head));
	if (schema == ROOT_SCHEMA_FLAGS) TRY(read_flags(&r, root));
	if (schema == ROOT_SCHEMA_SHARED) TRY(read_shared(&r, root));
	TRY(reader_end(&r));
	ENSURE(root->version != 0, ERR_CORRUPT);
	return ERR_OK;
}

enum coffer_err root_from_row(struct ring *ring, const struct store_row *row, struct root *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct root root = { .generation = row->generation };
	ENSURE(row->header.len == 1 && row->version == ROOT_ROW_VERSION && row->state == 0, ERR_CORRUPT);
	uint8_t schema = row->header.ptr[0];
	uint8_t node_id[UUID_LEN];
	memcpy(node_id, ring_domain(ring)->node_id, UUID_LEN);
	bool shared = root_is_of_node(STORE_DOMAIN, view_of(row->id, row->id_len), node_id);
	ENSURE(shared ? schema == ROOT_SCHEMA_SHARED : schema == ROOT_SCHEMA || schema == ROOT_SCHEMA_FLAGS, ERR_VERSION);
	ENSURE(!shared || row->generation <= ring_newest(ring), ERR_NOT_FOUND);
	TRY(record_open(ring, STORE_DOMAIN, row, &plain));
	enum coffer_err err = read_body(node_id, buf_view(&plain), schema, &root);
	if (err) return err == ERR_VERSION ? err : ERR_CORRUPT;
	*out = root;
	return ERR_OK;
}
