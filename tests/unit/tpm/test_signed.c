/* Wrapped data keys that are bound to signed values of PCRs, and going over to another policy. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "token/bound.h"
#include "token/login.h"
#include "token/pcr_file.h"
#include "unit/tpm/machine.h"

/* ---- signed values ---- */

static void make_key(struct machine *m, const char *name, const char *curve)
{
	char command[256];
	(void)snprintf(command, sizeof command, "openssl ecparam -name %s -genkey -noout -out %s.pem && openssl ec -in %s.pem -pubout -out %s.pub", curve,
		name, name, name);
	assert_int_equal(swtpm_tool(&m->swtpm, command), 0);
}

static struct secret *key_of(struct machine *m, const char *name)
{
	char path[TEXT], bytes[4096];
	(void)snprintf(path, sizeof path, "%s/%s.pem", m->swtpm.dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, bytes, sizeof bytes);
	assert_true(len > 0);
	(void)close(fd);
	return secret_copy((const uint8_t *)bytes, (size_t)len);
}

/* PCR 7 as it is after `times` times EXTEND_7. */
static void value_after(unsigned times, uint8_t out[static HASH_SHA256_LEN])
{
	uint8_t ones[HASH_SHA256_LEN];
	memset(ones, 1, sizeof ones);
	memset(out, 0, HASH_SHA256_LEN);
	for (unsigned i = 0; i < times; i++) {
		const struct view parts[] = { view_of(out, HASH_SHA256_LEN), view_of(ones, sizeof ones) };
		uint8_t next[HASH_SHA256_LEN];
		assert_int_equal(hash_parts(HASH_SHA256, parts, 2, next), ERR_OK);
		memcpy(out, next, sizeof next);
	}
}

/* Signs the values of images that extend PCR 7 from..to times. */
static void sign(struct machine *m, const char *key, const char *ref, unsigned from, unsigned to, const char *name)
{
	AUTO_SECRET struct secret *pem = key_of(m, key);
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	char path[TEXT];
	struct pcr_file f = { .selection = { HASH_SHA256, 1u << 7 } };
	(void)snprintf(f.ref, sizeof f.ref, "%s", ref);
	assert_int_equal(ecdsa_public_from_pem(secret_view(pem), &f.key), ERR_OK);
	for (unsigned i = from; i <= to; i++) {
		struct pcr_values v = { .selection = f.selection };
		value_after(i, v.value[7]);
		assert_int_equal(pcr_file_add(&f, &v, pem), ERR_OK);
	}
	assert_int_equal(pcr_file_verify(&f), ERR_OK);
	assert_int_equal(pcr_file_encode(&f, &bytes), ERR_OK);
	put_file(m, name, bytes.ptr, bytes.len, path);
}

static const char *signed_parameters(struct machine *m, const char *key, const char *file, char out[static 2 * TEXT])
{
	(void)snprintf(out, 2 * TEXT, "pcrs=sha256:7&policy-key=%s/%s.pub&policy-file=%s/%s", m->swtpm.dir, key, m->swtpm.dir, file);
	return out;
}

/* A start with a PIN that a person gives. */
static void given(struct machine *m, const char *text, enum coffer_err wanted)
{
	struct secret *pin = secret_copy((const uint8_t *)text, strlen(text));
	token_login_backend.take_pin(&pin);
	assert_null(pin);
	if (wanted == ERR_OK) opens(m);
	else does_not_open(m, wanted, "");
}

static void signed_values_open_on_the_images_that_the_vendor_signed(const char *curve, struct machine *m)
{
	char parameters[2 * TEXT];
	make_key(m, "vendor", curve);
	make_key(m, "other", curve);
	sign(m, "vendor", "acme/1", 0, 1, "f");
	bind_to(m, signed_parameters(m, "vendor", "f", parameters));
	opens(m);
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0); /* an update whose values came with the file of before */
	opens(m);
	assert_non_null(strstr(status_of(m).policy, "signature for 'acme/1'"));
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0);
	does_not_open(m, ERR_TOKEN_POLICY, "the vendor has not signed for 'acme/1'");
	assert_string_equal(status_of(m).pcrs, "7 differs");
	sign(m, "vendor", "acme/1", 1, 2, "f"); /* the update brings its values along */
	opens(m);
	sign(m, "other", "acme/1", 1, 2, "f");
	does_not_open(m, ERR_TOKEN_POLICY, "signed with another key");
	sign(m, "vendor", "acme/0", 1, 2, "f");
	does_not_open(m, ERR_TOKEN_POLICY, "of the series 'acme/0'");
	sign(m, "vendor", "acme/1", 2, 2, "f");
	opens(m);
}

static void signed_values_of_a_p256_key_open(void **state)
{
	signed_values_open_on_the_images_that_the_vendor_signed("prime256v1", *state);
}

static void signed_values_of_a_p384_key_open(void **state)
{
	signed_values_open_on_the_images_that_the_vendor_signed("secp384r1", *state);
}

/* Values that the vendor signed, and a PIN that a pin-source has or a person gives. */
static void signed_values_and_a_pin_are_both_needed(void **state)
{
	struct machine *m = *state;
	char parameters[2 * TEXT], both[4 * TEXT], of_pin[TEXT], path[TEXT];
	make_key(m, "vendor", "prime256v1");
	sign(m, "vendor", "acme/1", 0, 1, "f");
	(void)snprintf(both, sizeof both, "%s&%s", signed_parameters(m, "vendor", "f", parameters), with_pin(m, "pin", "1234", of_pin));
	bind_to(m, both);
	assert_true(token_binding_wants_pin(&m->binding));
	opens(m);
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0); /* another image that is signed */
	opens(m);
	put_file(m, "pin", "1235", 4, path);
	does_not_open(m, ERR_AUTH, "is not tried again");
	*strstr(m->uri, "&pin-source=") = '\0';
	does_not_open(m, ERR_TOKEN_POLICY, "wants a PIN");
	given(m, "1235", ERR_AUTH);
	given(m, "1234", ERR_OK);
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 2);
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0); /* one that is not */
	proxy_clear(m->proxy);
	does_not_open(m, ERR_TOKEN_POLICY, "the vendor has not signed for 'acme/1'");
	given(m, "1234", ERR_TOKEN_POLICY);
	assert_int_equal(proxy_seen(m->proxy, TPM2_CC_PolicySecret), 0); /* the PIN is not spent on it */
	sign(m, "vendor", "acme/1", 2, 2, "f");
	given(m, "1234", ERR_OK);
	reboot(m);
	given(m, "1234", ERR_TOKEN_POLICY);
}

/* Values of an evil image under the true key's name, with its own signature: only the TPM can tell. */
static void a_forged_signature_is_refused_by_the_tpm(void **state)
{
	struct machine *m = *state;
	AUTO_SECRET struct secret *pem = NULL;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	char parameters[2 * TEXT], path[TEXT];
	make_key(m, "vendor", "prime256v1");
	make_key(m, "other", "prime256v1");
	sign(m, "vendor", "", 0, 0, "f");
	bind_to(m, signed_parameters(m, "vendor", "f", parameters));
	opens(m);
	struct pcr_file f = { .selection = { HASH_SHA256, 1u << 7 } };
	struct pcr_values v = { .selection = f.selection };
	pem = key_of(m, "vendor");
	assert_int_equal(ecdsa_public_from_pem(secret_view(pem), &f.key), ERR_OK);
	secret_free(pem);
	pem = key_of(m, "other");
	assert_int_equal(pcr_file_add(&f, &v, pem), ERR_OK);
	assert_int_equal(pcr_file_verify(&f), ERR_CORRUPT);
	assert_int_equal(pcr_file_encode(&f, &bytes), ERR_OK);
	put_file(m, "f", bytes.ptr, bytes.len, path);
	does_not_open(m, ERR_TOKEN_POLICY, "is not the vendor key's");
	bytes.ptr[20] ^= 1;
	put_file(m, "f", bytes.ptr, bytes.len, path);
	does_not_open(m, ERR_TOKEN_POLICY, "damaged");
	(void)unlink(path);
	does_not_open(m, ERR_TOKEN_POLICY, "No such file");
}

/* ---- going over to another policy ---- */

/* As cofferd does it: make, wrap, adopt. */
static enum coffer_err reseal(struct machine *m, const char *changes, const struct secret *pin, struct reason *why)
{
	struct token_policy_made made;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	struct token *t = help_attach(m->uri, &m->binding);
	enum coffer_err err = token_policy_backend.make(t, changes, pin, &made, why);
	if (err == ERR_OK) err = token_policy_backend.wrap(t, &made.binding, m->key, &blob, why);
	if (err == ERR_OK) {
		help_unwraps_to(t, buf_view(&m->blob), m->key); /* until it is adopted, the policy of before holds */
		err = token_policy_backend.adopt(t, &made, why);
	}
	if (err == ERR_OK) {
		help_unwraps_to(t, buf_view(&blob), m->key);
		assert_true(strlen(made.uri) < sizeof m->uri);
		memcpy(m->uri, made.uri, strlen(made.uri) + 1);
		m->binding = made.binding;
		buf_clear(&m->blob);
		assert_int_equal(buf_append(&m->blob, buf_view(&blob)), ERR_OK);
	}
	token_backend.close(t);
	return err;
}

static void resealed(struct machine *m, const char *changes)
{
	struct reason why = { "" };
	enum coffer_err err = reseal(m, changes, NULL, &why);
	if (err != ERR_OK) fail_msg("%s: %s: %s", changes, err_name(err), why.text);
	opens(m);
}

static void a_planned_update_is_resealed_for_before_it_is_made(void **state)
{
	struct machine *m = *state;
	uint8_t next[HASH_SHA256_LEN];
	char hex[2 * HASH_SHA256_LEN + 1], changes[TEXT];
	bind_to(m, "handle=0x81010C0F");
	resealed(m, "pcrs=sha256:7");
	value_after(1, next);
	text_hex(view_of(next, sizeof next), hex);
	(void)snprintf(changes, sizeof changes, "next=sha256:7=%s", hex);
	resealed(m, changes);
	assert_non_null(strstr(status_of(m).policy, "2 sets"));
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0); /* the update */
	opens(m);
	resealed(m, ""); /* the values of now alone: the firmware of before opens no more */
	assert_non_null(strstr(status_of(m).policy, "1 set "));
	reboot(m);
	does_not_open(m, ERR_TOKEN_POLICY, "differ");
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0);
	opens(m);
	resealed(m, "pcrs=");
	reboot(m);
	opens(m);
	assert_non_null(strstr(status_of(m).policy, "none"));
}

static void a_reseal_that_says_nothing_of_the_pin_keeps_it(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT], path[TEXT];
	bind_to(m, with_pin(m, "pin", "1234", parameters));
	resealed(m, "pcrs=sha256:7");
	assert_non_null(strstr(status_of(m).policy, "PIN from"));
	put_file(m, "pin", "9999", 4, path);
	does_not_open(m, ERR_AUTH, "not tried again");
	put_file(m, "pin", "1234", 4, path);
	resealed(m, "pin-source=");
	assert_null(strstr(status_of(m).policy, "PIN"));
	assert_non_null(strstr(status_of(m).policy, "PCRs sha256:7"));
}

static void the_pin_is_changed_and_the_old_one_dies_with_its_gate(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT], path[TEXT];
	struct reason why = { "" };
	AUTO_SECRET struct secret *pin = secret_copy((const uint8_t *)"567890", 6);
	bind_to(m, with_pin(m, "pin", "1234", parameters));
	struct token *t = help_attach(m->uri, &m->binding);
	struct token_policy_made made;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	assert_int_equal(token_policy_backend.make(t, "", pin, &made, &why), ERR_OK);
	assert_int_equal(token_policy_backend.wrap(t, &made.binding, m->key, &blob, &why), ERR_OK);
	token_backend.close(t);
	opens(m); /* nothing was changed yet */
	m->binding = made.binding;
	buf_clear(&m->blob);
	assert_int_equal(buf_append(&m->blob, buf_view(&blob)), ERR_OK);
	does_not_open(m, ERR_AUTH, "not tried again");
	put_file(m, "pin", "567890", 6, path);
	opens(m);
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, new_machine, free_machine)
		WITH_MACHINE(signed_values_of_a_p256_key_open),
		WITH_MACHINE(signed_values_of_a_p384_key_open),
		WITH_MACHINE(signed_values_and_a_pin_are_both_needed),
		WITH_MACHINE(a_forged_signature_is_refused_by_the_tpm),
		WITH_MACHINE(a_planned_update_is_resealed_for_before_it_is_made),
		WITH_MACHINE(a_reseal_that_says_nothing_of_the_pin_keeps_it),
		WITH_MACHINE(the_pin_is_changed_and_the_old_one_dies_with_its_gate),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
