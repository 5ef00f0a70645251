/* The contract of src/token/sign.h, the same for every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "contract/token/fixture.h"
#include "contract/token/opened.h"
#include "crypto/ecdsa.h"
#include "token/sign.h"
#include "token/token.h"

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

/* ---- the signing key ---- */

static const uint8_t signer_auth[TOKEN_SIGNER_AUTH_LEN] = { [0] = 7, [TOKEN_SIGNER_AUTH_LEN - 1] = 1 };

static struct token_signer_wish wish_of(uint8_t owner)
{
	struct token_signer_wish wish = { .auth = view_of(signer_auth, sizeof signer_auth), .owner = { owner, 1, 2 }, .digest = { 9, owner } };
	return wish;
}

static void make_signer(struct token *t, const struct token_signer_wish *wish, struct token_signer_answer *out)
{
	struct reason why = { "" };
	enum coffer_err err = token_signer_backend.make(t, wish, out, &why);
	if (err != ERR_OK) print_message("signer: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
	assert_true(out->there);
}

static enum coffer_err verify(const struct token_signer_answer *key, const uint8_t *digest, const uint8_t *signature)
{
	struct ecdsa_public public = { .curve = ECDSA_P256 };
	memcpy(public.point, key->public_key, sizeof key->public_key);
	return ecdsa_verify(&public, view_of(digest, TOKEN_SIGNER_DIGEST_LEN), view_of(signature, TOKEN_SIGNER_SIGNATURE_LEN));
}

static void assert_signs(struct token *t, const struct token_signer_wish *wish, const struct token_signer_answer *key)
{
	struct token_signer_answer signed_by;
	struct token_signer_wish w = *wish;
	struct reason why = { "" };
	w.ref = key->ref;
	enum coffer_err err = token_signer_backend.sign(t, &w, &signed_by, &why);
	if (err != ERR_OK) print_message("sign: %s: %s\n", err_name(err), why.text);
	assert_int_equal(err, ERR_OK);
	assert_true(signed_by.there);
	assert_int_equal(verify(key, w.digest, signed_by.signature), ERR_OK);
	w.digest[0] ^= 1;
	assert_int_equal(verify(key, w.digest, signed_by.signature), ERR_CORRUPT);
}

static void a_signing_key_signs_also_after_a_restart(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	struct token_signer_wish wish = wish_of(1), another = wish_of(2);
	struct token_signer_answer key, other;
	make_signer(t, &wish, &key);
	make_signer(t, &another, &other);
	assert_memory_not_equal(key.public_key, other.public_key, sizeof key.public_key);
	for (int i = 0; i < 5; i++) {
		wish.digest[1] = (uint8_t)i;
		assert_signs(t, &wish, &key);
	}
	assert_signs(t, &another, &other);
	token_backend.close(t);
	fixture_restart(*state);
	t = open_attached(*state, &binding);
	assert_signs(t, &wish, &key);
	assert_int_equal(token_backend.probe(t, NULL), ERR_OK);
	assert_int_equal(token_signer_backend.drop(t, &wish, &key, NULL), ERR_OK);
	assert_int_equal(token_signer_backend.drop(t, &another, &key, NULL), ERR_OK);
	token_backend.close(t);
	assert_int_equal(fixture_residue(*state), 0);
}

static void another_token_does_not_know_the_signing_key(void **state)
{
	struct token_binding binding, elsewhere_binding;
	struct fixture *elsewhere = fixture_new();
	struct token *t = open_provisioned(*state, &binding), *u = open_provisioned(elsewhere, &elsewhere_binding);
	struct token_signer_wish wish = wish_of(1);
	struct token_signer_answer key, answer;
	make_signer(t, &wish, &key);
	wish.ref = key.ref;
	assert_int_equal(token_signer_backend.sign(u, &wish, &answer, NULL), ERR_OK);
	assert_false(answer.there);
	for (size_t len = 0; len < key.ref.len; len += 7) { /* a reference that was cut is none */
		wish.ref.len = len;
		assert_int_equal(token_signer_backend.sign(t, &wish, &answer, NULL), ERR_OK);
		assert_false(answer.there);
	}
	wish.ref = key.ref;
	wish.ref.data[wish.ref.len - 1] ^= 1;
	assert_int_equal(token_signer_backend.sign(t, &wish, &answer, NULL), ERR_OK);
	assert_false(answer.there);
	token_backend.close(t);
	token_backend.close(u);
	fixture_free(elsewhere);
}

static void a_signing_key_that_was_dropped_is_gone(void **state)
{
	struct token_binding binding;
	struct token *t = open_provisioned(*state, &binding);
	struct token_signer_wish wish = wish_of(1), another = wish_of(2);
	struct token_signer_answer key, kept, answer;
	make_signer(t, &wish, &key);
	make_signer(t, &another, &kept);
	wish.drop = true;
	assert_int_equal(token_signer_backend.drop(t, &wish, &answer, NULL), ERR_OK);
	assert_int_equal(token_signer_backend.drop(t, &wish, &answer, NULL), ERR_OK);
	wish.drop = false;
	wish.ref = key.ref;
	assert_int_equal(token_signer_backend.sign(t, &wish, &answer, NULL), ERR_OK);
	assert_true(!answer.there || strcmp(token_backend.kind, "tpm2") == 0); /* a TPM keeps nothing of it: who has no reference has no key */
	assert_signs(t, &another, &kept);
	token_backend.close(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, new_fixture, free_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_signing_key_signs_also_after_a_restart),
		T(another_token_does_not_know_the_signing_key),
		T(a_signing_key_that_was_dropped_is_gone),
	};
	if (arena_init(ARENA_LEN, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
