/* Certificates by OpenSSL. */
#include "unit/domain/ek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/writer.h"
#include "crypto/mac.h"
#include "crypto/ossl.h"
#include "keyring/label.h"

void ek_certificate(const char *group, struct buf *out)
{
	EVP_PKEY *key = strcmp(group, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(group);
	X509 *x509 = X509_new();
	uint8_t *der = NULL;
	assert_true(key && x509 && X509_set_version(x509, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x509), 7) == 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 1000));
	static const unsigned char maker[] = "A maker of TPMs whose name is as long as theirs";
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "O", MBSTRING_ASC, maker, -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(x509, X509_get_subject_name(x509)), 1);
	assert_int_equal(X509_set_pubkey(x509, key), 1);
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	int len = i2d_X509(x509, &der);
	assert_true(len > 0);
	assert_int_equal(buf_append(out, view_of(der, (size_t)len)), ERR_OK);
	OPENSSL_free(der);
	X509_free(x509);
	EVP_PKEY_free(key);
}

void ek_area(const uint8_t point[static HPKE_PUBLIC_LEN], struct buf *out)
{
	/* ECC, SHA-256, attributes, no policy, no cipher, ECDH with SHA-256, P-256, no KDF (TPM 2.0 Library, Part 2, TPMT_PUBLIC) */
	static const uint16_t head[] = { 0x0023, 0x000B, 0x0002, 0x0472, 0x0000, 0x0010, 0x0019, 0x000B, 0x0003, 0x0010 };
	struct writer w;
	writer_init_buf(&w, out, 512);
	for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) writer_u16(&w, head[i]);
	writer_view_u16(&w, view_of(point + 1, 32));
	writer_view_u16(&w, view_of(point + 33, 32));
	assert_int_equal(writer_done(&w), ERR_OK);
}

void ek_secret(struct ring *ring, const uint8_t digest[static ADMISSION_DIGEST_LEN], struct secret **out)
{
	uint8_t input[96], mac[MAC_LEN];
	const struct secret *key;
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, "endorsement-secret");
	writer_bytes(&w, view_of(digest, ADMISSION_DIGEST_LEN));
	const struct view part = writer_view(&w);
	assert_int_equal(ring_subkey(ring, ring_newest(ring), SUBKEY_NODE_RECORD, &key), ERR_OK);
	assert_int_equal(mac_hmac_sha256(secret_view(key), &part, 1, mac), ERR_OK);
	*out = secret_copy(mac, sizeof mac);
	assert_non_null(*out);
}
