/* ECDSA through EVP. OpenSSL speaks DER; files and TPMs have r and s of fixed length. */
#include "crypto/ecdsa.h"

#include <string.h>

#include "base/cleanup.h"
#include "crypto/crypto_err.h"
#include "crypto/ossl.h"

DEFINE_AUTO(BIO, BIO_free)
DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
DEFINE_AUTO(ECDSA_SIG, ECDSA_SIG_free)
DEFINE_AUTO(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
DEFINE_AUTO(OSSL_PARAM, OSSL_PARAM_free)

#define DER_MAX 128

static const struct {
	enum ecdsa_curve curve;
	const char *name; /* as OpenSSL reports it */
	const char *group;
	size_t field_len;
	enum hash_algorithm hash;
} curves[] = {
	{ ECDSA_P256, "prime256v1", "P-256", 32, HASH_SHA256 },
	{ ECDSA_P384, "secp384r1", "P-384", 48, HASH_SHA384 },
};
#define CURVE_COUNT (sizeof curves / sizeof curves[0])

static size_t at(enum ecdsa_curve curve)
{
	return curve == ECDSA_P384 ? 1 : 0;
}

enum coffer_err ecdsa_curve_of(uint8_t number, enum ecdsa_curve *out)
{
	ENSURE(number == ECDSA_P256 || number == ECDSA_P384, ERR_CORRUPT);
	*out = (enum ecdsa_curve)number;
	return ERR_OK;
}

size_t ecdsa_field_len(enum ecdsa_curve curve)
{
	return curves[at(curve)].field_len;
}

size_t ecdsa_point_len(enum ecdsa_curve curve)
{
	return 1 + 2 * curves[at(curve)].field_len;
}

enum hash_algorithm ecdsa_hash(enum ecdsa_curve curve)
{
	return curves[at(curve)].hash;
}

/* What OpenSSL refused for another cause than want of memory is the caller's. */
static enum coffer_err refused(void)
{
	return crypto_err_take() == ERR_MEMORY ? ERR_MEMORY : ERR_FIELD;
}

/* No passphrase is ever asked for. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static enum coffer_err read_pem(struct view pem, bool private, EVP_PKEY **out)
{
	crypto_err_begin();
	ENSURE(pem.len > 0 && pem.len <= ECDSA_PEM_MAX, ERR_FIELD);
	AUTO(auto_BIO_free) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	ENSURE(bio != NULL, crypto_err_take());
	EVP_PKEY *key = private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	if (!key) return refused();
	*out = key;
	return ERR_OK;
}

static enum coffer_err describe(EVP_PKEY *key, struct ecdsa_public *out)
{
	char name[32] = "";
	uint8_t x[ECDSA_FIELD_MAX], y[ECDSA_FIELD_MAX];
	BIGNUM *bx = NULL, *by = NULL;
	struct ecdsa_public found = { .curve = ECDSA_P256 };
	size_t i = 0;
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, NULL) != 1)
		return refused();
	while (i < CURVE_COUNT && strcmp(name, curves[i].name) != 0) i++;
	ENSURE(i < CURVE_COUNT, ERR_FIELD);
	size_t len = curves[i].field_len;
	bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &bx) == 1 && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &by) == 1 &&
		BN_bn2binpad(bx, x, (int)len) == (int)len && BN_bn2binpad(by, y, (int)len) == (int)len;
	BN_free(bx);
	BN_free(by);
	if (!ok) return refused();
	found.curve = curves[i].curve;
	found.point[0] = 0x04;
	memcpy(found.point + 1, x, len);
	memcpy(found.point + 1 + len, y, len);
	*out = found;
	return ERR_OK;
}

enum coffer_err ecdsa_public_from_pem(struct view pem, struct ecdsa_public *out)
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *key = NULL;
	struct ecdsa_public found;
	enum coffer_err err = read_pem(pem, false, &key);
	if (err == ERR_FIELD) err = read_pem(pem, true, &key);
	TRY(err);
	TRY(describe(key, &found));
	TRY(ecdsa_check(&found));
	*out = found;
	return ERR_OK;
}

static enum coffer_err load(const struct ecdsa_public *key, EVP_PKEY **out)
{
	EVP_PKEY *pkey = NULL;
	crypto_err_begin();
	ENSURE(key->point[0] == 0x04, ERR_FIELD);
	AUTO(auto_OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	ENSURE(bld != NULL && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curves[at(key->curve)].group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, key->point, ecdsa_point_len(key->curve)) == 1, crypto_err_take());
	AUTO(auto_OSSL_PARAM_free) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	AUTO(auto_EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	ENSURE(params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1, crypto_err_take());
	if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) return refused();
	*out = pkey;
	return ERR_OK;
}

enum coffer_err ecdsa_check(const struct ecdsa_public *key)
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	TRY(load(key, &pkey));
	AUTO(auto_EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	ENSURE(ctx != NULL, crypto_err_take());
	return EVP_PKEY_public_check(ctx) == 1 ? ERR_OK : refused();
}

static enum coffer_err from_der(const uint8_t *der, size_t der_len, size_t field_len, uint8_t *out)
{
	const unsigned char *next = der;
	AUTO(auto_ECDSA_SIG_free) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &next, (long)der_len);
	ENSURE(sig != NULL, crypto_err_take());
	ENSURE(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)field_len) == (int)field_len &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + field_len, (int)field_len) == (int)field_len, crypto_err_take());
	return ERR_OK;
}

enum coffer_err ecdsa_sign_with_pem(const struct secret *pem, struct view digest, uint8_t out[static ECDSA_SIGNATURE_MAX])
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *key = NULL;
	struct ecdsa_public public;
	uint8_t der[DER_MAX];
	size_t len = sizeof der;
	TRY(read_pem(secret_view(pem), true, &key));
	TRY(describe(key, &public));
	ENSURE(digest.len == hash_len(ecdsa_hash(public.curve)), ERR_FIELD);
	AUTO(auto_EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	ENSURE(ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &len, digest.ptr, digest.len) == 1, crypto_err_take());
	return from_der(der, len, ecdsa_field_len(public.curve), out);
}

static enum coffer_err to_der(struct view signature, size_t field_len, uint8_t der[static DER_MAX], size_t *out_len)
{
	AUTO(auto_ECDSA_SIG_free) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature.ptr, (int)field_len, NULL), *s = BN_bin2bn(signature.ptr + field_len, (int)field_len, NULL);
	unsigned char *next = der;
	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return crypto_err_take();
	}
	int len = i2d_ECDSA_SIG(sig, NULL);
	ENSURE(len > 0 && len <= DER_MAX && i2d_ECDSA_SIG(sig, &next) == len, crypto_err_take());
	*out_len = (size_t)len;
	return ERR_OK;
}

enum coffer_err ecdsa_verify(const struct ecdsa_public *key, struct view digest, struct view signature)
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	uint8_t der[DER_MAX];
	size_t len = 0;
	ENSURE(signature.len == 2 * ecdsa_field_len(key->curve) && digest.len == hash_len(ecdsa_hash(key->curve)), ERR_CORRUPT);
	TRY(load(key, &pkey));
	TRY(to_der(signature, ecdsa_field_len(key->curve), der, &len));
	AUTO(auto_EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	ENSURE(ctx != NULL && EVP_PKEY_verify_init(ctx) == 1, crypto_err_take());
	if (EVP_PKEY_verify(ctx, der, len, digest.ptr, digest.len) == 1) return ERR_OK;
	return crypto_err_take() == ERR_MEMORY ? ERR_MEMORY : ERR_CORRUPT;
}
