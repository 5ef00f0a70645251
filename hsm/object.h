/* The master secret as an object in the token: finding it, making it, sweeping what a crash left behind. "Not found" never
 * means gone, and nothing here makes a key unless hsm_object_generate is called. */
#ifndef COFFER_HSM_OBJECT_H
#define COFFER_HSM_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "hsm/p11.h"
#include "hsm/session.h"

struct hsm_mech;

struct hsm_key {
	CK_OBJECT_HANDLE handle;     /* the secret or private key */
	CK_OBJECT_HANDLE public_key; /* RSA: the public half; else CK_INVALID_HANDLE */
	CK_KEY_TYPE type;            /* CKK_AES, CKK_RSA … */
	char label[HSM_LABEL_MAX + 1];
	uint8_t id[HSM_ID_MAX];
	size_t id_len;
};

/* Finds the one secret or private key with this label ("" : any) and id (id_len 0: any).
 * ERR_TOKEN_KEY_MISSING: the token is there but does not show it. ERR_TOKEN_GONE: the token itself does not answer.
 * ERR_TOKEN_REFUSED: several match; the sentence names them. */
enum coffer_err hsm_object_find(struct hsm_session *s, const char *label, const uint8_t *id, size_t id_len,
	struct hsm_key *out, struct reason *reason) MUST_USE;
/* Makes an AES-256 key with the strictest template that the token takes for `mech`. `on_token` false: a session object, to
 * try the mechanism with. */
enum coffer_err hsm_object_generate(struct hsm_session *s, const struct hsm_mech *mech, const char *label,
	const uint8_t *id, size_t id_len, bool on_token, struct hsm_key *out, struct reason *reason) MUST_USE;
/* The first `cap` (at most 32) objects of this class, label and id; *out_count: how many, at most cap. */
enum coffer_err hsm_object_find_some(struct hsm_session *s, CK_OBJECT_CLASS cls, const char *label, const uint8_t *id, size_t id_len,
	CK_OBJECT_HANDLE *found, CK_ULONG cap, CK_ULONG *out_count, struct reason *reason) MUST_USE;
/* Destroys this key, and the public half of an RSA key with it; then looks whether the token still shows it. ERR_TOKEN_REFUSED, ERR_TOKEN. */
enum coffer_err hsm_object_destroy(struct hsm_session *s, const struct hsm_key *key, struct reason *reason) MUST_USE;
/* Destroys every secret key labelled HSM_TMP_LABEL. A failure to destroy one is no error. */
enum coffer_err hsm_object_sweep(struct hsm_session *s, struct reason *reason) MUST_USE;
/* Destroys what a token leaves that was ended while it made a secret key: an object that holds no key, either without a name, or with this label and
 * our template. For provisioning alone. *out_count = how many it destroyed; a failure to destroy one is no error. */
enum coffer_err hsm_object_sweep_torn(struct hsm_session *s, const char *label, unsigned *out_count, struct reason *reason) MUST_USE;

#endif
