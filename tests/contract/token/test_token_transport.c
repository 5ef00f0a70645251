/* The contract of src/token/transport.h, the same for every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "contract/token/fixture.h"
#include "contract/token/opened.h"
#include "crypto/hpke.h"
#include "crypto/p256.h"
#include "token/token.h"
#include "token/transport.h"

#define ARENA_LEN (4u << 20)

static int new_fixture(void **state)
{
	*state = fixture_new();
	return 0;
}

static int free_fixture(void **state)
{
	fixture_free(*state);
	return 0;
}

static bool is_tpm(void)
{
	return strcmp(token_backend.kind, "tpm2") == 0;
}

static const uint8_t key_auth[TOKEN_TRANSPORT_AUTH_LEN] = { [0] = 7, [TOKEN_TRANSPORT_AUTH_LEN - 1] = 1 };

static struct token_transport_wish wish_of(uint8_t owner)
{
	return (struct token_transport_wish){ .auth = view_of(key_auth, sizeof key_auth), .owner = { owner, 1, 2 } };
}

static void make_key(struct token *t, struct token_transport_wish *wish, struct token_transport_answer *out)
{
	struct reason why = { "" };
	enum coffer_err err = token_transport_backend.make(t, wish, out, &why);
	if (err != ERR_OK) print_message("transport key: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
	assert_true(out->there);
	assert_null(out->shared);
	assert_int_equal(p256_check(out->public_key), ERR_OK);
	wish->ref = out->ref;
}

/* A key pair of OpenSSL's. */
static struct secret *peer_new(uint8_t point[static TOKEN_TRANSPORT_POINT_LEN])
{
	struct secret *d = NULL;
	assert_int_equal(p256_generate(&d), ERR_OK);
	assert_int_equal(p256_public_of(d, point), ERR_OK);
	return d;
}

/* The token's X is OpenSSL's from the other side. */
static void assert_agrees(struct token *t, const struct token_transport_wish *wish, const uint8_t *public_key, const struct secret *peer)
{
	struct token_transport_wish w = *wish;
	struct token_transport_answer answer;
	struct reason why = { "" };
	uint8_t expected[TOKEN_TRANSPORT_SHARED_LEN];
	assert_int_equal(p256_public_of(peer, w.point), ERR_OK);
	assert_int_equal(p256_ecdh(peer, public_key, expected), ERR_OK);
	enum coffer_err err = token_transport_backend.ecdh(t, &w, &answer, &why);
	if (err != ERR_OK) print_message("ecdh: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
	assert_true(answer.there);
	assert_int_equal(secret_len(answer.shared), sizeof expected);
	assert_memory_equal(secret_bytes(answer.shared), expected, sizeof expected);
	secret_free(answer.shared);
}

static void assert_public(struct token *t, const struct token_transport_wish *wish, const uint8_t *public_key)
{
	struct token_transport_answer answer;
	assert_int_equal(token_transport_backend.public_point(t, wish, &answer, NULL), ERR_OK);
	assert_true(answer.there);
	assert_memory_equal(answer.public_key, public_key, sizeof answer.public_key);
}

static void both_sides_agree_also_after_a_restart(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	struct token_transport_wish wish = wish_of(1), another = wish_of(2);
	struct token_transport_answer key, other;
	uint8_t point[TOKEN_TRANSPORT_POINT_LEN];
	AUTO_SECRET struct secret *peer = peer_new(point);
	make_key(t, &wish, &key);
	make_key(t, &another, &other);
	assert_memory_not_equal(key.public_key, other.public_key, sizeof key.public_key);
	assert_agrees(t, &wish, key.public_key, peer);
	assert_agrees(t, &another, other.public_key, peer);
	token_backend.close(t);
	fixture_restart(*state);
	t = open_attached(*state, &binding);
	assert_agrees(t, &wish, key.public_key, peer);
	assert_public(t, &wish, key.public_key);
	assert_public(t, &another, other.public_key);
	struct token_transport_wish repeat = wish_of(1); /* an attempt that was cut off and is made again */
	make_key(t, &repeat, &other);
	assert_agrees(t, &repeat, other.public_key, peer);
	if (!is_tpm()) assert_memory_equal(key.public_key, other.public_key, sizeof key.public_key);
	assert_int_equal(token_backend.probe(t, NULL), ERR_OK);
	assert_int_equal(token_transport_backend.remove(t, &wish, &key, NULL), ERR_OK);
	assert_int_equal(token_transport_backend.remove(t, &another, &key, NULL), ERR_OK);
	token_backend.close(t);
	assert_int_equal(fixture_residue(*state), 0);
}

/* A number whose first byte is zero is a byte shorter to some tokens. */
static void a_shared_number_with_leading_zeros_has_32_bytes_too(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	struct token_transport_wish wish = wish_of(1);
	struct token_transport_answer key;
	make_key(t, &wish, &key);
	unsigned found = 0;
	for (unsigned i = 0; i < 8192 && found < 1; i++) { /* one in 256 */
		uint8_t point[TOKEN_TRANSPORT_POINT_LEN], shared[TOKEN_TRANSPORT_SHARED_LEN];
		AUTO_SECRET struct secret *peer = peer_new(point);
		assert_int_equal(p256_ecdh(peer, key.public_key, shared), ERR_OK);
		if (shared[0] != 0) continue;
		found++;
		assert_agrees(t, &wish, key.public_key, peer);
	}
	assert_int_equal(found, 1);
	token_backend.close(t);
}

/* What is no point of P-256 never reaches the token. */
static void other_points_are_refused(void **state)
{
	static const char *bad[] = {
		/* P-256's generator with another y; compressed; x not below the prime; nothing; infinity with a prefix; secp256k1's generator; brainpoolP256r1's */
		"046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f4",
		"036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
		"04ffffffff00000001000000000000000000000000ffffffffffffffffffffffff4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
		"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
		"0400000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
		"0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
		"048bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
	};
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	struct token_transport_wish wish = wish_of(1);
	struct token_transport_answer key, answer = { .there = false };
	make_key(t, &wish, &key);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct reason why = { "" };
		assert_int_equal(strlen(bad[i]), 2 * sizeof wish.point);
		assert_int_equal(text_unhex(view_str(bad[i]), wish.point, sizeof wish.point), ERR_OK);
		assert_int_equal(token_transport_backend.ecdh(t, &wish, &answer, &why), ERR_FIELD);
		assert_string_equal(why.text, "the other side's key is no point of P-256");
		assert_null(answer.shared);
	}
	token_backend.close(t);
}

static void assert_unknown(struct token *t, struct token_transport_wish *wish)
{
	struct token_transport_answer answer;
	uint8_t point[TOKEN_TRANSPORT_POINT_LEN];
	secret_free(peer_new(point));
	memcpy(wish->point, point, sizeof point);
	assert_int_equal(token_transport_backend.ecdh(t, wish, &answer, NULL), ERR_OK);
	assert_false(answer.there);
	assert_null(answer.shared);
	assert_int_equal(token_transport_backend.public_point(t, wish, &answer, NULL), ERR_OK);
	assert_false(answer.there);
}

static void another_token_does_not_know_the_key(void **state)
{
	struct token_binding binding, elsewhere_binding;
	struct fixture *elsewhere = fixture_new();
	struct token *t = open_provisioned(*state, &binding), *u = open_provisioned(elsewhere, &elsewhere_binding);
	struct token_transport_wish wish = wish_of(1);
	struct token_transport_answer key;
	make_key(t, &wish, &key);
	assert_unknown(u, &wish);
	for (size_t len = 0; len < key.ref.len; len += 7) { /* a reference that was cut is none */
		wish.ref.len = len;
		assert_unknown(t, &wish);
	}
	wish.ref = key.ref;
	wish.ref.data[wish.ref.len - 1] ^= 1;
	assert_unknown(t, &wish);
	token_backend.close(t);
	token_backend.close(u);
	fixture_free(elsewhere);
}

static void a_removed_key_is_gone_and_others_stay(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	struct token_transport_wish wish = wish_of(1), another = wish_of(2);
	struct token_transport_answer key, kept, ignored;
	uint8_t point[TOKEN_TRANSPORT_POINT_LEN];
	AUTO_SECRET struct secret *peer = peer_new(point);
	make_key(t, &wish, &key);
	make_key(t, &another, &kept);
	assert_int_equal(token_transport_backend.remove(t, &wish, &ignored, NULL), ERR_OK);
	assert_int_equal(token_transport_backend.remove(t, &wish, &ignored, NULL), ERR_OK);
	if (!is_tpm()) assert_unknown(t, &wish); /* a TPM keeps nothing of it: who has no reference has no key */
	assert_agrees(t, &another, kept.public_key, peer);
	token_backend.close(t);
}

static void a_wrong_authorization_value_is_refused_once(void **state)
{
	static const uint8_t wrong[TOKEN_TRANSPORT_AUTH_LEN] = { [TOKEN_TRANSPORT_AUTH_LEN - 1] = 9 };
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	struct token_transport_wish wish = wish_of(1);
	struct token_transport_answer key, answer = { .there = false };
	uint8_t point[TOKEN_TRANSPORT_POINT_LEN];
	AUTO_SECRET struct secret *peer = peer_new(point);
	make_key(t, &wish, &key);
	struct token_transport_wish other = wish;
	other.auth = view_of(wrong, sizeof wrong);
	memcpy(other.point, point, sizeof point);
	enum coffer_err err = token_transport_backend.ecdh(t, &other, &answer, NULL);
	assert_int_equal(err, is_tpm() ? ERR_AUTH : ERR_OK); /* PKCS#11 has the login alone */
	secret_free(answer.shared);
	assert_agrees(t, &wish, key.public_key, peer);
	token_backend.close(t);
}

struct holder {
	struct token *token;
	struct token_transport_wish wish;
};

static enum coffer_err dh(void *arg, const uint8_t point[static HPKE_PUBLIC_LEN], struct secret **out_shared)
{
	struct holder *h = arg;
	struct token_transport_answer answer;
	memcpy(h->wish.point, point, sizeof h->wish.point);
	TRY(token_transport_backend.ecdh(h->token, &h->wish, &answer, NULL));
	ENSURE(answer.there, ERR_NOT_FOUND);
	*out_shared = answer.shared;
	return ERR_OK;
}

static void what_was_sealed_to_the_key_opens_through_the_token(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	struct token_transport_wish wish = wish_of(1), another = wish_of(2);
	struct token_transport_answer key, other;
	struct view info = view_str("info"), none = view_of(NULL, 0), data_key = view_str("0123456789abcdef0123456789abcdef");
	uint8_t enc[HPKE_ENC_LEN];
	AUTO_SECRET struct secret *opened = NULL;
	AUTO_BUF struct buf ct = BUF_EMPTY;
	make_key(t, &wish, &key);
	make_key(t, &another, &other);
	assert_int_equal(hpke_seal(key.public_key, info, none, data_key, enc, &ct), ERR_OK);
	struct holder holder = { t, wish }, stranger = { t, another };
	assert_int_equal(hpke_open_by(dh, &stranger, other.public_key, enc, info, none, buf_view(&ct), &opened), ERR_CONTEXT);
	assert_int_equal(hpke_open_by(dh, &holder, key.public_key, enc, view_str("infp"), none, buf_view(&ct), &opened), ERR_CONTEXT);
	assert_null(opened);
	assert_int_equal(hpke_open_by(dh, &holder, key.public_key, enc, info, none, buf_view(&ct), &opened), ERR_OK);
	assert_true(view_equal(secret_view(opened), data_key));
	token_backend.close(t);
}

static void nothing_works_before_the_token_is_attached(void **state)
{
	struct token *t = open_token(*state);
	struct token_transport_wish wish = wish_of(1);
	struct token_transport_answer answer;
	assert_int_equal(token_transport_backend.make(t, &wish, &answer, NULL), ERR_STATE);
	assert_int_equal(token_transport_backend.public_point(t, &wish, &answer, NULL), ERR_STATE);
	assert_int_not_equal(token_transport_backend.ecdh(t, &wish, &answer, NULL), ERR_OK);
	token_backend.close(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, new_fixture, free_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_sides_agree_also_after_a_restart),
		T(a_shared_number_with_leading_zeros_has_32_bytes_too),
		T(other_points_are_refused),
		T(another_token_does_not_know_the_key),
		T(a_removed_key_is_gone_and_others_stay),
		T(a_wrong_authorization_value_is_refused_once),
		T(what_was_sealed_to_the_key_opens_through_the_token),
		T(nothing_works_before_the_token_is_attached),
	};
	if (arena_init(ARENA_LEN, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
