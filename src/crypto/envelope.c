/* The sealed message: header, then XAES-256-GCM over the text with header and context as associated data. */
#include "crypto/envelope.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/envelope_internal.h"

#define MAGIC "CFR1"
#define MAGIC_LEN 4u
#define SUITE_XAES 1u

static size_t plain_max(enum envelope_kind kind)
{
	return kind == ENVELOPE_RECORD ? ENVELOPE_RECORD_MAX : ENVELOPE_MESSAGE_MAX;
}

enum coffer_err envelope_parse_header(struct view sealed, struct envelope_header *out)
{
	struct reader r;
	struct view magic;
	struct envelope_header h;
	uint8_t suite, flags;
	uint16_t reserved;
	reader_init(&r, sealed);
	size_t have = sealed.len < MAGIC_LEN ? sealed.len : MAGIC_LEN;
	ENSURE(have == 0 || memcmp(sealed.ptr, MAGIC, have) == 0, ERR_FOREIGN);
	TRY(reader_view(&r, MAGIC_LEN, &magic));
	TRY(reader_u8(&r, &suite));
	ENSURE(suite == SUITE_XAES, ERR_VERSION);
	TRY(reader_u8(&r, &flags));
	ENSURE(flags == ENVELOPE_MESSAGE || flags == ENVELOPE_RECORD, ERR_VERSION);
	TRY(reader_u16(&r, &reserved));
	ENSURE(reserved == 0, ERR_VERSION);
	h.kind = flags == ENVELOPE_RECORD ? ENVELOPE_RECORD : ENVELOPE_MESSAGE;
	TRY(reader_bytes(&r, h.key_id, sizeof h.key_id));
	TRY(reader_u32(&r, &h.key_version));
	ENSURE(h.key_version != 0, ERR_FIELD);
	TRY(reader_bytes(&r, h.nonce, sizeof h.nonce));
	ENSURE(reader_left(&r) >= XAES_TAG_LEN, ERR_TRUNCATED);
	ENSURE(reader_left(&r) <= plain_max(h.kind) + XAES_TAG_LEN, ERR_TOO_LARGE);
	*out = h;
	return ERR_OK;
}

enum coffer_err envelope_seal_header(struct xaes_key *key, const struct envelope_header *header, struct view aad,
	struct view pt, uint8_t *out)
{
	struct writer w;
	ENSURE(header->key_version != 0, ERR_FIELD);
	ENSURE(pt.len <= plain_max(header->kind), ERR_TOO_LARGE);
	writer_init(&w, out, ENVELOPE_HEADER_LEN);
	writer_bytes(&w, view_of(MAGIC, MAGIC_LEN));
	writer_u8(&w, SUITE_XAES);
	writer_u8(&w, (uint8_t)header->kind);
	writer_u16(&w, 0);
	writer_bytes(&w, view_of(header->key_id, UUID_LEN));
	writer_u32(&w, header->key_version);
	writer_bytes(&w, view_of(header->nonce, XAES_NONCE_LEN));
	TRY(writer_done(&w));
	const struct view parts[] = { view_of(out, ENVELOPE_HEADER_LEN), aad };
	return xaes_seal(key, header->nonce, parts, 2, pt, out + ENVELOPE_HEADER_LEN);
}

enum coffer_err envelope_seal(struct xaes_key *key, struct rng_pool *pool, enum envelope_kind kind,
	const uint8_t key_id[static UUID_LEN], uint32_t key_version, struct view aad, struct view pt, uint8_t *out)
{
	struct envelope_header h = { .kind = kind, .key_version = key_version };
	memcpy(h.key_id, key_id, UUID_LEN);
	TRY(rng_pool_bytes(pool, h.nonce, sizeof h.nonce));
	return envelope_seal_header(key, &h, aad, pt, out);
}

enum coffer_err envelope_open(struct xaes_key *key, enum envelope_kind kind, struct view sealed, struct view aad,
	uint8_t *out)
{
	struct envelope_header h;
	TRY(envelope_parse_header(sealed, &h));
	ENSURE(h.kind == kind, ERR_VERSION);
	const struct view parts[] = { view_of(sealed.ptr, ENVELOPE_HEADER_LEN), aad };
	struct view body = view_of(sealed.ptr + ENVELOPE_HEADER_LEN, sealed.len - ENVELOPE_HEADER_LEN);
	return xaes_open(key, h.nonce, parts, 2, body, out);
}
