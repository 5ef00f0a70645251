/* Hooks for frozen vectors and limits; no program calls them. */
#ifndef COFFER_CRYPTO_STREAM_INTERNAL_H
#define COFFER_CRYPTO_STREAM_INTERNAL_H

#include "crypto/stream.h"

/* stream_sealer_new with a given salt and nonce prefix. */
enum coffer_err stream_sealer_new_with(const uint8_t key[static STREAM_KEY_LEN], const uint8_t key_id[static UUID_LEN],
	uint32_t key_version, struct view context, unsigned segment_bits, const uint8_t salt[static STREAM_SALT_LEN],
	const uint8_t prefix[static STREAM_PREFIX_LEN], uint8_t out_header[static STREAM_HEADER_LEN],
	struct stream_sealer **out) MUST_USE;
/* Goes on as if `number` segments of `plain_len` bytes together were done. */
void stream_sealer_skip_to(struct stream_sealer *s, uint64_t number, uint64_t plain_len);
void stream_opener_skip_to(struct stream_opener *o, uint64_t number, uint64_t plain_len);

#endif
