/* Reading certificates. */
#include "crypto/certificate.h"

#include <limits.h>
#include <string.h>

#include "base/reader.h"
#include "crypto/certificate_internal.h"
#include "crypto/crypto_err.h"

#define SEQUENCE 0x30u
#define LONG_2 0x82u /* the length follows in two bytes: no certificate is shorter */
#define RSA_BITS 2048
#define FIELD 32

DEFINE_AUTO(BIGNUM, BN_free)
DEFINE_AUTO(BIO, BIO_free)
DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(X509, X509_free)

enum coffer_err certificate_cut(struct view bytes, struct view *out)
{
	struct reader r;
	uint8_t tag, form;
	uint16_t len;
	struct view inside;
	reader_init(&r, bytes);
	ENSURE(reader_u8(&r, &tag) == ERR_OK && tag == SEQUENCE && reader_u8(&r, &form) == ERR_OK && form == LONG_2, ERR_CORRUPT);
	ENSURE(reader_u16(&r, &len) == ERR_OK && reader_view(&r, len, &inside) == ERR_OK, ERR_CORRUPT);
	ENSURE(inside.len + 4 <= CERTIFICATE_MAX, ERR_TOO_LARGE);
	*out = view_of(bytes.ptr, inside.len + 4);
	return ERR_OK;
}

/* ---- the key in it ---- */

static enum coffer_err take_coordinate(const EVP_PKEY *pkey, const char *which, uint8_t out[static FIELD])
{
	AUTO(auto_BN_free) BIGNUM *n = NULL;
	ENSURE(EVP_PKEY_get_bn_param(pkey, which, &n) == 1 && BN_bn2binpad(n, out, FIELD) == FIELD, crypto_err_take());
	return ERR_OK;
}

static enum coffer_err take_point(const EVP_PKEY *pkey, uint8_t out[static P256_PUBLIC_LEN])
{
	out[0] = 0x04;
	TRY(take_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, out + 1));
	TRY(take_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, out + 1 + FIELD));
	return p256_check(out);
}

static bool is_p256(const EVP_PKEY *pkey)
{
	char group[32];
	size_t len;
	return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, &len) == 1 && strcmp(group, SN_X9_62_prime256v1) == 0;
}

enum coffer_err certificate_key(struct view der, struct certificate_key *out)
{
	const uint8_t *at = der.ptr;
	struct view whole;
	TRY(certificate_cut(der, &whole));
	ENSURE(whole.len == der.len && der.len <= LONG_MAX, ERR_CORRUPT);
	crypto_err_begin();
	AUTO(auto_X509_free) X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
	if (!x509 || at != der.ptr + der.len) return crypto_err_take() == ERR_MEMORY ? ERR_MEMORY : ERR_CORRUPT;
	struct certificate_key key = { .is_rsa = false };
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = X509_get_pubkey(x509);
	if (!pkey) return crypto_err_take() == ERR_MEMORY ? ERR_MEMORY : ERR_UNSUPPORTED;
	key.is_rsa = EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) == RSA_BITS;
	ENSURE(key.is_rsa || is_p256(pkey), ERR_UNSUPPORTED);
	if (!key.is_rsa) TRY(take_point(pkey, key.point));
	key.pkey = TAKE(pkey);
	*out = key;
	return ERR_OK;
}

enum coffer_err certificate_check(struct view der)
{
	struct certificate_key key;
	TRY(certificate_key(der, &key));
	EVP_PKEY_free(key.pkey);
	return ERR_OK;
}

/* ---- files ---- */

enum coffer_err certificate_of_file(struct view bytes, struct buf *out)
{
	struct view der;
	uint8_t *made = NULL;
	ENSURE(bytes.len <= INT_MAX, ERR_TOO_LARGE);
	crypto_err_begin();
	AUTO(auto_BIO_free) BIO *bio = BIO_new_mem_buf(bytes.ptr, (int)bytes.len);
	ENSURE(bio, crypto_err_take());
	AUTO(auto_X509_free) X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	crypto_err_drop();
	if (!x509) {
		TRY(certificate_cut(bytes, &der));
		return buf_append(out, der);
	}
	int len = i2d_X509(x509, &made);
	ENSURE(len > 0, crypto_err_take());
	enum coffer_err err = (size_t)len <= CERTIFICATE_MAX ? buf_append(out, view_of(made, (size_t)len)) : ERR_TOO_LARGE;
	OPENSSL_free(made);
	return err;
}
