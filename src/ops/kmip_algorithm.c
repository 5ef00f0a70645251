/* Algorithms of symmetric keys. */
#include "ops/kmip_algorithm.h"

#include "base/secret.h"
#include "kmip/enums.h"

#define HMAC_BITS_MIN 112u /* NIST SP 800-131A section 10 */

static bool is_hmac(uint32_t algorithm)
{
	return algorithm >= CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA1 && algorithm <= CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA512;
}

enum coffer_err kmip_algorithm_check(struct op_ctx *ctx, uint32_t algorithm, uint32_t length_bits)
{
	if (algorithm == CRYPTOGRAPHIC_ALGORITHM_AES) {
		if (length_bits == 128 || length_bits == 192 || length_bits == 256) return ERR_OK;
		return reason_fail(&ctx->reason, ERR_FIELD, "an AES key has 128, 192 or 256 bits");
	}
	if (is_hmac(algorithm)) {
		if (length_bits >= HMAC_BITS_MIN && length_bits <= SECRET_MAX * 8 && length_bits % 8 == 0) return ERR_OK;
		return reason_fail(&ctx->reason, ERR_FIELD, "an HMAC key has whole bytes and at least %u bits", HMAC_BITS_MIN);
	}
	return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this algorithm is not supported; AES and HMAC with SHA-1 or SHA-2 are");
}

size_t kmip_algorithm_bytes(uint32_t algorithm, uint32_t length_bits)
{
	if (algorithm == CRYPTOGRAPHIC_ALGORITHM_DES3 && length_bits % 56 == 0) return length_bits / 56 * 8;
	return length_bits / 8;
}

uint32_t kmip_algorithm_default_bits(uint32_t algorithm)
{
	switch (algorithm) {
	case CRYPTOGRAPHIC_ALGORITHM_AES: return 256;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA1: return 160;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA224: return 224;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256: return 256;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA384: return 384;
	case CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA512: return 512;
	default: return 0;
	}
}
