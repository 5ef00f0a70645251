/* Audit rows and links as bytes. */
#include "audit/row.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "keyring/label.h"

#define HEADER_OLD 1u
#define HEADER_SCHEMA 2u

enum coffer_err audit_row_encode(const struct domain_id *domain, const struct audit_event *event, struct buf *out)
{
	struct writer w;
	ENSURE(event->principal.len <= PRINCIPAL_TEXT_MAX && event->object_id.len <= AUDIT_ID_MAX && event->request_id.len <= AUDIT_ID_MAX &&
		event->details.len <= AUDIT_DETAILS_MAX, ERR_TOO_LARGE);
	writer_init_buf(&w, out, AUDIT_ROW_MAX);
	audit_event_write(domain, event, &w);
	return writer_done(&w);
}

static enum coffer_err decode_fields(const struct domain_id *domain, struct reader *r, struct audit_event *e)
{
	uint8_t format;
	struct view node;
	TRY(reader_u8(r, &format));
	ENSURE(format == AUDIT_ROW_FORMAT, ERR_VERSION);
	TRY(reader_u64(r, &e->seq));
	TRY(reader_u64(r, &e->time_ms));
	TRY(reader_view(r, UUID_LEN, &node));
	ENSURE(view_equal(node, view_of(domain->node_id, UUID_LEN)), ERR_CORRUPT);
	TRY(reader_u64(r, &e->epoch));
	TRY(reader_view_u32(r, PRINCIPAL_TEXT_MAX, &e->principal));
	TRY(reader_u32(r, &e->operation));
	TRY(reader_u32(r, &e->status));
	TRY(reader_u32(r, &e->result_reason));
	TRY(reader_view_u32(r, AUDIT_ID_MAX, &e->object_id));
	TRY(reader_view_u32(r, AUDIT_ID_MAX, &e->request_id));
	TRY(reader_view_u32(r, AUDIT_DETAILS_MAX, &e->details));
	return reader_end(r);
}

enum coffer_err audit_row_decode(const struct domain_id *domain, struct view row, struct audit_event *out)
{
	struct reader r;
	struct audit_event e = { 0 };
	reader_init(&r, row);
	ENSURE(decode_fields(domain, &r, &e) == ERR_OK, ERR_CORRUPT);
	*out = e;
	return ERR_OK;
}

enum coffer_err audit_header_decode(struct view header, struct audit_header *out)
{
	struct reader r;
	uint8_t schema;
	struct audit_header h = { 0 };
	reader_init(&r, header);
	ENSURE(reader_u8(&r, &schema) == ERR_OK && (schema == HEADER_SCHEMA || schema == HEADER_OLD), ERR_CORRUPT);
	h.has_digest = schema == HEADER_SCHEMA;
	ENSURE(reader_u32(&r, &h.link_generation) == ERR_OK && reader_bytes(&r, h.link, sizeof h.link) == ERR_OK, ERR_CORRUPT);
	if (h.has_digest) ENSURE(reader_bytes(&r, h.digest, sizeof h.digest) == ERR_OK, ERR_CORRUPT);
	ENSURE(reader_end(&r) == ERR_OK, ERR_CORRUPT);
	*out = h;
	return ERR_OK;
}

void audit_header_encode(const struct audit_header *header, uint8_t out[static AUDIT_HEADER_LEN])
{
	struct writer w;
	writer_init(&w, out, AUDIT_HEADER_LEN);
	writer_u8(&w, HEADER_SCHEMA);
	writer_u32(&w, header->link_generation);
	writer_bytes(&w, view_of(header->link, sizeof header->link));
	writer_bytes(&w, view_of(header->digest, sizeof header->digest));
	POST(writer_done(&w) == ERR_OK);
}

enum coffer_err audit_header_digest(const struct domain_id *domain, uint64_t seq, const struct audit_header *header,
	uint8_t out[static AUDIT_DIGEST_LEN])
{
	if (!header->has_digest) return audit_digest_base(domain, seq, header->link, out);
	memcpy(out, header->digest, AUDIT_DIGEST_LEN);
	return ERR_OK;
}

enum coffer_err audit_header_follow(const struct domain_id *domain, const uint8_t previous[static AUDIT_DIGEST_LEN], uint64_t seq,
	const struct audit_header *header, struct view row, uint8_t out[static AUDIT_DIGEST_LEN])
{
	uint8_t expected[AUDIT_DIGEST_LEN];
	if (!header->has_digest) return audit_digest_base(domain, seq, header->link, out);
	TRY(audit_digest_next(previous, header->link_generation, header->link, row, expected));
	memcpy(out, header->digest, AUDIT_DIGEST_LEN);
	return ct_equal(expected, header->digest, sizeof expected) ? ERR_OK : ERR_CORRUPT;
}

void audit_row_id(const struct domain_id *domain, uint64_t seq, uint8_t out[static AUDIT_ID_LEN])
{
	struct writer w;
	writer_init(&w, out, AUDIT_ID_LEN);
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_u64(&w, seq);
	POST(writer_done(&w) == ERR_OK);
}

enum coffer_err audit_row_seq(const struct domain_id *domain, const struct store_row *row, uint64_t *out)
{
	struct reader r;
	struct view node;
	uint64_t seq;
	reader_init(&r, view_of(row->id, row->id_len));
	ENSURE(reader_view(&r, UUID_LEN, &node) == ERR_OK && reader_u64(&r, &seq) == ERR_OK && reader_end(&r) == ERR_OK, ERR_CORRUPT);
	ENSURE(view_equal(node, view_of(domain->node_id, UUID_LEN)), ERR_CORRUPT);
	*out = seq;
	return ERR_OK;
}

enum coffer_err audit_link(struct ring *ring, uint32_t generation, uint64_t seq, const uint8_t previous[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_LINK_LEN])
{
	return audit_link_of(ring, ring_domain(ring), generation, seq, previous, row, out);
}

static enum coffer_err link_of(const char *label, struct ring *ring, const struct domain_id *domain, uint32_t generation, uint64_t seq, const uint8_t previous[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_LINK_LEN])
{
	uint8_t head[160];
	struct writer w;
	writer_init(&w, head, sizeof head);
	label_write(&w, label);
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_u32(&w, generation);
	writer_u64(&w, seq);
	writer_bytes(&w, view_of(previous, AUDIT_LINK_LEN));
	writer_u32(&w, (uint32_t)row.len);
	TRY(writer_done(&w));
	const struct view parts[] = { writer_view(&w), row };
	return ring_hmac(ring, generation, SUBKEY_AUDIT, parts, 2, out);
}

enum coffer_err audit_link_of(struct ring *ring, const struct domain_id *domain, uint32_t generation, uint64_t seq, const uint8_t previous[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_LINK_LEN])
{
	return link_of("audit-link", ring, domain, generation, seq, previous, row, out);
}

enum coffer_err audit_held_link(struct ring *ring, uint32_t generation, uint64_t number, const uint8_t previous[static AUDIT_LINK_LEN], struct view row,
	uint8_t out[static AUDIT_LINK_LEN])
{
	return link_of("audit-held", ring, ring_domain(ring), generation, number, previous, row, out);
}
