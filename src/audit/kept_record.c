/* The record as bytes and as a row. */
#include "audit/kept_record.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "keyring/domain_record.h"

#define SCHEMA 1u
#define ID_PREFIX "audit-kept-"

static const uint8_t header[] = { SCHEMA };

static enum coffer_err read_body(struct view body, struct kept_record *out)
{
	struct reader r;
	uint8_t exported;
	struct audit_checkpoint *c = &out->checkpoint;
	reader_init(&r, body);
	TRY(reader_u64(&r, &c->at.seq));
	TRY(reader_bytes(&r, c->at.link, sizeof c->at.link));
	TRY(reader_bytes(&r, c->at.digest, sizeof c->at.digest));
	TRY(reader_u64(&r, &c->time_ms));
	TRY(reader_bytes(&r, c->signature, sizeof c->signature));
	TRY(reader_u8(&r, &exported));
	TRY(reader_end(&r));
	ENSURE(exported <= 1 && c->at.seq != 0, ERR_CORRUPT);
	out->exported = exported == 1;
	return ERR_OK;
}

enum coffer_err kept_record_from_row(const struct domain_id *domain, const struct store_row *row, struct view plain, struct kept_record *out)
{
	struct kept_record record = { .row_version = row->version };
	struct store_row wanted = { .id_len = 0 };
	domain_record_node_id(ID_PREFIX, domain, &wanted);
	ENSURE(view_equal(view_of(row->id, row->id_len), view_of(wanted.id, wanted.id_len)), ERR_NOT_FOUND);
	ENSURE(row->header.len == 1 && row->state == 0, ERR_CORRUPT);
	ENSURE(row->header.ptr[0] == SCHEMA, ERR_VERSION);
	ENSURE(read_body(plain, &record) == ERR_OK, ERR_CORRUPT);
	TRY(audit_checkpoint_verify(domain, &record.checkpoint));
	*out = record;
	return ERR_OK;
}

enum coffer_err kept_record_read(struct store *store, struct ring *ring, const struct domain_id *domain, struct kept_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row wanted = { .id_len = 0 }, row;
	domain_record_node_id(ID_PREFIX, domain, &wanted);
	TRY(store_get(store, STORE_DOMAIN, view_of(wanted.id, wanted.id_len), &row));
	TRY(record_open(ring, STORE_DOMAIN, &row, &plain));
	return kept_record_from_row(domain, &row, buf_view(&plain), out);
}

enum coffer_err kept_record_put(struct store *store, struct ring *ring, struct kept_record *record)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	const struct audit_checkpoint *c = &record->checkpoint;
	uint8_t plain[192];
	struct writer w;
	ENSURE(record->row_version < UINT32_MAX - 1, ERR_LIMIT);
	struct store_row row = { .version = record->row_version + 1, .header = view_of(header, sizeof header) };
	domain_record_node_id(ID_PREFIX, ring_domain(ring), &row);
	writer_init(&w, plain, sizeof plain);
	writer_u64(&w, c->at.seq);
	writer_bytes(&w, view_of(c->at.link, sizeof c->at.link));
	writer_bytes(&w, view_of(c->at.digest, sizeof c->at.digest));
	writer_u64(&w, c->time_ms);
	writer_bytes(&w, view_of(c->signature, sizeof c->signature));
	writer_u8(&w, record->exported ? 1 : 0);
	TRY(writer_done(&w));
	TRY(record_seal(ring, STORE_DOMAIN, writer_view(&w), &row, &body));
	TRY(store_put(store, STORE_DOMAIN, &row, record->row_version != 0));
	record->row_version++;
	return ERR_OK;
}
