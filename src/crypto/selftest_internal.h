/* The part of the self-test that an AEAD engine has to pass as well. */
#ifndef COFFER_CRYPTO_SELFTEST_INTERNAL_H
#define COFFER_CRYPTO_SELFTEST_INTERNAL_H

#include "base/err.h"

/* The published answers for AES-256-GCM and XAES on the engine in use. ERR_CRYPTO, ERR_MEMORY. */
enum coffer_err selftest_aead(void) MUST_USE;

#endif
