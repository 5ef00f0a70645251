/* Making, using and destroying the transport key pair. */
#include "hsm/transport.h"

#include <string.h>

#include "crypto/p256.h"
#include "hsm/attr.h"
#include "hsm/pair.h"

#define FORMAT 1u
_Static_assert(HSM_TRANSPORT_ID_LEN == HSM_PAIR_ID_LEN && TOKEN_TRANSPORT_POINT_LEN == HSM_PAIR_POINT_LEN, "P-256");
_Static_assert(TOKEN_TRANSPORT_POINT_LEN == P256_PUBLIC_LEN, "P-256");

static const struct hsm_pair_use deriving = { HSM_TRANSPORT_LABEL, "transport key", false, CKM_ECDH1_DERIVE, "CKM_ECDH1_DERIVE" };

enum coffer_err hsm_transport_make(struct hsm_session *s, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	struct token_transport_answer answer = { .there = true, .ref = { .len = 1 + HSM_TRANSPORT_ID_LEN } };
	struct hsm_pair p;
	TRY(hsm_pair_make(s, &deriving, wish->owner, &p, answer.public_key, reason));
	answer.ref.data[0] = FORMAT;
	memcpy(answer.ref.data + 1, wish->owner, HSM_TRANSPORT_ID_LEN);
	*out = answer;
	return ERR_OK;
}

/* The pair that the reference names: *out_there false when the token is there and has none, or several. */
static enum coffer_err find(struct hsm_session *s, const struct token_transport_ref *ref, struct hsm_pair *out, bool *out_there, struct reason *reason)
{
	*out_there = false;
	if (ref->len != 1 + HSM_TRANSPORT_ID_LEN || ref->data[0] != FORMAT) return ERR_OK;
	TRY(hsm_pair_find(s, &deriving, ref->data + 1, out, reason));
	*out_there = out->private_key != CK_INVALID_HANDLE && !out->several;
	return *out_there ? ERR_OK : hsm_session_token_present(s, reason);
}

enum coffer_err hsm_transport_public(struct hsm_session *s, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason)
{
	struct token_transport_answer answer = { .there = false };
	struct hsm_pair p;
	TRY(find(s, &wish->ref, &p, &answer.there, reason));
	answer.there = answer.there && p.public_key != CK_INVALID_HANDLE;
	if (answer.there && hsm_pair_point(s, p.public_key, answer.public_key, reason) != ERR_OK)
		return reason_fail(reason, ERR_TOKEN, "the token shows no point of P-256 as its transport key");
	*out = answer;
	return ERR_OK;
}

/* CKD_NULL: the shared X itself, as an object of this session that is read once and destroyed. */
static enum coffer_err derive(struct hsm_session *s, CK_OBJECT_HANDLE private_key, const uint8_t *peer, CK_OBJECT_HANDLE *out, struct reason *reason)
{
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG len = TOKEN_TRANSPORT_SHARED_LEN;
	char label[] = HSM_TMP_LABEL;
	uint8_t point[TOKEN_TRANSPORT_POINT_LEN];
	memcpy(point, peer, sizeof point);
	CK_ECDH1_DERIVE_PARAMS params = { .kdf = CKD_NULL, .ulPublicDataLen = sizeof point, .pPublicData = point };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &params, sizeof params };
	CK_ATTRIBUTE rows[] = {
		HSM_ATTR(CKA_CLASS, cls), HSM_ATTR(CKA_KEY_TYPE, type), HSM_ATTR(CKA_TOKEN, no), HSM_ATTR(CKA_PRIVATE, yes), HSM_ATTR(CKA_SENSITIVE, no),
		HSM_ATTR(CKA_EXTRACTABLE, yes), HSM_ATTR(CKA_VALUE_LEN, len), { CKA_LABEL, label, sizeof label - 1 },
	};
	return hsm_session_fail(s, reason, "C_DeriveKey", s->fn->C_DeriveKey(s->handle, &m, private_key, rows, sizeof rows / sizeof rows[0], out));
}

static enum coffer_err take_shared(struct hsm_session *s, CK_OBJECT_HANDLE tmp, struct secret **out, struct reason *reason)
{
	AUTO_SECRET struct secret *shared = secret_new(TOKEN_TRANSPORT_SHARED_LEN);
	CK_ATTRIBUTE value = { CKA_VALUE, shared ? secret_mut(shared) : NULL, TOKEN_TRANSPORT_SHARED_LEN };
	enum coffer_err err = ERR_MEMORY;
	if (shared) {
		CK_RV rv = s->fn->C_GetAttributeValue(s->handle, tmp, &value, 1);
		bool other = rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && value.ulValueLen != TOKEN_TRANSPORT_SHARED_LEN);
		err = other ? reason_fail(reason, ERR_TOKEN, "C_DeriveKey: the module gives a shared secret of another length than 32 bytes")
			    : hsm_session_fail(s, reason, "C_GetAttributeValue", rv);
	}
	if (err != ERR_OK) {
		(void)s->fn->C_DestroyObject(s->handle, tmp);
		return err;
	}
	TRY(hsm_session_fail(s, reason, "C_DestroyObject", s->fn->C_DestroyObject(s->handle, tmp)));
	*out = TAKE(shared);
	return ERR_OK;
}

enum coffer_err hsm_transport_ecdh(struct hsm_session *s, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	struct token_transport_answer answer = { .there = false };
	CK_OBJECT_HANDLE tmp = CK_INVALID_HANDLE;
	struct hsm_pair p;
	enum coffer_err err = p256_check(wish->point);
	if (err == ERR_FIELD) return reason_fail(reason, err, "the other side's key is no point of P-256");
	TRY(err);
	TRY(find(s, &wish->ref, &p, &answer.there, reason));
	if (answer.there) {
		TRY(derive(s, p.private_key, wish->point, &tmp, reason));
		TRY(take_shared(s, tmp, &answer.shared, reason));
	}
	*out = answer;
	return ERR_OK;
}

enum coffer_err hsm_transport_remove(struct hsm_session *s, const struct token_transport_wish *wish, struct reason *reason)
{
	return hsm_pair_destroy(s, &deriving, wish->owner, reason);
}
