/* Held records and what they follow, as rows (docs/formats.md section 23.9). */
#include <string.h>

#include "audit/held_internal.h"
#include "audit/row.h"
#include "base/ct.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"
#include "keyring/domain_record.h"
#include "keyring/record.h"

#define BASE_ID "held-base-"  /* in the node's own file */
#define PLACE_ID AUDIT_HELD_PREFIX
#define SCHEMA 1u
#define HEADER_LEN (1u + 4u + AUDIT_HELD_LINK_LEN)
#define NUMBER_LEN 8u
#define PLACE_LEN (8u + AUDIT_HELD_LINK_LEN)

/* "held-", node id, "-", number, both in hex: in the order of the numbers. */
static void row_id(struct ring *ring, uint64_t number, struct store_row *row)
{
	uint8_t bytes[NUMBER_LEN];
	char hex[2 * NUMBER_LEN + 1];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	writer_u64(&w, number);
	POST(writer_done(&w) == ERR_OK);
	text_hex(writer_view(&w), hex);
	domain_record_node_id(PLACE_ID, ring_domain(ring), row);
	row->id[row->id_len++] = '-';
	memcpy(row->id + row->id_len, hex, 2 * NUMBER_LEN);
	row->id_len += 2 * NUMBER_LEN;
}

enum coffer_err held_row_number(struct ring *ring, const struct store_row *row, uint64_t *out)
{
	struct store_row own;
	uint8_t bytes[NUMBER_LEN];
	struct reader r;
	domain_record_node_id(BASE_ID, ring_domain(ring), &own);
	if (view_equal(view_of(row->id, row->id_len), view_of(own.id, own.id_len))) return ERR_NOT_FOUND;
	row_id(ring, 0, &own);
	size_t at = own.id_len - 2 * NUMBER_LEN;
	ENSURE(row->id_len == own.id_len && memcmp(row->id, own.id, at) == 0, ERR_CORRUPT);
	ENSURE(text_unhex(view_of(row->id + at, 2 * NUMBER_LEN), bytes, sizeof bytes) == ERR_OK, ERR_CORRUPT);
	reader_init(&r, view_of(bytes, sizeof bytes));
	TRY(reader_u64(&r, out));
	return *out ? ERR_OK : ERR_CORRUPT;
}

enum coffer_err held_record_make(struct ring *ring, const struct audit_event *event, const uint8_t before[static AUDIT_HELD_LINK_LEN], struct held_pending *out)
{
	TRY(audit_row_encode(ring_domain(ring), event, &out->plain));
	return audit_held_link(ring, out->generation, event->seq, before, buf_view(&out->plain), out->link);
}

enum coffer_err held_row_write(struct audit_held *h, uint64_t number, const struct held_pending *record, uint64_t *out_bytes)
{
	static const uint8_t no_index[] = { 0, 0 };
	AUTO_BUF struct buf body = BUF_EMPTY;
	uint8_t header[HEADER_LEN];
	struct store_row row = { .version = 1, .index = view_of(no_index, sizeof no_index) };
	struct writer w;
	row_id(h->ring, number, &row);
	writer_init(&w, header, sizeof header);
	writer_u8(&w, SCHEMA);
	writer_u32(&w, record->generation);
	writer_bytes(&w, view_of(record->link, sizeof record->link));
	TRY(writer_done(&w));
	row.header = writer_view(&w);
	TRY(record_seal(h->ring, STORE_DOMAIN, buf_view(&record->plain), &row, &body));
	*out_bytes += body.len;
	return store_put(h->rows, STORE_DOMAIN, &row, false);
}

struct header {
	uint32_t generation;
	uint8_t link[AUDIT_HELD_LINK_LEN];
};

static enum coffer_err read_header(struct view bytes, struct header *out)
{
	struct reader r;
	uint8_t schema;
	reader_init(&r, bytes);
	ENSURE(reader_u8(&r, &schema) == ERR_OK && schema == SCHEMA && reader_u32(&r, &out->generation) == ERR_OK &&
		reader_bytes(&r, out->link, sizeof out->link) == ERR_OK && reader_end(&r) == ERR_OK, ERR_CORRUPT);
	return ERR_OK;
}

/* An error of what stands there, and not of reading it. */
static enum coffer_err as_corrupt(enum coffer_err err)
{
	return err == ERR_NOT_FOUND || err == ERR_VERSION ? ERR_CORRUPT : err;
}

static enum coffer_err get_row(struct audit_held *h, uint64_t number, struct store_row *row, struct header *header)
{
	struct store_row wanted;
	row_id(h->ring, number, &wanted);
	TRY(store_get(h->rows, STORE_DOMAIN, view_of(wanted.id, wanted.id_len), row));
	return read_header(row->header, header);
}

enum coffer_err held_row_link(struct audit_held *h, uint64_t number, uint8_t out[static AUDIT_HELD_LINK_LEN])
{
	struct store_row row;
	struct header header;
	TRY(get_row(h, number, &row, &header));
	memcpy(out, header.link, sizeof header.link);
	return ERR_OK;
}

static enum coffer_err read_row(struct audit_held *h, uint64_t number, struct header *header, struct buf *plain, struct audit_event *out)
{
	struct store_row row;
	TRY(get_row(h, number, &row, header));
	TRY(record_open(h->ring, STORE_DOMAIN, &row, plain));
	TRY(audit_row_decode(ring_domain(h->ring), buf_view(plain), out));
	return out->seq == number ? ERR_OK : ERR_CORRUPT;
}

enum coffer_err held_row_read(struct audit_held *h, uint64_t number, struct held_link *link, struct buf *plain, struct audit_event *out)
{
	struct header header = { .generation = 0 };
	uint8_t right[AUDIT_HELD_LINK_LEN];
	bool known = link->known;
	link->known = false;
	TRY(as_corrupt(read_row(h, number, &header, plain, out)));
	if (known) {
		TRY(as_corrupt(audit_held_link(h->ring, header.generation, number, link->bytes, buf_view(plain), right)));
		ENSURE(ct_equal(right, header.link, sizeof right), ERR_CORRUPT);
	}
	memcpy(link->bytes, header.link, sizeof link->bytes);
	link->known = true;
	return ERR_OK;
}

static enum coffer_err copy_id(void *arg, const struct store_row *row)
{
	struct store_row *first = arg;
	memcpy(first->id, row->id, row->id_len);
	first->id_len = row->id_len;
	return ERR_EXISTS; /* enough */
}

/* Also what is none of this node's leaves when all is to leave. */
enum coffer_err held_rows_erase(struct audit_held *h, uint64_t last)
{
	struct store_row at = { .id_len = 0 };
	enum coffer_err err;
	while ((err = store_scan(h->rows, STORE_DOMAIN, view_of(at.id, at.id_len), false, 1, copy_id, &at)) == ERR_EXISTS) {
		uint64_t number = 0;
		enum coffer_err own = held_row_number(h->ring, &at, &number);
		if (own == ERR_NOT_FOUND || (last != UINT64_MAX && (own || number > last))) continue;
		TRY(store_erase(h->rows, STORE_DOMAIN, view_of(at.id, at.id_len)));
	}
	return err;
}

/* ---- what they follow ---- */

static enum coffer_err read_place(struct store *store, struct ring *ring, const char *prefix, struct audit_held_place *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	char name[STORE_ID_MAX + 1];
	struct reader r;
	*out = (struct audit_held_place){ .number = 0 };
	domain_record_node_name(prefix, ring_domain(ring), name);
	TRY(domain_record_get(store, ring, name, &plain));
	reader_init(&r, buf_view(&plain));
	ENSURE(reader_u64(&r, &out->number) == ERR_OK && reader_bytes(&r, out->link, sizeof out->link) == ERR_OK && reader_end(&r) == ERR_OK, ERR_CORRUPT);
	return ERR_OK;
}

static enum coffer_err write_place(struct store *store, struct ring *ring, const char *prefix, const struct audit_held_place *to)
{
	uint8_t bytes[PLACE_LEN];
	char name[STORE_ID_MAX + 1];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	writer_u64(&w, to->number);
	writer_bytes(&w, view_of(to->link, sizeof to->link));
	TRY(writer_done(&w));
	domain_record_node_name(prefix, ring_domain(ring), name);
	return domain_record_put(store, ring, name, writer_view(&w));
}

/* The generation stands beside it. */
static enum coffer_err base_generation(struct audit_held *h, uint32_t *out)
{
	struct store_row wanted, row;
	domain_record_node_id(BASE_ID, ring_domain(h->ring), &wanted);
	TRY(store_get(h->rows, STORE_DOMAIN, view_of(wanted.id, wanted.id_len), &row));
	*out = row.generation;
	return ERR_OK;
}

enum coffer_err held_base_read(struct audit_held *h)
{
	TRY(base_generation(h, &h->base_generation));
	return as_corrupt(read_place(h->rows, h->ring, BASE_ID, &h->base));
}

enum coffer_err held_base_write(struct audit_held *h, const struct audit_held_place *to)
{
	return write_place(h->rows, h->ring, BASE_ID, to);
}

enum coffer_err held_place_read(struct store *store, struct ring *ring, struct audit_held_place *out)
{
	struct store_row wanted, row;
	domain_record_node_id(PLACE_ID, ring_domain(ring), &wanted);
	enum coffer_err err = read_place(store, ring, PLACE_ID, out);
	if (err != ERR_NOT_FOUND) return err;
	err = store_get(store, STORE_DOMAIN, view_of(wanted.id, wanted.id_len), &row); /* or it is under a data key that this ring has not got */
	return err == ERR_NOT_FOUND ? ERR_OK : err ? err : ERR_STATE;
}

enum coffer_err held_place_write(struct store *store, struct ring *ring, const struct audit_held_place *to)
{
	return write_place(store, ring, PLACE_ID, to);
}
