/* Known-answer tests that run before a key is touched. */
#ifndef COFFER_CRYPTO_SELFTEST_H
#define COFFER_CRYPTO_SELFTEST_H

#include "base/err.h"
#include "base/reason.h"

/* SHA-256, HMAC, HKDF, AES-GCM, XAES, HPKE, Ed25519, AES key wrap and Shamir against fixed answers, both ways, and a tampered tag
 * that must be refused. A few milliseconds. ERR_CRYPTO, with the name of the test that failed. After ossl_mem_install. */
enum coffer_err crypto_selftest(struct reason *reason) MUST_USE;

#endif
