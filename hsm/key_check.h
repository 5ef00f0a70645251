/* The rules that a master secret must meet, whoever made it. Each refusal says the command that mends it. */
#ifndef COFFER_HSM_KEY_CHECK_H
#define COFFER_HSM_KEY_CHECK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"
#include "hsm/object.h"
#include "hsm/p11.h"
#include "hsm/session.h"
#include "hsm/uri.h"

/* AES: 256 bits, on the token, private, sensitive, always sensitive, never extractable, made by the token; wrap and unwrap;
 * no other use, unless its allowed mechanisms hold only key-wrap mechanisms. Without key_wrap (it does not work with this
 * token): encrypt and decrypt instead. RSA: at least 2048 bits, the same protection, decrypt; status warns (weak usage).
 * ERR_TOKEN_REFUSED with the sentence. */
enum coffer_err hsm_key_check(struct hsm_session *s, const struct hsm_uri *uri, const struct hsm_key *key,
	bool key_wrap, struct reason *reason) MUST_USE;

#endif
