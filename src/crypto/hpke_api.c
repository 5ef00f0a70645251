/* HPKE as Coffer uses it: fixed suite, one message per context. */
#include <string.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/hpke.h"
#include "crypto/hpke_internal.h"
#include "crypto/p256.h"

enum coffer_err hpke_keypair_generate(struct secret **out_private, uint8_t out_public[static HPKE_PUBLIC_LEN])
{
	AUTO_SECRET struct secret *d = NULL;
	TRY(p256_generate(&d));
	TRY(p256_public_of(d, out_public));
	*out_private = TAKE(d);
	return ERR_OK;
}

enum coffer_err hpke_public_of(const struct secret *private_key, uint8_t out_public[static HPKE_PUBLIC_LEN])
{
	return p256_public_of(private_key, out_public);
}

enum coffer_err hpke_public_check(const uint8_t public_key[static HPKE_PUBLIC_LEN])
{
	return p256_check(public_key);
}

enum coffer_err hpke_seal_with(const struct secret *ephemeral, const uint8_t public_key[static HPKE_PUBLIC_LEN],
	struct view info, struct view aad, struct view pt, uint8_t out_enc[static HPKE_ENC_LEN], struct buf *out_ct)
{
	uint8_t enc[HPKE_ENC_LEN];
	struct hpke_schedule s;
	ENSURE(pt.len <= SECRET_MAX, ERR_TOO_LARGE);
	TRY(p256_check(public_key));
	TRY(buf_reserve(out_ct, pt.len + HPKE_TAG_LEN));
	TRY(hpke_schedule_send(HPKE_AES_256_GCM, ephemeral, public_key, info, enc, &s));
	enum coffer_err err = hpke_schedule_seal(&s, 0, aad, pt, out_ct->ptr + out_ct->len);
	wipe(&s, sizeof s);
	TRY(err);
	out_ct->len += pt.len + HPKE_TAG_LEN;
	memcpy(out_enc, enc, sizeof enc);
	return ERR_OK;
}

enum coffer_err hpke_seal(const uint8_t public_key[static HPKE_PUBLIC_LEN], struct view info, struct view aad,
	struct view pt, uint8_t out_enc[static HPKE_ENC_LEN], struct buf *out_ct)
{
	AUTO_SECRET struct secret *ephemeral = NULL;
	TRY(p256_generate(&ephemeral));
	return hpke_seal_with(ephemeral, public_key, info, aad, pt, out_enc, out_ct);
}

enum coffer_err hpke_open(const struct secret *private_key, const uint8_t enc[static HPKE_ENC_LEN], struct view info,
	struct view aad, struct view ct, struct secret **out)
{
	struct hpke_schedule s;
	ENSURE(ct.len > HPKE_TAG_LEN, ERR_TRUNCATED);
	ENSURE(ct.len <= SECRET_MAX + HPKE_TAG_LEN, ERR_TOO_LARGE);
	AUTO_SECRET struct secret *pt = secret_new(ct.len - HPKE_TAG_LEN);
	ENSURE(pt != NULL, ERR_MEMORY);
	TRY(p256_check(enc));
	TRY(hpke_schedule_receive(HPKE_AES_256_GCM, private_key, enc, info, &s));
	enum coffer_err err = hpke_schedule_open(&s, 0, aad, ct, secret_mut(pt));
	wipe(&s, sizeof s);
	TRY(err);
	*out = TAKE(pt);
	return ERR_OK;
}

enum coffer_err hpke_open_by(hpke_dh_fn *dh, void *arg, const uint8_t public_key[static HPKE_PUBLIC_LEN], const uint8_t enc[static HPKE_ENC_LEN],
	struct view info, struct view aad, struct view ct, struct secret **out)
{
	struct hpke_schedule s;
	ENSURE(ct.len > HPKE_TAG_LEN, ERR_TRUNCATED);
	ENSURE(ct.len <= SECRET_MAX + HPKE_TAG_LEN && info.len <= HPKE_INFO_MAX, ERR_TOO_LARGE);
	AUTO_SECRET struct secret *pt = secret_new(ct.len - HPKE_TAG_LEN);
	ENSURE(pt != NULL, ERR_MEMORY);
	TRY(p256_check(public_key));
	TRY(p256_check(enc));
	TRY(hpke_schedule_receive_by(HPKE_AES_256_GCM, dh, arg, public_key, enc, info, &s));
	enum coffer_err err = hpke_schedule_open(&s, 0, aad, ct, secret_mut(pt));
	wipe(&s, sizeof s);
	TRY(err);
	*out = TAKE(pt);
	return ERR_OK;
}
