/* Making, finding and destroying key pairs. */
#include "hsm/pair.h"

#include <stdio.h>
#include <string.h>

#include "crypto/ecdsa.h"
#include "hsm/attr.h"
#include "hsm/object.h"

#define POINT_HEAD 2u /* OCTET STRING of 65 bytes: 04 41 */

/* DER of the object identifier prime256v1. */
static const uint8_t p256[] = { 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };

static enum coffer_err offers(struct hsm_session *s, CK_MECHANISM_TYPE type, CK_FLAGS needs, bool *out, struct reason *reason)
{
	CK_MECHANISM_INFO info = { 0 };
	CK_RV rv = s->fn->C_GetMechanismInfo(s->slot, type, &info);
	*out = rv == CKR_OK && (info.flags & needs) == needs;
	return rv == CKR_MECHANISM_INVALID ? ERR_OK : hsm_session_fail(s, reason, "C_GetMechanismInfo", rv);
}

enum coffer_err hsm_pair_check_offer(struct hsm_session *s, const struct hsm_pair_use *use, struct reason *reason)
{
	bool makes = false, uses = false;
	TRY(offers(s, CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, &makes, reason));
	TRY(offers(s, use->mechanism, use->sign ? CKF_SIGN : CKF_DERIVE, &uses, reason));
	if (makes && uses) return ERR_OK;
	return reason_fail(reason, ERR_UNSUPPORTED, "the token has no %s", makes ? use->mechanism_name : "CKM_EC_KEY_PAIR_GEN");
}

/* ---- finding ---- */

static enum coffer_err find_half(struct hsm_session *s, CK_OBJECT_CLASS cls, const struct hsm_pair_use *use, const uint8_t *id, CK_OBJECT_HANDLE *out,
	bool *several, struct reason *reason)
{
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	TRY(hsm_object_find_some(s, cls, use->label, id, HSM_PAIR_ID_LEN, found, 2, &n, reason));
	*out = n ? found[0] : CK_INVALID_HANDLE;
	*several = *several || n > 1;
	return ERR_OK;
}

enum coffer_err hsm_pair_find(struct hsm_session *s, const struct hsm_pair_use *use, const uint8_t id[static HSM_PAIR_ID_LEN], struct hsm_pair *out,
	struct reason *reason)
{
	struct hsm_pair p = { .several = false };
	TRY(find_half(s, CKO_PRIVATE_KEY, use, id, &p.private_key, &p.several, reason));
	TRY(find_half(s, CKO_PUBLIC_KEY, use, id, &p.public_key, &p.several, reason));
	*out = p;
	return ERR_OK;
}

/* Some tokens give the point without its OCTET STRING. */
enum coffer_err hsm_pair_point(struct hsm_session *s, CK_OBJECT_HANDLE public_key, uint8_t out[static HSM_PAIR_POINT_LEN], struct reason *reason)
{
	static const uint8_t head[POINT_HEAD] = { 0x04, HSM_PAIR_POINT_LEN };
	uint8_t value[POINT_HEAD + HSM_PAIR_POINT_LEN];
	size_t len = 0;
	struct ecdsa_public key = { .curve = ECDSA_P256 };
	TRY(hsm_attr_bytes(s, public_key, CKA_EC_POINT, value, sizeof value, &len, reason));
	bool wrapped = len == sizeof value && memcmp(value, head, sizeof head) == 0;
	ENSURE(wrapped || len == HSM_PAIR_POINT_LEN, ERR_CORRUPT);
	memcpy(key.point, value + (wrapped ? POINT_HEAD : 0), HSM_PAIR_POINT_LEN);
	ENSURE(ecdsa_check(&key) == ERR_OK, ERR_CORRUPT);
	memcpy(out, key.point, HSM_PAIR_POINT_LEN);
	return ERR_OK;
}

/* Whether the private half was made in the token, never left it, and does nothing but its one use. */
static enum coffer_err is_ours(struct hsm_session *s, const struct hsm_pair_use *use, CK_OBJECT_HANDLE h, bool *out, struct reason *reason)
{
	const struct {
		CK_ATTRIBUTE_TYPE type;
		bool wanted;
	} rules[] = {
		{ CKA_TOKEN, true }, { CKA_PRIVATE, true }, { CKA_SENSITIVE, true }, { CKA_ALWAYS_SENSITIVE, true }, { CKA_EXTRACTABLE, false },
		{ CKA_NEVER_EXTRACTABLE, true }, { CKA_LOCAL, true }, { CKA_SIGN, use->sign }, { CKA_DECRYPT, false }, { CKA_UNWRAP, false }, { CKA_DERIVE, !use->sign },
	};
	*out = true;
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		bool set;
		TRY(hsm_attr_flag(s, h, rules[i].type, &set, reason));
		if (set != rules[i].wanted) *out = false;
	}
	return ERR_OK;
}

/* ---- making and destroying ---- */

static enum coffer_err destroy_one(struct hsm_session *s, CK_OBJECT_HANDLE h, struct reason *reason)
{
	if (h == CK_INVALID_HANDLE) return ERR_OK;
	return hsm_session_fail(s, reason, "C_DestroyObject", s->fn->C_DestroyObject(s->handle, h));
}

/* At most so many as a search gives at a time, again until there are none. */
enum coffer_err hsm_pair_destroy(struct hsm_session *s, const struct hsm_pair_use *use, const uint8_t id[static HSM_PAIR_ID_LEN], struct reason *reason)
{
	struct hsm_pair p;
	for (unsigned i = 0; i < 16; i++) {
		TRY(hsm_pair_find(s, use, id, &p, reason));
		if (p.private_key == CK_INVALID_HANDLE && p.public_key == CK_INVALID_HANDLE) return ERR_OK;
		TRY(destroy_one(s, p.private_key, reason));
		TRY(destroy_one(s, p.public_key, reason));
	}
	return reason_fail(reason, ERR_TOKEN, "the token says that it destroyed the %s '%s', and still shows it", use->what, use->label);
}

static enum coffer_err generate(struct hsm_session *s, const struct hsm_pair_use *use, const uint8_t *owner, struct hsm_pair *out, struct reason *reason)
{
	CK_MECHANISM gen = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, sign = use->sign ? CK_TRUE : CK_FALSE, derive = use->sign ? CK_FALSE : CK_TRUE;
	CK_KEY_TYPE type = CKK_EC;
	char label[HSM_LABEL_MAX + 1];
	size_t label_len = strnlen(use->label, HSM_LABEL_MAX);
	uint8_t id[HSM_PAIR_ID_LEN], curve[sizeof p256];
	memcpy(id, owner, sizeof id);
	memcpy(curve, p256, sizeof curve);
	memcpy(label, use->label, label_len);
	CK_ATTRIBUTE public_rows[] = {
		HSM_ATTR(CKA_KEY_TYPE, type), HSM_ATTR(CKA_TOKEN, yes), HSM_ATTR(CKA_PRIVATE, no), { CKA_LABEL, label, label_len }, HSM_ATTR(CKA_ID, id),
		HSM_ATTR(CKA_VERIFY, sign), HSM_ATTR(CKA_ENCRYPT, no), HSM_ATTR(CKA_WRAP, no), HSM_ATTR(CKA_EC_PARAMS, curve),
	};
	CK_ATTRIBUTE private_rows[] = {
		HSM_ATTR(CKA_KEY_TYPE, type), HSM_ATTR(CKA_TOKEN, yes), HSM_ATTR(CKA_PRIVATE, yes), { CKA_LABEL, label, label_len }, HSM_ATTR(CKA_ID, id),
		HSM_ATTR(CKA_SENSITIVE, yes), HSM_ATTR(CKA_EXTRACTABLE, no), HSM_ATTR(CKA_SIGN, sign), HSM_ATTR(CKA_DECRYPT, no), HSM_ATTR(CKA_UNWRAP, no),
		HSM_ATTR(CKA_DERIVE, derive),
	};
	CK_RV rv = s->fn->C_GenerateKeyPair(s->handle, &gen, public_rows, sizeof public_rows / sizeof public_rows[0], private_rows,
		sizeof private_rows / sizeof private_rows[0], &out->public_key, &out->private_key);
	return hsm_session_fail(s, reason, "C_GenerateKeyPair", rv);
}

static enum coffer_err check_made(struct hsm_session *s, const struct hsm_pair_use *use, const struct hsm_pair *p, uint8_t out_point[static HSM_PAIR_POINT_LEN],
	struct reason *reason)
{
	bool ours = false;
	TRY(is_ours(s, use, p->private_key, &ours, reason));
	enum coffer_err err = ours ? hsm_pair_point(s, p->public_key, out_point, reason) : ERR_CORRUPT;
	return err == ERR_CORRUPT ? reason_fail(reason, ERR_TOKEN_REFUSED, "the token makes no %s that stays in it", use->what) : err;
}

/* What was just made and is not used does not stay in the token; the error is the one that led here. */
static enum coffer_err throw_away(struct hsm_session *s, const struct hsm_pair_use *use, const uint8_t *id, enum coffer_err err, struct reason *reason)
{
	char why[REASON_MAX];
	struct reason ignored = { "" };
	CK_RV rv = s->last_rv;
	snprintf(why, sizeof why, "%s", reason ? reason_text(reason, err) : "");
	enum coffer_err left = hsm_pair_destroy(s, use, id, &ignored);
	s->last_rv = rv;
	if (!left) return err;
	return reason_fail(reason, err, "%.300s; the key pair that it made could not be destroyed and stays in it: remove '%s'", why, use->label);
}

enum coffer_err hsm_pair_make(struct hsm_session *s, const struct hsm_pair_use *use, const uint8_t id[static HSM_PAIR_ID_LEN], struct hsm_pair *out,
	uint8_t out_point[static HSM_PAIR_POINT_LEN], struct reason *reason)
{
	bool ours = false;
	TRY(hsm_pair_check_offer(s, use, reason));
	TRY(hsm_pair_find(s, use, id, out, reason));
	bool whole = out->private_key != CK_INVALID_HANDLE && out->public_key != CK_INVALID_HANDLE && !out->several;
	if (whole) TRY(is_ours(s, use, out->private_key, &ours, reason));
	if (ours) {
		enum coffer_err err = hsm_pair_point(s, out->public_key, out_point, reason);
		if (err != ERR_CORRUPT) return err;
	}
	TRY(hsm_pair_destroy(s, use, id, reason));
	TRY(generate(s, use, id, out, reason));
	enum coffer_err err = check_made(s, use, out, out_point, reason);
	return err ? throw_away(s, use, id, err, reason) : ERR_OK;
}
