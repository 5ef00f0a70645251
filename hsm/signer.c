/* Making, finding, using and destroying the signing key pair. */
#include "hsm/signer.h"

#include <string.h>

#include "crypto/ecdsa.h"
#include "hsm/attr.h"
#include "hsm/object.h"

#define FORMAT 1u
#define POINT_HEAD 2u /* OCTET STRING of 65 bytes: 04 41 */

/* DER of the object identifier prime256v1. */
static const uint8_t p256[] = { 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };

struct pair {
	CK_OBJECT_HANDLE private_key, public_key; /* CK_INVALID_HANDLE: not there */
};

/* A mechanism that the token does not list is no failure. */
static enum coffer_err offers(struct hsm_session *s, CK_MECHANISM_TYPE type, CK_FLAGS needs, bool *out, struct reason *reason)
{
	CK_MECHANISM_INFO info = { 0 };
	CK_RV rv = s->fn->C_GetMechanismInfo(s->slot, type, &info);
	*out = rv == CKR_OK && (info.flags & needs) == needs;
	return rv == CKR_MECHANISM_INVALID ? ERR_OK : hsm_session_fail(s, reason, "C_GetMechanismInfo", rv);
}

static enum coffer_err check_offer(struct hsm_session *s, struct reason *reason)
{
	bool makes = false, signs = false;
	TRY(offers(s, CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, &makes, reason));
	TRY(offers(s, CKM_ECDSA, CKF_SIGN, &signs, reason));
	if (makes && signs) return ERR_OK;
	return reason_fail(reason, ERR_UNSUPPORTED, "the token has no %s", makes ? "CKM_ECDSA" : "CKM_EC_KEY_PAIR_GEN");
}

/* ---- finding ---- */

static enum coffer_err find_half(struct hsm_session *s, CK_OBJECT_CLASS cls, const uint8_t *id, CK_OBJECT_HANDLE *out, bool *several, struct reason *reason)
{
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	TRY(hsm_object_find_some(s, cls, HSM_SIGNER_LABEL, id, HSM_SIGNER_ID_LEN, found, 2, &n, reason));
	*out = n ? found[0] : CK_INVALID_HANDLE;
	*several = *several || n > 1;
	return ERR_OK;
}

static enum coffer_err find_pair(struct hsm_session *s, const uint8_t *id, struct pair *out, bool *several, struct reason *reason)
{
	*several = false;
	TRY(find_half(s, CKO_PRIVATE_KEY, id, &out->private_key, several, reason));
	return find_half(s, CKO_PUBLIC_KEY, id, &out->public_key, several, reason);
}

/* The point of the public half, which some tokens give without its OCTET STRING. */
static enum coffer_err read_point(struct hsm_session *s, CK_OBJECT_HANDLE h, uint8_t out[static TOKEN_SIGNER_PUBLIC_LEN], struct reason *reason)
{
	static const uint8_t head[POINT_HEAD] = { 0x04, TOKEN_SIGNER_PUBLIC_LEN };
	uint8_t value[POINT_HEAD + TOKEN_SIGNER_PUBLIC_LEN];
	size_t len = 0;
	struct ecdsa_public key = { .curve = ECDSA_P256 };
	TRY(hsm_attr_bytes(s, h, CKA_EC_POINT, value, sizeof value, &len, reason));
	bool wrapped = len == sizeof value && memcmp(value, head, sizeof head) == 0;
	ENSURE(wrapped || len == TOKEN_SIGNER_PUBLIC_LEN, ERR_CORRUPT);
	memcpy(key.point, value + (wrapped ? POINT_HEAD : 0), TOKEN_SIGNER_PUBLIC_LEN);
	ENSURE(ecdsa_check(&key) == ERR_OK, ERR_CORRUPT);
	memcpy(out, key.point, TOKEN_SIGNER_PUBLIC_LEN);
	return ERR_OK;
}

/* Whether the private half was made in the token, never left it, and does nothing but sign. */
static enum coffer_err is_ours(struct hsm_session *s, CK_OBJECT_HANDLE h, bool *out, struct reason *reason)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		bool wanted;
	} rules[] = {
		{ CKA_TOKEN, true }, { CKA_PRIVATE, true }, { CKA_SENSITIVE, true }, { CKA_ALWAYS_SENSITIVE, true }, { CKA_EXTRACTABLE, false },
		{ CKA_NEVER_EXTRACTABLE, true }, { CKA_LOCAL, true }, { CKA_SIGN, true }, { CKA_DECRYPT, false }, { CKA_UNWRAP, false }, { CKA_DERIVE, false },
	};
	*out = true;
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		bool set;
		TRY(hsm_attr_flag(s, h, rules[i].type, &set, reason));
		if (set != rules[i].wanted) *out = false;
	}
	return ERR_OK;
}

/* ---- making ---- */

static enum coffer_err destroy(struct hsm_session *s, CK_OBJECT_HANDLE h, struct reason *reason)
{
	return hsm_session_fail(s, reason, "C_DestroyObject", s->fn->C_DestroyObject(s->handle, h));
}

/* Halves of an attempt that was cut off, and doubles. At most so many as a search gives at a time, again until there are none. */
static enum coffer_err destroy_all(struct hsm_session *s, const uint8_t *id, struct reason *reason)
{
	struct pair p;
	bool several;
	for (unsigned i = 0; i < 16; i++) {
		TRY(find_pair(s, id, &p, &several, reason));
		if (p.private_key == CK_INVALID_HANDLE && p.public_key == CK_INVALID_HANDLE) return ERR_OK;
		if (p.private_key != CK_INVALID_HANDLE) TRY(destroy(s, p.private_key, reason));
		if (p.public_key != CK_INVALID_HANDLE) TRY(destroy(s, p.public_key, reason));
	}
	return reason_fail(reason, ERR_TOKEN, "the token says that it destroyed the signing key '" HSM_SIGNER_LABEL "', and still shows it");
}

static enum coffer_err generate(struct hsm_session *s, const uint8_t *owner, struct pair *out, struct reason *reason)
{
	CK_MECHANISM gen = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_KEY_TYPE type = CKK_EC;
	char label[] = HSM_SIGNER_LABEL;
	uint8_t id[HSM_SIGNER_ID_LEN], curve[sizeof p256];
	memcpy(id, owner, sizeof id);
	memcpy(curve, p256, sizeof curve);
	CK_ATTRIBUTE public_rows[] = {
		HSM_ATTR(CKA_KEY_TYPE, type), HSM_ATTR(CKA_TOKEN, yes), HSM_ATTR(CKA_PRIVATE, no), { CKA_LABEL, label, sizeof label - 1 }, HSM_ATTR(CKA_ID, id),
		HSM_ATTR(CKA_VERIFY, yes), HSM_ATTR(CKA_ENCRYPT, no), HSM_ATTR(CKA_WRAP, no), HSM_ATTR(CKA_EC_PARAMS, curve),
	};
	CK_ATTRIBUTE private_rows[] = {
		HSM_ATTR(CKA_KEY_TYPE, type), HSM_ATTR(CKA_TOKEN, yes), HSM_ATTR(CKA_PRIVATE, yes), { CKA_LABEL, label, sizeof label - 1 }, HSM_ATTR(CKA_ID, id),
		HSM_ATTR(CKA_SENSITIVE, yes), HSM_ATTR(CKA_EXTRACTABLE, no), HSM_ATTR(CKA_SIGN, yes), HSM_ATTR(CKA_DECRYPT, no), HSM_ATTR(CKA_UNWRAP, no),
		HSM_ATTR(CKA_DERIVE, no),
	};
	CK_RV rv = s->fn->C_GenerateKeyPair(s->handle, &gen, public_rows, sizeof public_rows / sizeof public_rows[0], private_rows,
		sizeof private_rows / sizeof private_rows[0], &out->public_key, &out->private_key);
	return hsm_session_fail(s, reason, "C_GenerateKeyPair", rv);
}

static enum coffer_err find_or_generate(struct hsm_session *s, const struct token_signer_wish *wish, struct pair *p, uint8_t *out_point,
	struct reason *reason)
{
	bool several = false, ours = false;
	TRY(find_pair(s, wish->owner, p, &several, reason));
	bool whole = p->private_key != CK_INVALID_HANDLE && p->public_key != CK_INVALID_HANDLE && !several;
	if (whole) TRY(is_ours(s, p->private_key, &ours, reason));
	if (ours) {
		enum coffer_err err = read_point(s, p->public_key, out_point, reason);
		if (err != ERR_CORRUPT) return err;
	}
	TRY(destroy_all(s, wish->owner, reason));
	TRY(generate(s, wish->owner, p, reason));
	TRY(is_ours(s, p->private_key, &ours, reason));
	if (!ours || read_point(s, p->public_key, out_point, reason) != ERR_OK)
		return reason_fail(reason, ERR_TOKEN_REFUSED, "the token makes no signing key that stays in it");
	return ERR_OK;
}

enum coffer_err hsm_signer_make(struct hsm_session *s, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	struct token_signer_answer answer = { .there = true, .ref = { .len = 1 + HSM_SIGNER_ID_LEN } };
	struct pair p;
	TRY(check_offer(s, reason));
	TRY(find_or_generate(s, wish, &p, answer.public_key, reason));
	answer.ref.data[0] = FORMAT;
	memcpy(answer.ref.data + 1, wish->owner, HSM_SIGNER_ID_LEN);
	*out = answer;
	return ERR_OK;
}

/* ---- using and destroying ---- */

enum coffer_err hsm_signer_sign(struct hsm_session *s, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	struct pair p;
	bool several;
	uint8_t digest[TOKEN_SIGNER_DIGEST_LEN];
	CK_ULONG len = TOKEN_SIGNER_SIGNATURE_LEN;
	*out = (struct token_signer_answer){ .there = false };
	if (wish->ref.len != 1 + HSM_SIGNER_ID_LEN || wish->ref.data[0] != FORMAT) return ERR_OK;
	TRY(find_pair(s, wish->ref.data + 1, &p, &several, reason));
	if (p.private_key == CK_INVALID_HANDLE || several) return hsm_session_token_present(s, reason);
	memcpy(digest, wish->digest, sizeof digest);
	TRY(hsm_session_fail(s, reason, "C_SignInit", s->fn->C_SignInit(s->handle, &mechanism, p.private_key)));
	TRY(hsm_session_fail(s, reason, "C_Sign", s->fn->C_Sign(s->handle, digest, sizeof digest, out->signature, &len)));
	if (len != TOKEN_SIGNER_SIGNATURE_LEN) return reason_fail(reason, ERR_TOKEN, "C_Sign: the module returns a wrong length");
	out->there = true;
	return ERR_OK;
}

enum coffer_err hsm_signer_drop(struct hsm_session *s, const struct token_signer_wish *wish, struct reason *reason)
{
	return destroy_all(s, wish->owner, reason);
}
