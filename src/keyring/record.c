/* Row binding, and sealing and opening the bodies of records. */
#include "keyring/record.h"

#include "base/writer.h"
#include "crypto/envelope.h"
#include "keyring/label.h"
#include "keyring/ring_internal.h"

#define BIND_MAX (8u * 1024u + 8u + STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN)
#define VERSION_END UINT32_MAX /* a write count that no row reaches */
#define NAME_DOMAIN_KEY "domain-key"

/* The width of each table's id; 0: 1 to STORE_ID_MAX. */
static const size_t id_len[STORE_TABLE_END] = {
	[STORE_OBJECT] = 16, [STORE_GRANT] = 16, [STORE_AUDIT] = 24, [STORE_REQUEST] = 32, [STORE_DOMAIN] = 0,
	[STORE_NODE] = 16, [STORE_SLOT] = 20, [STORE_RECOVERY] = 16
};

static const uint8_t no_entries[] = { 0, 0 };

static bool id_is_sound(enum store_table table, size_t len)
{
	if (len < 1 || len > STORE_ID_MAX) return false;
	if (table == STORE_LEASE) return true;
	if (table == STORE_ADMISSION) return len == UUID_LEN;
	if (table == STORE_CHANGE) return len == UUID_LEN + 8;
	if (table == STORE_REFRESH) return len == UUID_LEN + 4;
	return table >= STORE_OBJECT && table < STORE_TABLE_END && (!id_len[table] || len == id_len[table]);
}

static bool row_is_sound(enum store_table table, const struct store_row *row)
{
	if (!id_is_sound(table, row->id_len)) return false;
	if (row->version == 0 || row->version == VERSION_END) return false;
	if (row->header.len < 1 || row->header.len > STORE_HEADER_MAX) return false;
	return row->index.len <= sizeof no_entries + STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN;
}

enum coffer_err record_bind(const struct domain_id *domain, enum store_table table, const struct store_row *row,
	struct buf *out)
{
	struct writer w;
	ENSURE(row_is_sound(table, row), ERR_FIELD);
	writer_init_buf(&w, out, BIND_MAX);
	label_write(&w, "record");
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_u8(&w, (uint8_t)table);
	writer_view_u32(&w, view_of(row->id, row->id_len));
	writer_u32(&w, row->version);
	writer_u32(&w, row->state);
	writer_u32(&w, row->generation);
	writer_view_u32(&w, row->header);
	writer_view_u32(&w, row->index.len ? row->index : view_of(no_entries, sizeof no_entries));
	return writer_done(&w);
}

/* The one record with a subkey of its own holds the domain private key. */
static enum subkey subkey_of(enum store_table table, const struct store_row *row)
{
	bool domain_key = table == STORE_DOMAIN && view_equal_str(view_of(row->id, row->id_len), NAME_DOMAIN_KEY);
	return domain_key ? SUBKEY_DOMAIN_KEY : SUBKEY_OBJECT_SEAL;
}

enum coffer_err record_seal(struct ring *ring, enum store_table table, struct view plain, struct store_row *row,
	struct buf *body)
{
	AUTO_BUF struct buf binding = BUF_EMPTY;
	const struct domain_id *domain = ring_domain(ring);
	struct store_row sealed = *row;
	struct xaes_key *cipher;
	size_t start = body->len;

	ENSURE(plain.len <= ENVELOPE_RECORD_MAX, ERR_TOO_LARGE);
	sealed.generation = ring_newest(ring);
	ENSURE(sealed.generation != 0, ERR_SEALED);
	TRY(record_bind(domain, table, &sealed, &binding));
	TRY(ring_cipher(ring, sealed.generation, subkey_of(table, &sealed), &cipher));
	TRY(buf_reserve(body, envelope_size(plain.len)));
	TRY(envelope_seal(cipher, ring_nonces(ring), ENVELOPE_RECORD, domain->id, sealed.generation, buf_view(&binding), plain, body->ptr + start));
	body->len = start + envelope_size(plain.len);
	row->generation = sealed.generation;
	row->body = view_of(body->ptr + start, body->len - start);
	return ERR_OK;
}

static enum coffer_err open_body(struct ring *ring, enum store_table table, const struct store_row *row, struct buf *plain)
{
	AUTO_BUF struct buf binding = BUF_EMPTY;
	const struct domain_id *domain = ring_domain(ring);
	struct envelope_header header;
	struct xaes_key *cipher;
	size_t plain_len = envelope_plain_size(row->body.len);

	TRY(envelope_parse_header(row->body, &header));
	ENSURE(header.kind == ENVELOPE_RECORD && header.key_version == row->generation, ERR_CORRUPT);
	ENSURE(view_equal(view_of(header.key_id, UUID_LEN), view_of(domain->id, UUID_LEN)), ERR_CORRUPT);
	TRY(record_bind(domain, table, row, &binding));
	TRY(ring_cipher(ring, row->generation, subkey_of(table, row), &cipher));
	TRY(buf_reserve(plain, plain_len + 1)); /* one byte of room, so that an empty body has an address too */
	TRY(envelope_open(cipher, ENVELOPE_RECORD, row->body, buf_view(&binding), plain->ptr + plain->len));
	plain->len += plain_len;
	return ERR_OK;
}

enum coffer_err record_open(struct ring *ring, enum store_table table, const struct store_row *row, struct buf *plain)
{
	ENSURE(ring_count(ring) > 0, ERR_SEALED);
	enum coffer_err err = open_body(ring, table, row, plain);
	if (err == ERR_NOT_FOUND && ring_is_behind(ring, row->generation)) return ERR_BUSY;
	return err == ERR_OK || err == ERR_MEMORY ? err : ERR_CORRUPT;
}

enum coffer_err record_reseal(struct store *store, struct ring *ring, enum store_table table, const struct store_row *row, struct view index)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	static const uint8_t none[] = { 0, 0 };
	struct store_row next = *row;
	ENSURE(row->version < UINT32_MAX - 1, ERR_LIMIT);
	TRY(record_open(ring, table, row, &plain));
	TRY(buf_append(&header, row->header));
	next.version++;
	next.header = buf_view(&header);
	next.index = index.len ? index : view_of(none, sizeof none);
	TRY(record_seal(ring, table, buf_view(&plain), &next, &body));
	return store_put(store, table, &next, true);
}
