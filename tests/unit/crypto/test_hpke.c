/* HPKE against RFC 9180, appendix A.3.1 and A.5.1, and what must be refused. */
#include "unit/crypto/support.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "crypto/hpke_internal.h"
#include "crypto/p256.h"

#define FIELD_MAX 512u /* characters */

/* The hex value of `name` after `from` in the RFC's text, where it may run over several lines; returns where it ends. */
static const char *rfc_field(const char *from, const char *name, char out[static FIELD_MAX])
{
	char key[64];
	size_t n = 0;
	assert_in_range(snprintf(key, sizeof key, "\n%s:", name), 1, 63);
	const char *at = strstr(from, key);
	assert_non_null(at);
	at += strlen(key);
	while (isxdigit((unsigned char)*at) || *at == ' ' || *at == '\n') {
		const char *line_end = strchr(at, '\n');
		const char *colon = strchr(at, ':');
		if (*at == '\n' && colon != NULL && colon < strchr(at + 1, '\n')) break; /* the next line is another field */
		if (isxdigit((unsigned char)*at)) {
			assert_in_range(n, 0, FIELD_MAX - 2);
			out[n++] = *at;
		}
		if (*at == '\n' && line_end[1] == '\n') break;
		at++;
	}
	out[n] = '\0';
	return at;
}

static void check_messages(const char *text, const struct hpke_schedule *send, const struct hpke_schedule *receive)
{
	char hex[FIELD_MAX];
	const char *at = strstr(text, "#### Encryptions"), *end = strstr(at, "#### Exported");
	unsigned count = 0;
	while ((at = strstr(at, "\nsequence number:")) != NULL && at < end) {
		AUTO_BUF struct buf pt = BUF_EMPTY, aad = BUF_EMPTY, ct = BUF_EMPTY;
		uint8_t sealed[128], opened[128];
		uint64_t sequence = strtoull(at + 17, NULL, 10);
		at = rfc_field(at, "pt", hex);
		struct view p = support_unhex(&pt, hex);
		at = rfc_field(at, "aad", hex);
		struct view a = support_unhex(&aad, hex);
		at = rfc_field(at, "ct", hex);
		assert_ok(hpke_schedule_seal(send, sequence, a, p, sealed));
		assert_hex(sealed, p.len + HPKE_TAG_LEN, hex);
		assert_ok(hpke_schedule_open(receive, sequence, a, support_unhex(&ct, hex), opened));
		assert_true(view_equal(view_of(opened, p.len), p));
		assert_err(hpke_schedule_open(receive, sequence + 1, a, buf_view(&ct), opened), ERR_CONTEXT);
		count++;
	}
	assert_int_equal(count, 6);
}

static void check_rfc(const char *file, enum hpke_aead aead, size_t key_len)
{
	char hex[FIELD_MAX];
	AUTO_BUF struct buf info = BUF_EMPTY, ephemeral = BUF_EMPTY, receiver = BUF_EMPTY, public_key = BUF_EMPTY;
	struct hpke_schedule send, receive;
	uint8_t enc[HPKE_ENC_LEN];
	char *text = support_load_text(file);
	rfc_field(text, "info", hex);
	struct view i = support_unhex(&info, hex);
	rfc_field(text, "skEm", hex);
	AUTO_SECRET struct secret *e = secret_copy(support_unhex(&ephemeral, hex).ptr, HPKE_PRIVATE_LEN);
	rfc_field(text, "skRm", hex);
	AUTO_SECRET struct secret *r = secret_copy(support_unhex(&receiver, hex).ptr, HPKE_PRIVATE_LEN);
	rfc_field(text, "pkRm", hex);
	assert_ok(hpke_schedule_send(aead, e, support_unhex(&public_key, hex).ptr, i, enc, &send));
	rfc_field(text, "enc", hex);
	assert_hex(enc, sizeof enc, hex);
	assert_ok(hpke_schedule_receive(aead, r, enc, i, &receive));
	rfc_field(text, "shared_secret", hex);
	assert_hex(send.shared_secret, 32, hex);
	assert_hex(receive.shared_secret, 32, hex);
	rfc_field(text, "key", hex);
	assert_hex(send.key, key_len, hex);
	rfc_field(text, "base_nonce", hex);
	assert_hex(send.base_nonce, HPKE_NONCE_LEN, hex);
	rfc_field(text, "exporter_secret", hex);
	assert_hex(send.exporter_secret, 32, hex);
	check_messages(text, &send, &receive);
	test_free(text);
}

/* A private key that is somewhere else. */
struct elsewhere {
	const struct secret *d;
	unsigned asked;
	size_t len;
	enum coffer_err err;
};

static enum coffer_err dh_elsewhere(void *arg, const uint8_t point[static HPKE_PUBLIC_LEN], struct secret **out_shared)
{
	struct elsewhere *e = arg;
	e->asked++;
	if (e->err) return e->err;
	*out_shared = secret_new(e->len ? e->len : HPKE_SHARED_LEN);
	assert_non_null(*out_shared);
	return e->len ? ERR_OK : p256_ecdh(e->d, point, secret_mut(*out_shared));
}

/* RFC 9180's receiver, whose private key only answers Diffie-Hellman. */
static void check_rfc_elsewhere(const char *file, enum hpke_aead aead)
{
	char hex[FIELD_MAX];
	AUTO_BUF struct buf info = BUF_EMPTY, ephemeral = BUF_EMPTY, receiver = BUF_EMPTY, public_key = BUF_EMPTY, enc = BUF_EMPTY;
	struct hpke_schedule send, receive;
	uint8_t again[HPKE_ENC_LEN];
	char *text = support_load_text(file);
	rfc_field(text, "info", hex);
	struct view i = support_unhex(&info, hex);
	rfc_field(text, "skEm", hex);
	AUTO_SECRET struct secret *e = secret_copy(support_unhex(&ephemeral, hex).ptr, HPKE_PRIVATE_LEN);
	rfc_field(text, "skRm", hex);
	AUTO_SECRET struct secret *d = secret_copy(support_unhex(&receiver, hex).ptr, HPKE_PRIVATE_LEN);
	rfc_field(text, "pkRm", hex);
	const uint8_t *public = support_unhex(&public_key, hex).ptr;
	rfc_field(text, "enc", hex);
	struct elsewhere key = { .d = d };
	assert_ok(hpke_schedule_receive_by(aead, dh_elsewhere, &key, public, support_unhex(&enc, hex).ptr, i, &receive));
	rfc_field(text, "shared_secret", hex);
	assert_hex(receive.shared_secret, 32, hex);
	rfc_field(text, "exporter_secret", hex);
	assert_hex(receive.exporter_secret, 32, hex);
	assert_ok(hpke_schedule_send(aead, e, public, i, again, &send));
	check_messages(text, &send, &receive);
	assert_int_equal(key.asked, 1);
	test_free(text);
}

static void a_private_key_elsewhere_gives_the_rfc_answers(void **state)
{
	(void)state;
	check_rfc_elsewhere("hpke_p256_sha256_aes128gcm.md", HPKE_AES_128_GCM);
	check_rfc_elsewhere("hpke_p256_sha256_chacha20poly1305_base.md", HPKE_CHACHA20_POLY1305);
}

static void a_private_key_elsewhere_is_asked_once_and_for_points_alone(void **state)
{
	AUTO_SECRET struct secret *d = NULL, *opened = NULL;
	AUTO_BUF struct buf ct = BUF_EMPTY;
	uint8_t public[HPKE_PUBLIC_LEN], enc[HPKE_ENC_LEN], bad[HPKE_ENC_LEN];
	struct view info = view_str("info"), none = view_of(NULL, 0);
	(void)state;
	assert_ok(hpke_keypair_generate(&d, public));
	assert_ok(hpke_seal(public, info, none, view_str("data key"), enc, &ct));
	struct elsewhere key = { .d = d };
	for (size_t i = 0; i < sizeof bad; i += 8) {
		memcpy(bad, enc, sizeof bad);
		bad[i] ^= 1;
		assert_err(hpke_open_by(dh_elsewhere, &key, public, bad, info, none, buf_view(&ct), &opened), ERR_FIELD);
	}
	memset(bad, 0, sizeof bad);
	assert_err(hpke_open_by(dh_elsewhere, &key, public, bad, info, none, buf_view(&ct), &opened), ERR_FIELD);
	assert_err(hpke_open_by(dh_elsewhere, &key, bad, enc, info, none, buf_view(&ct), &opened), ERR_FIELD);
	assert_err(hpke_open_by(dh_elsewhere, &key, public, enc, info, none, view_of(ct.ptr, HPKE_TAG_LEN), &opened), ERR_TRUNCATED);
	assert_int_equal(key.asked, 0);
	assert_err(hpke_open_by(dh_elsewhere, &key, enc, enc, info, none, buf_view(&ct), &opened), ERR_CONTEXT); /* not its public half */
	key.err = ERR_TOKEN_GONE;
	assert_err(hpke_open_by(dh_elsewhere, &key, public, enc, info, none, buf_view(&ct), &opened), ERR_TOKEN_GONE);
	key.err = ERR_OK;
	key.len = HPKE_SHARED_LEN - 1;
	assert_err(hpke_open_by(dh_elsewhere, &key, public, enc, info, none, buf_view(&ct), &opened), ERR_CRYPTO);
	key.len = HPKE_SHARED_LEN; /* zeros */
	assert_err(hpke_open_by(dh_elsewhere, &key, public, enc, info, none, buf_view(&ct), &opened), ERR_CONTEXT);
	assert_null(opened);
	key = (struct elsewhere){ .d = d };
	assert_ok(hpke_open_by(dh_elsewhere, &key, public, enc, info, none, buf_view(&ct), &opened));
	assert_true(view_equal_str(secret_view(opened), "data key"));
	assert_int_equal(key.asked, 1);
}

static void kem_and_schedule_give_the_rfc_answers(void **state)
{
	(void)state;
	check_rfc("hpke_p256_sha256_aes128gcm.md", HPKE_AES_128_GCM, 16);
	check_rfc("hpke_p256_sha256_chacha20poly1305_base.md", HPKE_CHACHA20_POLY1305, 32);
}

static void sealed_bytes_open_with_the_right_key_alone(void **state)
{
	AUTO_SECRET struct secret *right = NULL, *wrong = NULL, *opened = NULL;
	AUTO_BUF struct buf ct = BUF_EMPTY;
	uint8_t right_public[HPKE_PUBLIC_LEN], wrong_public[HPKE_PUBLIC_LEN], enc[HPKE_ENC_LEN];
	struct view info = view_str("info"), other = view_str("infp"), aad = view_of(NULL, 0), pt = view_str("data key");
	(void)state;
	assert_ok(hpke_keypair_generate(&right, right_public));
	assert_ok(hpke_keypair_generate(&wrong, wrong_public));
	assert_ok(hpke_seal(right_public, info, aad, pt, enc, &ct));
	assert_int_equal(ct.len, pt.len + HPKE_TAG_LEN);
	assert_err(hpke_open(wrong, enc, info, aad, buf_view(&ct), &opened), ERR_CONTEXT);
	assert_err(hpke_open(right, enc, other, aad, buf_view(&ct), &opened), ERR_CONTEXT);
	assert_err(hpke_open(right, enc, info, other, buf_view(&ct), &opened), ERR_CONTEXT);
	assert_err(hpke_open(right, wrong_public, info, aad, buf_view(&ct), &opened), ERR_CONTEXT);
	assert_err(hpke_open(right, enc, info, aad, view_of(ct.ptr, HPKE_TAG_LEN), &opened), ERR_TRUNCATED);
	for (size_t i = 0; i < ct.len; i++) {
		ct.ptr[i] ^= 1;
		assert_err(hpke_open(right, enc, info, aad, buf_view(&ct), &opened), ERR_CONTEXT);
		ct.ptr[i] ^= 1;
	}
	assert_null(opened);
	assert_ok(hpke_open(right, enc, info, aad, buf_view(&ct), &opened));
	assert_true(view_equal(secret_view(opened), pt));
}

static void points_off_the_curve_are_refused(void **state)
{
	AUTO_SECRET struct secret *d = NULL, *opened = NULL;
	AUTO_BUF struct buf ct = BUF_EMPTY;
	uint8_t point[HPKE_PUBLIC_LEN], bad[HPKE_PUBLIC_LEN], enc[HPKE_ENC_LEN];
	struct view none = view_of(NULL, 0);
	(void)state;
	assert_ok(hpke_keypair_generate(&d, point));
	assert_ok(hpke_public_check(point));
	for (unsigned i = 0; i < 4; i++) {
		memcpy(bad, point, sizeof bad);
		if (i == 0) bad[64] ^= 1;             /* another y */
		if (i == 1) bad[0] = 0x02;            /* a compressed form, or what looks like it */
		if (i == 2) memset(bad + 1, 0xFF, 32); /* x not below the field's prime */
		if (i == 3) memset(bad, 0, sizeof bad);
		assert_err(hpke_public_check(bad), ERR_FIELD);
		assert_err(hpke_seal(bad, none, none, view_str("x"), enc, &ct), ERR_FIELD);
		assert_err(hpke_open(d, bad, none, none, view_str("0123456789abcdef0"), &opened), ERR_FIELD);
	}
	assert_int_equal(ct.len, 0);
}

static void private_keys_out_of_range_are_refused(void **state)
{
	uint8_t bytes[HPKE_PRIVATE_LEN] = { 0 }, point[HPKE_PUBLIC_LEN];
	AUTO_BUF struct buf order = BUF_EMPTY;
	(void)state;
	AUTO_SECRET struct secret *zero = secret_copy(bytes, sizeof bytes), *small = secret_copy(bytes, 31);
	(void)support_unhex(&order, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
	AUTO_SECRET struct secret *n = secret_copy(order.ptr, 32);
	assert_err(hpke_public_of(zero, point), ERR_FIELD);
	assert_err(hpke_public_of(small, point), ERR_FIELD);
	assert_err(hpke_public_of(n, point), ERR_FIELD);
	secret_mut(n)[31]--; /* order - 1 */
	assert_ok(hpke_public_of(n, point));
	assert_hex(point + 1, 32, "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"); /* x of -G is G's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kem_and_schedule_give_the_rfc_answers),
		cmocka_unit_test(a_private_key_elsewhere_gives_the_rfc_answers),
		cmocka_unit_test(a_private_key_elsewhere_is_asked_once_and_for_points_alone),
		cmocka_unit_test(sealed_bytes_open_with_the_right_key_alone),
		cmocka_unit_test(points_off_the_curve_are_refused),
		cmocka_unit_test(private_keys_out_of_range_are_refused),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
