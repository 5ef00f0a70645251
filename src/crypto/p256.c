/* P-256 through EVP; the one point multiplication that EVP does not offer (d times G) through EC_POINT_mul, which is
 * constant-time. */
#include "crypto/p256.h"

#include "base/cleanup.h"
#include "base/ct.h"
#include "crypto/crypto_err.h"
#include "crypto/ossl.h"

#define POINT_UNCOMPRESSED 0x04

DEFINE_AUTO(BIGNUM, BN_clear_free)
DEFINE_AUTO(BN_CTX, BN_CTX_free)
DEFINE_AUTO(EC_GROUP, EC_GROUP_free)
DEFINE_AUTO(EC_POINT, EC_POINT_free)
DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
DEFINE_AUTO(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
DEFINE_AUTO(OSSL_PARAM, OSSL_PARAM_free)

enum coffer_err p256_generate(struct secret **out)
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = EVP_EC_gen("P-256");
	AUTO(auto_BN_clear_free) BIGNUM *d = NULL;
	AUTO_SECRET struct secret *s = secret_new(P256_PRIVATE_LEN);
	ENSURE(s != NULL, ERR_MEMORY);
	ENSURE(pkey != NULL && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1, crypto_err_take());
	ENSURE(BN_bn2binpad(d, secret_mut(s), (int)P256_PRIVATE_LEN) == (int)P256_PRIVATE_LEN, crypto_err_take());
	*out = TAKE(s);
	return ERR_OK;
}

/* The scalar as a number, 1 <= d < order. Caller frees. */
static enum coffer_err load_scalar(const struct secret *d, const EC_GROUP *group, BIGNUM **out)
{
	ENSURE(secret_len(d) == P256_PRIVATE_LEN, ERR_FIELD);
	AUTO(auto_BN_clear_free) BIGNUM *n = BN_new();
	ENSURE(n != NULL && BN_bin2bn(secret_bytes(d), (int)P256_PRIVATE_LEN, n) != NULL, crypto_err_take());
	BN_set_flags(n, BN_FLG_CONSTTIME);
	ENSURE(!BN_is_zero(n) && BN_ucmp(n, EC_GROUP_get0_order(group)) < 0, ERR_FIELD);
	*out = TAKE(n);
	return ERR_OK;
}

static enum coffer_err multiply(const EC_GROUP *group, const BIGNUM *n, uint8_t out[static P256_PUBLIC_LEN])
{
	AUTO(auto_BN_CTX_free) BN_CTX *ctx = BN_CTX_secure_new();
	AUTO(auto_EC_POINT_free) EC_POINT *point = EC_POINT_new(group);
	ENSURE(ctx != NULL && point != NULL && EC_POINT_mul(group, point, n, NULL, NULL, ctx) == 1, crypto_err_take());
	ENSURE(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, P256_PUBLIC_LEN, ctx) == P256_PUBLIC_LEN,
		crypto_err_take());
	return ERR_OK;
}

enum coffer_err p256_public_of(const struct secret *d, uint8_t out[static P256_PUBLIC_LEN])
{
	AUTO(auto_EC_GROUP_free) EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	AUTO(auto_BN_clear_free) BIGNUM *n = NULL;
	ENSURE(group != NULL, crypto_err_take());
	TRY(load_scalar(d, group, &n));
	return multiply(group, n, out);
}

/* An EVP key of a point and, unless n is NULL, its scalar. ERR_FIELD: OpenSSL refuses the point. */
static enum coffer_err load_pkey(const uint8_t point[static P256_PUBLIC_LEN], const BIGNUM *n, EVP_PKEY **out)
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	ENSURE(point[0] == POINT_UNCOMPRESSED, ERR_FIELD);
	AUTO(auto_OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	ENSURE(bld != NULL && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, P256_PUBLIC_LEN) == 1, crypto_err_take());
	if (n != NULL) ENSURE(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, n) == 1, crypto_err_take());
	AUTO(auto_OSSL_PARAM_free) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	AUTO(auto_EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	ENSURE(params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1, crypto_err_take());
	if (EVP_PKEY_fromdata(ctx, &pkey, n != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
		return crypto_err_take() == ERR_MEMORY ? ERR_MEMORY : ERR_FIELD;
	*out = TAKE(pkey);
	return ERR_OK;
}

enum coffer_err p256_check(const uint8_t point[static P256_PUBLIC_LEN])
{
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	crypto_err_begin();
	TRY(load_pkey(point, NULL, &pkey));
	AUTO(auto_EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	ENSURE(ctx != NULL, crypto_err_take());
	if (EVP_PKEY_public_check(ctx) == 1) return ERR_OK;
	return crypto_err_take() == ERR_MEMORY ? ERR_MEMORY : ERR_FIELD;
}

enum coffer_err p256_ecdh(const struct secret *d, const uint8_t point[static P256_PUBLIC_LEN], uint8_t out[static 32])
{
	AUTO(auto_EC_GROUP_free) EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	AUTO(auto_BN_clear_free) BIGNUM *n = NULL;
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *own = NULL;
	AUTO(auto_EVP_PKEY_free) EVP_PKEY *peer = NULL;
	uint8_t own_point[P256_PUBLIC_LEN];
	size_t len = 32;
	ENSURE(group != NULL, crypto_err_take());
	TRY(load_scalar(d, group, &n));
	TRY(multiply(group, n, own_point));
	TRY(load_pkey(own_point, n, &own));
	TRY(load_pkey(point, NULL, &peer));
	AUTO(auto_EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	ENSURE(ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1, crypto_err_take());
	ENSURE(EVP_PKEY_derive(ctx, out, &len) == 1 && len == 32, crypto_err_take());
	return ERR_OK;
}
