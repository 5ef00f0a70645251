/* The one door to OpenSSL's headers: its type ERR_STATE is renamed while they are read, since ERR_STATE is ours
 * (base/err.def). */
#ifndef COFFER_CRYPTO_OSSL_H
#define COFFER_CRYPTO_OSSL_H

#define ERR_STATE openssl_err_state
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#undef ERR_STATE

#endif
