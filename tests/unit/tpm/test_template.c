/* The templates: what the keys may do, fixed bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "tpm/template.h"

static const uint8_t profile_ids[] = { 1, 2 };

static void an_unknown_profile_has_no_template(void **state)
{
	(void)state;
	assert_null(tpm_template_profile(0));
	assert_null(tpm_template_profile(3));
}

static void the_master_secret_is_a_storage_key_that_never_leaves(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof profile_ids; i++) {
		const struct tpm_profile *profile = tpm_template_profile(profile_ids[i]);
		TPM2B_PUBLIC p;
		tpm_template_master(profile, &p);
		assert_int_equal(p.publicArea.objectAttributes, TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
			TPMA_OBJECT_SENSITIVEDATAORIGIN |
			TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT);
		assert_int_equal(tpm_template_check_master(profile, &p.publicArea, 0x81010C0F, NULL), ERR_OK);
		for (unsigned bit = 1; bit < 19; bit++) {
			TPMT_PUBLIC changed = p.publicArea;
			changed.objectAttributes ^= UINT32_C(1) << bit;
			assert_int_equal(tpm_template_check_master(profile, &changed, 0x81010C0F, NULL), ERR_TOKEN_REFUSED);
		}
	}
}

static void a_sealed_object_opens_by_policy_alone_and_never_counts_as_a_try(void **state)
{
	(void)state;
	static const char *const policies[] = { /* tpm2_policycommandcode TPM2_CC_Unseal */
		"2ecf2999333c2abf21d7bce168c69b4ea70812de16d37a434c0490fc4f54d78ced00e48b559e721691e9f1d591d981a8",
		"e613137076524bde487533865884e9732ebee3aacb095d94a6de492ec06c46fa",
	};
	for (size_t i = 0; i < sizeof profile_ids; i++) {
		const struct tpm_profile *profile = tpm_template_profile(profile_ids[i]);
		TPM2B_PUBLIC p;
		char hex[2 * HASH_LEN_MAX + 1];
		assert_int_equal(tpm_template_sealed(profile, NULL, &p), ERR_OK);
		assert_int_equal(p.publicArea.objectAttributes, TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA);
		text_hex(view_of(p.publicArea.authPolicy.buffer, p.publicArea.authPolicy.size), hex);
		assert_string_equal(hex, policies[i]);
		assert_int_equal(tpm_template_check_sealed(profile, NULL, &p.publicArea), ERR_OK);
		p.publicArea.objectAttributes |= TPMA_OBJECT_USERWITHAUTH;
		assert_int_equal(tpm_template_check_sealed(profile, NULL, &p.publicArea), ERR_CORRUPT);
	}
}

static void the_primary_differs_from_the_platforms_storage_root_key(void **state)
{
	(void)state;
	TPM2B_PUBLIC primary, plain;
	TPM2B_NAME a, b;
	tpm_template_primary(tpm_template_profile(2), &primary);
	tpm_template_master(tpm_template_profile(2), &plain);
	assert_int_equal(tpm_name_compute(&primary.publicArea, &a), ERR_OK);
	assert_int_equal(tpm_name_compute(&plain.publicArea, &b), ERR_OK);
	assert_int_equal(a.size, 34);
	assert_false(tpm_name_equal(&a, &b));
	assert_true(tpm_name_equal(&a, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_profile_has_no_template),
		cmocka_unit_test(the_master_secret_is_a_storage_key_that_never_leaves),
		cmocka_unit_test(a_sealed_object_opens_by_policy_alone_and_never_counts_as_a_try),
		cmocka_unit_test(the_primary_differs_from_the_platforms_storage_root_key),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
