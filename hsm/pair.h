/* P-256 key pairs of Coffer's own in the token, each for one use: made there, never extractable, found by label and CKA_ID. */
#ifndef COFFER_HSM_PAIR_H
#define COFFER_HSM_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "hsm/session.h"

#define HSM_PAIR_ID_LEN 16u
#define HSM_PAIR_POINT_LEN 65u

struct hsm_pair_use {
	const char *label;           /* CKA_LABEL of both halves */
	const char *what;            /* for sentences: "signing key" */
	bool sign;                   /* else: derives */
	CK_MECHANISM_TYPE mechanism; /* it is used by */
	const char *mechanism_name;
};

struct hsm_pair {
	CK_OBJECT_HANDLE private_key, public_key; /* CK_INVALID_HANDLE: not there */
	bool several;                             /* more than one of a half */
};

/* ERR_UNSUPPORTED: the token makes no such pairs, or does not use them. A token that fails is not one that has no such mechanism. */
enum coffer_err hsm_pair_check_offer(struct hsm_session *s, const struct hsm_pair_use *use, struct reason *reason) MUST_USE;
enum coffer_err hsm_pair_find(struct hsm_session *s, const struct hsm_pair_use *use, const uint8_t id[static HSM_PAIR_ID_LEN], struct hsm_pair *out,
	struct reason *reason) MUST_USE;
/* The point of the public half. ERR_CORRUPT: none on the curve. */
enum coffer_err hsm_pair_point(struct hsm_session *s, CK_OBJECT_HANDLE public_key, uint8_t out[static HSM_PAIR_POINT_LEN], struct reason *reason) MUST_USE;
/* The pair that is there when it is whole and as it must be; else whatever is there is destroyed and a pair made. ERR_TOKEN_REFUSED: the token makes none that
 * stays in it. */
enum coffer_err hsm_pair_make(struct hsm_session *s, const struct hsm_pair_use *use, const uint8_t id[static HSM_PAIR_ID_LEN], struct hsm_pair *out,
	uint8_t out_point[static HSM_PAIR_POINT_LEN], struct reason *reason) MUST_USE;
/* Halves of an attempt that was cut off, and doubles, too. ERR_TOKEN: the token says that it did, and still shows one. */
enum coffer_err hsm_pair_destroy(struct hsm_session *s, const struct hsm_pair_use *use, const uint8_t id[static HSM_PAIR_ID_LEN], struct reason *reason) MUST_USE;

#endif
