/* The proof of an engine against OpenSSL finds every fault that is planted, and the choice goes by it. */
#include "unit/crypto/support.h"

#include <string.h>

#include "crypto/aead_internal.h"
#include "crypto/aead_prove.h"

/* OpenSSL's engine under another name, with one fault. */
static struct aead_engine faulty;
static size_t only_len; /* the fault shows at texts of this length alone; ANY: at all */
#define ANY SIZE_MAX

static bool here(size_t len)
{
	return only_len == ANY || only_len == len;
}

static enum coffer_err seal_flips_a_bit(struct aead_key *k, const uint8_t *new_key, const uint8_t *n, const struct view *aad, size_t count,
	struct view pt, uint8_t *ct, uint8_t *tag)
{
	TRY(aead_openssl.seal(k, new_key, n, aad, count, pt, ct, tag));
	if (here(pt.len) && pt.len != 0) ct[pt.len - 1] ^= 0x10;
	return ERR_OK;
}

static enum coffer_err seal_makes_another_tag(struct aead_key *k, const uint8_t *new_key, const uint8_t *n, const struct view *aad,
	size_t count, struct view pt, uint8_t *ct, uint8_t *tag)
{
	TRY(aead_openssl.seal(k, new_key, n, aad, count, pt, ct, tag));
	if (here(pt.len)) tag[15] ^= 1;
	return ERR_OK;
}

static enum coffer_err seal_forgets_a_part(struct aead_key *k, const uint8_t *new_key, const uint8_t *n, const struct view *aad, size_t count,
	struct view pt, uint8_t *ct, uint8_t *tag)
{
	return aead_openssl.seal(k, new_key, n, aad, count > 2 ? 2 : count, pt, ct, tag);
}

static enum coffer_err seal_keeps_the_old_key(struct aead_key *k, const uint8_t *new_key, const uint8_t *n, const struct view *aad, size_t count,
	struct view pt, uint8_t *ct, uint8_t *tag)
{
	return aead_openssl.seal(k, here(pt.len) ? NULL : new_key, n, aad, count, pt, ct, tag);
}

static enum coffer_err seal_is_wrong_in_place(struct aead_key *k, const uint8_t *new_key, const uint8_t *n, const struct view *aad, size_t count,
	struct view pt, uint8_t *ct, uint8_t *tag)
{
	bool in_place = pt.ptr == ct && pt.len > 40;
	TRY(aead_openssl.seal(k, new_key, n, aad, count, pt, ct, tag));
	if (in_place) ct[17] ^= 1;
	return ERR_OK;
}

static enum coffer_err open_takes_every_tag(struct aead_key *k, const uint8_t *new_key, const uint8_t *n, const struct view *aad, size_t count,
	struct view ct, const uint8_t *tag, uint8_t *pt)
{
	enum coffer_err err = aead_openssl.open(k, new_key, n, aad, count, ct, tag, pt);
	return err == ERR_CONTEXT && here(ct.len) ? ERR_OK : err;
}

static enum coffer_err open_gives_another_text(struct aead_key *k, const uint8_t *new_key, const uint8_t *n, const struct view *aad,
	size_t count, struct view ct, const uint8_t *tag, uint8_t *pt)
{
	TRY(aead_openssl.open(k, new_key, n, aad, count, ct, tag, pt));
	if (here(ct.len) && ct.len != 0) pt[0] ^= 0x80;
	return ERR_OK;
}

static enum coffer_err piece_of_17_is_wrong(struct aead_key *k, struct aead_run *run, struct view in, uint8_t *out)
{
	TRY(aead_openssl.open_piece(k, run, in, out));
	if (in.len == 17) out[16] ^= 1;
	return ERR_OK;
}

static enum coffer_err end_takes_every_tag(struct aead_key *k, struct aead_run *run, const uint8_t *tag)
{
	enum coffer_err err = aead_openssl.open_end(k, run, tag);
	return err == ERR_CONTEXT ? ERR_OK : err;
}

static void expect_found(const char *sentence)
{
	struct reason why = { "" };
	assert_err(aead_prove(&faulty, &why), ERR_CRYPTO);
	if (strstr(why.text, sentence) == NULL) fail_msg("'%s' does not say '%s'", why.text, sentence);
	faulty = aead_openssl;
}

static void every_fault_is_found(void **state)
{
	(void)state;
	faulty = aead_openssl;
	static const size_t lengths[] = { ANY, 1, 15, 64, 255, 256, 257, 319, 513, 1025, 4096, 32769, 65536, 1024 * 1024 + 33 };
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		only_len = lengths[i];
		faulty.seal = seal_flips_a_bit;
		expect_found("is not OpenSSL's");
		faulty.seal = seal_makes_another_tag;
		expect_found("is not OpenSSL's");
		if (only_len > 65536 && only_len != ANY) continue; /* the longest are opened in pieces alone */
		faulty.open = open_takes_every_tag;
		expect_found("is not OpenSSL's");
		faulty.open = open_gives_another_text;
		expect_found("is not OpenSSL's");
		faulty.seal = seal_keeps_the_old_key;
		expect_found("with a new key is not OpenSSL's");
	}
	faulty.seal = seal_forgets_a_part;
	expect_found("AES-128-GCM of 3 bytes");
	faulty.seal = seal_is_wrong_in_place;
	expect_found("AES-128-GCM of 41 bytes");
	faulty.open_piece = piece_of_17_is_wrong;
	expect_found("in pieces");
	faulty.open_end = end_takes_every_tag;
	expect_found("in pieces");
}

static const char *needs_vaes(void)
{
	return "this CPU has no VAES";
}

static const char *nothing(void)
{
	return NULL;
}

static void sound_engines_pass(void **state)
{
	const struct aead_engine *before = aead_engine_used();
	struct reason why = { "" };
	(void)state;
	enum coffer_err err = aead_prove(&aead_openssl, &why);
	assert_string_equal(why.text, "");
	assert_ok(err);
	if (aead_ipsec_mb.missing() != NULL) {
		print_message("ipsec-mb is not proven here: %s\n", aead_ipsec_mb.missing());
		return;
	}
	err = aead_prove(&aead_ipsec_mb, &why);
	assert_string_equal(why.text, "");
	assert_ok(err);
	assert_ptr_equal(aead_engine_used(), before); /* a proof changes nothing */
}

static void sound_engine(void)
{
	faulty = aead_openssl;
	faulty.name = "ipsec-mb";
	faulty.missing = faulty.slow = nothing;
	only_len = 257;
}

static void auto_takes_the_faster_engine_only_when_it_is_proven(void **state)
{
	struct reason why = { "" };
	(void)state;
	sound_engine();
	assert_ok(aead_choose_from(&faulty, AEAD_CHOICE_AUTO, &why));
	assert_string_equal(aead_chosen()->name, "ipsec-mb");
	assert_string_equal(aead_chosen()->note, "");
	assert_ptr_equal(aead_engine_used(), &faulty);
	faulty.seal = seal_flips_a_bit;
	assert_ok(aead_choose_from(&faulty, AEAD_CHOICE_AUTO, &why));
	assert_string_equal(aead_chosen()->name, "openssl");
	assert_true(aead_chosen()->distrusted);
	assert_non_null(strstr(aead_chosen()->note, "self-test failed (AES-128-GCM of 257 bytes"));
	assert_ptr_equal(aead_engine_used(), &aead_openssl);
	sound_engine();
	faulty.slow = needs_vaes;
	assert_ok(aead_choose_from(&faulty, AEAD_CHOICE_AUTO, &why));
	assert_string_equal(aead_chosen()->name, "openssl");
	assert_string_equal(aead_chosen()->note, "not ipsec-mb: this CPU has no VAES");
	assert_false(aead_chosen()->distrusted);
}

static void asked_for_engine_serves_or_nobody_does(void **state)
{
	struct reason why = { "" };
	(void)state;
	sound_engine();
	faulty.slow = needs_vaes; /* asked for, it may be slow */
	assert_ok(aead_choose_from(&faulty, AEAD_CHOICE_IPSEC_MB, &why));
	assert_string_equal(aead_chosen()->name, "ipsec-mb");
	faulty.seal = seal_flips_a_bit;
	assert_err(aead_choose_from(&faulty, AEAD_CHOICE_IPSEC_MB, &why), ERR_CRYPTO);
	assert_non_null(strstr(why.text, "self-test failed (AES-128-GCM of 257 bytes"));
	assert_string_equal(aead_chosen()->name, "openssl");
	faulty.missing = needs_vaes;
	assert_err(aead_choose_from(&faulty, AEAD_CHOICE_IPSEC_MB, &why), ERR_CRYPTO);
	assert_string_equal(why.text, "aead_engine is ipsec-mb, but this CPU has no VAES: set it to auto or openssl");
	sound_engine();
	assert_ok(aead_choose_from(&faulty, AEAD_CHOICE_OPENSSL, &why));
	assert_string_equal(aead_chosen()->name, "openssl");
	assert_string_equal(aead_chosen()->note, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_engines_pass),
		cmocka_unit_test(every_fault_is_found),
		cmocka_unit_test(auto_takes_the_faster_engine_only_when_it_is_proven),
		cmocka_unit_test(asked_for_engine_serves_or_nobody_does),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
