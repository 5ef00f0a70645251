/* Making, using and destroying the signing key pair. */
#include "hsm/signer.h"

#include <string.h>

#include "hsm/pair.h"

#define FORMAT 1u
_Static_assert(HSM_SIGNER_ID_LEN == HSM_PAIR_ID_LEN && TOKEN_SIGNER_PUBLIC_LEN == HSM_PAIR_POINT_LEN, "P-256");

static const struct hsm_pair_use signing = { HSM_SIGNER_LABEL, "signing key", true, CKM_ECDSA, "CKM_ECDSA" };

enum coffer_err hsm_signer_make(struct hsm_session *s, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	struct token_signer_answer answer = { .there = true, .ref = { .len = 1 + HSM_SIGNER_ID_LEN } };
	struct hsm_pair p;
	TRY(hsm_pair_make(s, &signing, wish->owner, &p, answer.public_key, reason));
	answer.ref.data[0] = FORMAT;
	memcpy(answer.ref.data + 1, wish->owner, HSM_SIGNER_ID_LEN);
	*out = answer;
	return ERR_OK;
}

enum coffer_err hsm_signer_sign(struct hsm_session *s, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	struct hsm_pair p;
	uint8_t digest[TOKEN_SIGNER_DIGEST_LEN];
	CK_ULONG len = TOKEN_SIGNER_SIGNATURE_LEN;
	*out = (struct token_signer_answer){ .there = false };
	if (wish->ref.len != 1 + HSM_SIGNER_ID_LEN || wish->ref.data[0] != FORMAT) return ERR_OK;
	TRY(hsm_pair_find(s, &signing, wish->ref.data + 1, &p, reason));
	if (p.private_key == CK_INVALID_HANDLE || p.several) return hsm_session_token_present(s, reason);
	memcpy(digest, wish->digest, sizeof digest);
	TRY(hsm_session_fail(s, reason, "C_SignInit", s->fn->C_SignInit(s->handle, &mechanism, p.private_key)));
	TRY(hsm_session_fail(s, reason, "C_Sign", s->fn->C_Sign(s->handle, digest, sizeof digest, out->signature, &len)));
	if (len != TOKEN_SIGNER_SIGNATURE_LEN) return reason_fail(reason, ERR_TOKEN, "C_Sign: the module returns a wrong length");
	out->there = true;
	return ERR_OK;
}

enum coffer_err hsm_signer_drop(struct hsm_session *s, const struct token_signer_wish *wish, struct reason *reason)
{
	return hsm_pair_destroy(s, &signing, wish->owner, reason);
}
