/* AES-GCM through C_Encrypt and C_Decrypt, for tokens without key wrap. */
#include "hsm/use.h"

#include <string.h>

#include "hsm/mech.h"
#include "token/token.h"

#define IV_LEN 12u
#define TAG_LEN 16u
#define BLOB_LEN (IV_LEN + TOKEN_SECRET_LEN + TAG_LEN)

/* The row's own MAC binds node and generation; this text keeps the blobs apart from other uses of the key. */
static const char aad_text[] = "coffer wrapped data key";

struct params {
	uint8_t iv[IV_LEN];
	uint8_t aad[sizeof aad_text - 1];
	CK_GCM_PARAMS gcm;
	CK_MECHANISM mech;
};

static void params_init(struct params *p, CK_MECHANISM_TYPE type)
{
	memcpy(p->aad, aad_text, sizeof p->aad);
	p->gcm = (CK_GCM_PARAMS){ .pIv = p->iv, .ulIvLen = IV_LEN, .ulIvBits = IV_LEN * 8u, .pAAD = p->aad,
		.ulAADLen = sizeof p->aad, .ulTagBits = TAG_LEN * 8u };
	p->mech = (CK_MECHANISM){ type, &p->gcm, sizeof p->gcm };
}

static enum coffer_err gcm_wrap(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	const struct secret *plain, struct buf *out, struct reason *reason)
{
	struct params p = { 0 };
	params_init(&p, mech->type);
	AUTO_SECRET struct secret *in = hsm_use_copy(secret_view(plain));
	ENSURE(in, ERR_MEMORY);
	TRY(hsm_session_fail(s, reason, "C_GenerateRandom", s->fn->C_GenerateRandom(s->handle, p.iv, IV_LEN)));
	TRY(hsm_session_fail(s, reason, "C_EncryptInit", s->fn->C_EncryptInit(s->handle, &p.mech, key->handle)));
	uint8_t sealed[BLOB_LEN];
	CK_ULONG len = sizeof sealed;
	TRY(hsm_session_fail(s, reason, "C_Encrypt", s->fn->C_Encrypt(s->handle, secret_mut(in), secret_len(in), sealed,
		&len)));
	if (len != TOKEN_SECRET_LEN + TAG_LEN) {
		return reason_fail(reason, ERR_TOKEN, "C_Encrypt: the module returns a wrong length for %s", mech->name);
	}
	TRY(buf_reserve(out, BLOB_LEN));
	TRY(buf_append(out, view_of(p.iv, IV_LEN)));
	return buf_append(out, view_of(sealed, len));
}

static enum coffer_err gcm_unwrap(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	struct view blob, struct secret **out, struct reason *reason)
{
	if (blob.len != BLOB_LEN) {
		return hsm_session_fail(s, reason, "wrapped data key", CKR_ENCRYPTED_DATA_LEN_RANGE);
	}
	struct params p = { 0 };
	params_init(&p, mech->type);
	memcpy(p.iv, blob.ptr, IV_LEN);
	AUTO_SECRET struct secret *sealed = hsm_use_copy(view_of(blob.ptr + IV_LEN, blob.len - IV_LEN));
	AUTO_SECRET struct secret *opened = secret_new(BLOB_LEN); /* some modules want room for the tag too */
	ENSURE(sealed && opened, ERR_MEMORY);
	CK_ULONG len = secret_len(opened);
	TRY(hsm_session_fail(s, reason, "C_DecryptInit", s->fn->C_DecryptInit(s->handle, &p.mech, key->handle)));
	CK_RV rv = s->fn->C_Decrypt(s->handle, secret_mut(sealed), secret_len(sealed), secret_mut(opened), &len);
	if (rv == CKR_OK && len != TOKEN_SECRET_LEN) rv = CKR_ENCRYPTED_DATA_INVALID;
	TRY(hsm_session_fail(s, reason, "C_Decrypt", rv));
	struct secret *plain = secret_copy(secret_bytes(opened), TOKEN_SECRET_LEN);
	ENSURE(plain, ERR_MEMORY);
	*out = plain;
	return ERR_OK;
}

const struct hsm_method hsm_method_gcm = { CKF_ENCRYPT | CKF_DECRYPT, gcm_wrap, gcm_unwrap };
