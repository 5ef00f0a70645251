/* Ways that are OpenSSL's alone, or that cannot be constant-time: what docs/security.md says of them is counted here. */
#include "crypto/kdf.h"
#include "crypto/sign.h"
#include "ct/ct.h"

static enum coffer_err ed25519(void)
{
	AUTO_SECRET struct secret *seed = ct_secret(0xe0, SIGN_PRIVATE_LEN);
	uint8_t signature[SIGN_SIGNATURE_LEN];
	TRY(sign_ed25519(seed, view_str("message"), signature));
	return ct_take(signature, sizeof signature);
}

/* scrypt's second loop reads where its state says: RFC 7914 makes it so. */
static enum coffer_err scrypt(void)
{
	AUTO_SECRET struct secret *passphrase = ct_secret('a', 12);
	uint8_t out[32];
	return kdf_scrypt(secret_view(passphrase), view_str("salt"), 4, 1, 1, out, sizeof out);
}

const struct ct_case ct_openssl[] = {
	{ "Ed25519 sign", CT_CLEAN, ed25519 },
	{ "scrypt", CT_CONTROL, scrypt },
	{ NULL, CT_CLEAN, NULL },
};
