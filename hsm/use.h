/* Wrapping and unwrapping 32 bytes with the master secret: one struct hsm_method per way. Every short-lived object is
 * labelled HSM_TMP_LABEL and destroyed before the call returns; every plaintext copy is wiped. */
#ifndef COFFER_HSM_USE_H
#define COFFER_HSM_USE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "base/view.h"
#include "hsm/p11.h"
#include "hsm/session.h"

struct hsm_key;
struct hsm_mech;

struct hsm_method {
	CK_FLAGS needs; /* CKF_WRAP | CKF_UNWRAP …, as C_GetMechanismInfo must list them */
	/* Appends the wrapped form of TOKEN_SECRET_LEN bytes. */
	enum coffer_err (*wrap)(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
		const struct secret *plain, struct buf *out, struct reason *reason);
	/* Any failure that may be the blob's fault leaves the token's answer in s->last_rv. Caller frees *out. */
	enum coffer_err (*unwrap)(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
		struct view blob,
		struct secret **out, struct reason *reason);
};

/* C_WrapKey and C_UnwrapKey without parameters: RFC 3394, RFC 5649. Blob: the token's output. */
extern const struct hsm_method hsm_method_wrap_key;
/* C_Encrypt with CKM_AES_GCM. Blob: IV (12), ciphertext, tag (16). */
extern const struct hsm_method hsm_method_gcm;
/* C_Encrypt with the public, C_Decrypt with the private key of an RSA pair. Blob: the token's output. */
extern const struct hsm_method hsm_method_oaep;

/* PKCS#11 takes inputs by pointers to non-const: a copy of bytes in the arena. Caller frees; NULL when it is full. */
struct secret *hsm_use_copy(struct view bytes);

#endif
