/* One segment of a stream. */
#include "crypto/stream_core.h"

#include "base/writer.h"

static void make_nonce(const uint8_t prefix[static STREAM_CORE_PREFIX_LEN], uint32_t number, bool last,
	uint8_t out[static AEAD_NONCE_LEN])
{
	struct writer w;
	writer_init(&w, out, AEAD_NONCE_LEN);
	writer_bytes(&w, view_of(prefix, STREAM_CORE_PREFIX_LEN));
	writer_u32(&w, number);
	writer_u8(&w, last ? 1 : 0);
	INVARIANT(writer_done(&w) == ERR_OK && writer_len(&w) == AEAD_NONCE_LEN);
}

enum coffer_err stream_core_derive(enum kdf_hash hash, struct view key, struct view salt, struct view info,
	uint8_t *out, size_t out_len)
{
	return kdf_hkdf(hash, key, salt, info, out, out_len);
}

enum coffer_err stream_core_seal(struct aead_key *k, const uint8_t prefix[static STREAM_CORE_PREFIX_LEN],
	uint32_t number, bool last, struct view pt, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_LEN];
	make_nonce(prefix, number, last, nonce);
	return aead_seal(k, nonce, NULL, 0, pt, out, out + pt.len);
}

enum coffer_err stream_core_open(struct aead_key *k, const uint8_t prefix[static STREAM_CORE_PREFIX_LEN],
	uint32_t number, bool last, struct view ct, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_LEN];
	ENSURE(ct.len >= AEAD_TAG_LEN, ERR_TRUNCATED);
	make_nonce(prefix, number, last, nonce);
	struct view body = view_of(ct.ptr, ct.len - AEAD_TAG_LEN);
	return aead_open(k, nonce, NULL, 0, body, body.ptr + body.len, out);
}

enum coffer_err stream_core_open_shared(struct aead_key *k, const uint8_t prefix[static STREAM_CORE_PREFIX_LEN],
	uint32_t number, bool last, struct view shared_ct, uint8_t *scratch)
{
	uint8_t nonce[AEAD_NONCE_LEN];
	make_nonce(prefix, number, last, nonce);
	return aead_open_shared(k, nonce, shared_ct, scratch);
}
