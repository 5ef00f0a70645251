/* The choice of the AEAD engine: once, at start, and never an engine that did not prove on this machine that it does what OpenSSL does. */
#ifndef COFFER_CRYPTO_AEAD_CHOOSE_H
#define COFFER_CRYPTO_AEAD_CHOOSE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"

enum aead_choice { AEAD_CHOICE_AUTO, AEAD_CHOICE_OPENSSL, AEAD_CHOICE_IPSEC_MB };

struct aead_chosen {
	const char *name;      /* "openssl" or "ipsec-mb" */
	char note[REASON_MAX]; /* why AUTO took OpenSSL; "" when nothing is to be said */
	bool distrusted;       /* the faster engine failed its proof: the administrator must hear of it */
};

/* Takes the engine for every key made from now on. AUTO: the faster one where this CPU has what makes it fast and the proof
 * (aead_prove.h) passes, else OpenSSL. IPSEC_MB: that one, or ERR_CRYPTO with a sentence. COFFER_TEST_BROKEN_AEAD in the
 * environment breaks the faster engine's ciphertexts before its proof (tests). A few milliseconds. Once, after crypto_selftest,
 * before threads. */
enum coffer_err aead_choose(enum aead_choice wanted, struct reason *reason) MUST_USE;
/* What was chosen; before aead_choose: OpenSSL. For the life of the process. */
const struct aead_chosen *aead_chosen(void);

#endif
