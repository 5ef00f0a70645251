/* Algorithms of symmetric keys. */
#include "ops/kmip_algorithm.h"

#include "kmip/enums.h"

enum coffer_err kmip_algorithm_check(struct op_ctx *ctx, uint32_t algorithm, uint32_t length_bits, enum algorithm_use use)
{
	return crypto_algorithm_check(algorithm, length_bits, use, ctx->engine->config->legacy_algorithms, &ctx->reason);
}

/* An HMAC key is as long as the hash (RFC 2104 section 3). */
uint32_t kmip_algorithm_default_bits(uint32_t algorithm)
{
	switch (algorithm) {
	case CRYPTOGRAPHIC_ALGORITHM_DES3: return 168;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA1: return 160;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA224:
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA3_224: return 224;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA384:
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA3_384: return 384;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA512:
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA3_512: return 512;
	case CRYPTOGRAPHIC_ALGORITHM_AES:
	case CRYPTOGRAPHIC_ALGORITHM_CHACHA20:
	case CRYPTOGRAPHIC_ALGORITHM_CHACHA20_POLY1305:
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256:
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA3_256: return 256;
	default: return 0;
	}
}

/* FIPS 46-3: the lowest bit of each byte makes its parity odd. Constant time in the key. */
void kmip_algorithm_shape(uint32_t algorithm, struct secret *material)
{
	uint8_t *bytes = secret_mut(material);
	if (algorithm != CRYPTOGRAPHIC_ALGORITHM_DES3) return;
	for (size_t i = 0; i < secret_len(material); i++) {
		unsigned v = bytes[i] >> 1;
		v ^= v >> 4;
		v ^= v >> 2;
		v ^= v >> 1;
		bytes[i] = (uint8_t)((bytes[i] & 0xfe) | (~v & 1));
	}
}
