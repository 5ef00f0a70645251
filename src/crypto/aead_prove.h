/* The proof that an AEAD engine does what OpenSSL does, run at every start before the engine is used. */
#ifndef COFFER_CRYPTO_AEAD_PROVE_H
#define COFFER_CRYPTO_AEAD_PROVE_H

#include "base/err.h"
#include "base/reason.h"
#include "crypto/aead_choose.h"

struct aead_engine;

/* With keys of 16, 24 and 32 bytes, fresh random texts, and associated data in none, one and several parts: every length from 0 to
 * 320 bytes (every third with 24), lengths around 384 and 512 bytes, 4 KiB, 32 KiB, 64 KiB and 1 MiB; sealed with the key of the object and with a key for one
 * message, in place and not, in pieces; each compared with OpenSSL byte for byte, opened again, and refused with one bit changed.
 * Then the published answers for AES-256-GCM and XAES. ERR_CRYPTO with what went wrong; ERR_MEMORY. A few milliseconds. */
enum coffer_err aead_prove(const struct aead_engine *engine, struct reason *reason) MUST_USE;

/* aead_choose with the faster engine given (tests). */
enum coffer_err aead_choose_from(const struct aead_engine *engine, enum aead_choice wanted, struct reason *reason) MUST_USE;

#endif
