/* Audit rows and links as bytes. */
#include "audit/row.h"

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "keyring/label.h"

#define ROW_FORMAT 1u
#define HEADER_SCHEMA 1u
#define ROW_MAX (16u * 1024u)
#define DETAILS_MAX 4096u
#define ID_MAX 64u

enum coffer_err audit_row_encode(const struct domain_id *domain, const struct audit_event *event, struct buf *out)
{
	ENSURE(event->principal.len <= PRINCIPAL_TEXT_MAX && event->object_id.len <= ID_MAX && event->request_id.len <= ID_MAX &&
		event->details.len <= DETAILS_MAX, ERR_TOO_LARGE);
	struct writer w;
	writer_init_buf(&w, out, ROW_MAX);
	writer_u8(&w, ROW_FORMAT);
	writer_u64(&w, event->seq);
	writer_u64(&w, event->time_ms);
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_u64(&w, 0); /* epoch: one node has none */
	writer_view_u32(&w, event->principal);
	writer_u32(&w, event->operation);
	writer_u32(&w, event->status);
	writer_u32(&w, event->result_reason);
	writer_view_u32(&w, event->object_id);
	writer_view_u32(&w, event->request_id);
	writer_view_u32(&w, event->details);
	return writer_done(&w);
}

static enum coffer_err decode_fields(const struct domain_id *domain, struct reader *r, struct audit_event *e)
{
	uint8_t format;
	uint64_t epoch;
	struct view node;
	TRY(reader_u8(r, &format));
	ENSURE(format == ROW_FORMAT, ERR_VERSION);
	TRY(reader_u64(r, &e->seq));
	TRY(reader_u64(r, &e->time_ms));
	TRY(reader_view(r, UUID_LEN, &node));
	ENSURE(view_equal(node, view_of(domain->node_id, UUID_LEN)), ERR_CORRUPT);
	TRY(reader_u64(r, &epoch));
	TRY(reader_view_u32(r, PRINCIPAL_TEXT_MAX, &e->principal));
	TRY(reader_u32(r, &e->operation));
	TRY(reader_u32(r, &e->status));
	TRY(reader_u32(r, &e->result_reason));
	TRY(reader_view_u32(r, ID_MAX, &e->object_id));
	TRY(reader_view_u32(r, ID_MAX, &e->request_id));
	TRY(reader_view_u32(r, DETAILS_MAX, &e->details));
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
	struct audit_header h;
	reader_init(&r, header);
	ENSURE(reader_u8(&r, &schema) == ERR_OK && schema == HEADER_SCHEMA, ERR_CORRUPT);
	ENSURE(reader_u32(&r, &h.link_generation) == ERR_OK, ERR_CORRUPT);
	ENSURE(reader_bytes(&r, h.link, sizeof h.link) == ERR_OK && reader_end(&r) == ERR_OK, ERR_CORRUPT);
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
	POST(writer_done(&w) == ERR_OK);
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

enum coffer_err audit_genesis(const struct domain_id *domain, uint8_t out[static AUDIT_LINK_LEN])
{
	uint8_t input[128];
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, "audit-genesis");
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_bytes(&w, view_of(domain->public_key, DOMAIN_PUBLIC_LEN));
	TRY(writer_done(&w));
	return hash_sha256(writer_view(&w), out);
}

enum coffer_err audit_link(struct ring *ring, uint32_t generation, uint64_t seq, const uint8_t previous[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_LINK_LEN])
{
	return audit_link_of(ring, ring_domain(ring), generation, seq, previous, row, out);
}

enum coffer_err audit_link_of(struct ring *ring, const struct domain_id *domain, uint32_t generation, uint64_t seq, const uint8_t previous[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_LINK_LEN])
{
	const struct secret *key;
	uint8_t head[160];
	struct writer w;
	TRY(ring_subkey(ring, generation, SUBKEY_AUDIT, &key));
	writer_init(&w, head, sizeof head);
	label_write(&w, "audit-link");
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_u32(&w, generation);
	writer_u64(&w, seq);
	writer_bytes(&w, view_of(previous, AUDIT_LINK_LEN));
	writer_u32(&w, (uint32_t)row.len);
	TRY(writer_done(&w));
	const struct view parts[] = { writer_view(&w), row };
	return mac_hmac_sha256(secret_view(key), parts, 2, out);
}
