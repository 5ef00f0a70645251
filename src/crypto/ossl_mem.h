/* Sends every allocation of OpenSSL to the secret arena, so that the raw keys in its contexts never lie on the ordinary
 * heap. */
#ifndef COFFER_CRYPTO_OSSL_MEM_H
#define COFFER_CRYPTO_OSSL_MEM_H

#include "base/err.h"

/* Call once, after arena_init and before anything else touches OpenSSL, before threads. Also starts OpenSSL without its
 * configuration file (no foreign providers or engines) and fetches the algorithms of this program. Blocks of
 * OSSL_MEM_BIG bytes and more (scrypt's scratch memory) do not fit an arena: they are mappings of their own, kept out
 * of dumps and forks, locked where RLIMIT_MEMLOCK allows it, wiped when freed; at most OSSL_MEM_BIG_COUNT at a time.
 * ERR_STATE: the arena is absent, OpenSSL has allocated already, or a second call. ERR_CRYPTO: an algorithm is missing. */
enum coffer_err ossl_mem_install(void) MUST_USE;

#define OSSL_MEM_BIG (8u * 1024u * 1024u) /* bytes */
#define OSSL_MEM_BIG_COUNT 8u

#endif
