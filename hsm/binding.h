/* What pins this node to its token and master secret: the backend's part of struct token_binding.
 *
 *   u8 format = 1 | u8 flags (1: made by coffer) | LP16 token serial | LP16 token label | LP16 CKA_LABEL | LP16 CKA_ID |
 *   u32 CK key type | SHA-256 of the canary (32) | LP16 wrapped canary            (LP16: u16 length, then the bytes)
 *
 * Big-endian. master_secret_id = SHA-256("coffer pkcs11 master secret" | LP16 serial | LP16 token label | LP16 CKA_ID |
 * LP16 wrapped canary). The canary is 32 random bytes that are kept nowhere. */
#ifndef COFFER_HSM_BINDING_H
#define COFFER_HSM_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "hsm/mech.h"
#include "hsm/object.h"
#include "hsm/p11.h"
#include "hsm/session.h"
#include "token/token.h"

#define HSM_CANARY_MAX 512u /* bytes of a wrapped canary: RSA-4096 */

struct hsm_binding {
	bool made_here;
	char serial[17];      /* of the token, printable */
	char token_label[33]; /* printable */
	struct hsm_key key;   /* handles are not kept */
	const struct hsm_mech *mech;
	uint8_t canary_hash[32];
	uint8_t canary_blob[HSM_CANARY_MAX];
	size_t canary_blob_len;
};

/* Wraps a fresh canary with the key and fills everything. */
enum coffer_err hsm_binding_make(struct hsm_session *s, const struct hsm_key *key, const struct hsm_mech *mech,
	bool made_here, struct hsm_binding *out, struct reason *reason) MUST_USE;
enum coffer_err hsm_binding_encode(const struct hsm_binding *b, struct token_binding *out) MUST_USE;
/* ERR_CORRUPT, ERR_VERSION, or ERR_TOKEN_OTHER when it is not a PKCS#11 binding at all. */
enum coffer_err hsm_binding_decode(const struct token_binding *in, struct hsm_binding *out,
	struct reason *reason) MUST_USE;
/* ERR_TOKEN_OTHER when the session's token is not the one that is pinned. */
enum coffer_err hsm_binding_check_token(const struct hsm_binding *b, const struct hsm_session *s,
	struct reason *reason) MUST_USE;
/* Opens the pinned canary with the key: ERR_TOKEN_OTHER when it opens to something else; else the token's failure. */
enum coffer_err hsm_binding_check_canary(const struct hsm_binding *b, struct hsm_session *s, const struct hsm_key *key,
	struct reason *reason) MUST_USE;

#endif
