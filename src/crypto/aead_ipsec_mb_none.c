/* The AEAD engine of intel-ipsec-mb where there is no such library: it says so, and is never asked for more. */
#include "crypto/aead_internal.h"

static const char *missing(void)
{
	return "it is not built in";
}

static enum coffer_err start(struct aead_key *k, const uint8_t *key, size_t key_len)
{
	(void)k;
	(void)key;
	(void)key_len;
	return ERR_CRYPTO;
}

static void finish(struct aead_key *k)
{
	(void)k;
}

const struct aead_engine aead_ipsec_mb = { .name = "ipsec-mb", .missing = missing, .slow = missing, .start = start, .finish = finish };
