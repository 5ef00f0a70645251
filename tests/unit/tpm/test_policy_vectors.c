/* Policies against frozen answers that were made without a TPM and without this code (tests/vectors/make_tpm_policy.py): bindings, policy digests, Names, a PIN's authorization value,
 * files of signed values. */
#include "unit/crypto/support.h"

#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "tpm/binding.h"
#include "tpm/gate.h"
#include "tpm/seal.h"
#include "tpm/template.h"

static json_t *frozen;

static int start(void **state)
{
	if (support_setup(state) != 0) return -1;
	frozen = support_load("tpm-policy-v1.json");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	json_decref(frozen);
	return 0;
}

static void bindings_and_digests_are_the_frozen_ones(void **state)
{
	size_t i;
	const json_t *test;
	(void)state;
	json_array_foreach(json_object_get(frozen, "policies"), i, test) {
		AUTO_BUF struct buf bytes = BUF_EMPTY;
		struct token_binding binding = { .mechanism = TPM_SEAL_MECHANISM }, again;
		struct tpm_key key;
		struct tpm_facts facts;
		TPM2B_DIGEST digest;
		struct view v = support_field(&bytes, test, "binding");
		print_message("%s\n", support_text(test, "what"));
		binding.data_len = v.len;
		memcpy(binding.data, v.ptr, v.len);
		const size_t name_at = 2 + 1 + 4 + 2, name_len = (size_t)v.ptr[name_at - 2] << 8 | v.ptr[name_at - 1];
		struct view master = view_of(v.ptr + name_at + name_len + 2, name_len); /* both Names are of one length */
		assert_ok(hash_sha256(master, binding.master_secret_id));
		assert_ok(tpm_binding_decode(&binding, &key, &facts, NULL));
		assert_ok(tpm_policy_digest(key.profile, &key.policy, &digest));
		assert_hex(digest.buffer, digest.size, support_text(test, "digest"));
		assert_ok(tpm_binding_encode(&key, &facts, &again));
		assert_true(view_equal(view_of(again.data, again.data_len), v));
	}
	assert_int_equal(i, 18);
}

static void who_is_bound_to_nothing_has_the_frozen_digest(void **state)
{
	static const char *const names[] = { "sha384", "sha256" }; /* of profiles 1 and 2 */
	(void)state;
	for (uint8_t id = 1; id <= 2; id++) {
		TPM2B_DIGEST digest;
		assert_ok(tpm_policy_digest(tpm_template_profile(id), NULL, &digest));
		assert_hex(digest.buffer, digest.size, support_text(json_object_get(frozen, "nothing"), names[id - 1]));
	}
}

/* A file reads, says what it should, writes the same bytes, and its signatures hold: made by other arithmetic than OpenSSL's. */
static void files_of_signed_values_are_the_frozen_ones(void **state)
{
	size_t i, j;
	const json_t *test, *entry;
	(void)state;
	json_array_foreach(json_object_get(frozen, "files"), i, test) {
		static struct pcr_file file;
		AUTO_BUF struct buf bytes = BUF_EMPTY, again = BUF_EMPTY;
		assert_ok(pcr_file_decode(support_field(&bytes, test, "file"), &file));
		assert_string_equal(file.ref, support_text(test, "ref"));
		assert_int_equal(file.count, json_array_size(json_object_get(test, "entries")));
		json_array_foreach(json_object_get(test, "entries"), j, entry) {
			for (size_t k = 0; k < json_array_size(entry); k++) {
				json_int_t pcr = json_integer_value(json_array_get(json_object_get(test, "pcrs"), k));
				assert_hex(file.entries[j].values.value[pcr], hash_len(file.selection.bank), json_string_value(json_array_get(entry, k)));
			}
		}
		assert_ok(pcr_file_verify(&file));
		assert_ok(pcr_file_encode(&file, &again));
		assert_true(view_equal(buf_view(&again), buf_view(&bytes)));
		struct tpm_policy policy = { .is_signed = true, .vendor = file.key };
		TPM2B_PUBLIC vendor;
		TPM2B_NAME name;
		char curve[2] = { (char)('0' + file.key.curve), '\0' };
		tpm_policy_vendor_public(&policy, &vendor);
		assert_ok(tpm_name_compute(&vendor.publicArea, &name));
		assert_hex(name.name, name.size, support_text(json_object_get(frozen, "vendor-names"), curve));
		file.entries[0].signature[0][5] ^= 1;
		assert_err(pcr_file_verify(&file), ERR_CORRUPT);
	}
	assert_int_equal(i, 3);
}

static void a_pin_becomes_the_frozen_authorization_value(void **state)
{
	AUTO_BUF struct buf primary = BUF_EMPTY;
	struct tpm_key key = TPM_KEY_NONE;
	AUTO_SECRET struct secret *auth = NULL;
	const char *text = support_text(frozen, "pin");
	AUTO_SECRET struct secret *pin = secret_copy(text, strlen(text));
	struct view name = support_field(&primary, frozen, "pin-primary");
	(void)state;
	key.primary_name.size = (UINT16)name.len;
	memcpy(key.primary_name.name, name.ptr, name.len);
	assert_ok(tpm_gate_auth(&key, pin, &auth));
	assert_hex(secret_bytes(auth), secret_len(auth), support_text(frozen, "pin-auth"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bindings_and_digests_are_the_frozen_ones),
		cmocka_unit_test(who_is_bound_to_nothing_has_the_frozen_digest),
		cmocka_unit_test(files_of_signed_values_are_the_frozen_ones),
		cmocka_unit_test(a_pin_becomes_the_frozen_authorization_value),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
