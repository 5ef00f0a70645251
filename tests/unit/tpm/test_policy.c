/* Wrapped data keys that are bound to PCRs, to signed values of PCRs, and to a PIN. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <tss2/tss2_mu.h>

#include "base/arena.h"
#include "base/reader.h"
#include "base/text.h"
#include "token/pcr_file.h"
#include "token/policy.h"
#include "unit/tpm/helpers.h"
#include "unit/tpm/proxy.h"

#define EXTEND_7 "tpm2_pcrextend 7:sha256=0101010101010101010101010101010101010101010101010101010101010101"
#define EXTEND_8 "tpm2_pcrextend 8:sha256=0101010101010101010101010101010101010101010101010101010101010101"
#define TEXT 640

struct machine {
	struct swtpm swtpm;
	struct proxy *proxy;
	char uri[TEXT];
	struct token_binding binding;
	struct secret *key;
	struct buf blob;
};

static int new_machine(void **state)
{
	static struct machine m;
	m = (struct machine){ .blob = BUF_EMPTY };
	swtpm_init(&m.swtpm);
	m.proxy = proxy_new(&m.swtpm);
	m.key = help_key();
	*state = &m;
	return 0;
}

static int free_machine(void **state)
{
	struct machine *m = *state;
	secret_free(m->key);
	buf_free(&m->blob);
	proxy_free(m->proxy);
	swtpm_done(&m->swtpm);
	return 0;
}

/* Provisions with these parameters, wraps the key, and closes. */
static void bind(struct machine *m, const char *parameters)
{
	(void)snprintf(m->uri, sizeof m->uri, "%s?%s", proxy_uri(m->proxy), parameters);
	struct token *t = help_provision(m->uri, &m->binding);
	buf_clear(&m->blob);
	help_wrap(t, m->key, &m->blob);
	token_backend.close(t);
}

/* What a start would say. */
static enum coffer_err start(struct machine *m, struct reason *why)
{
	AUTO_SECRET struct secret *back = NULL;
	why->text[0] = '\0';
	struct token *t = help_attach(m->uri, &m->binding);
	enum coffer_err err = token_backend.unwrap(t, buf_view(&m->blob), &back, why);
	assert_int_equal(token_backend.probe(t, NULL), ERR_OK); /* the token itself is well whatever the policy says */
	token_backend.close(t);
	if (err == ERR_OK) assert_true(secret_equal(m->key, back));
	else assert_null(back);
	return err;
}

static void opens(struct machine *m)
{
	struct reason why = { "" };
	enum coffer_err err = start(m, &why);
	if (err != ERR_OK) fail_msg("%s: %s", err_name(err), why.text);
}

static void does_not_open(struct machine *m, enum coffer_err wanted, const char *says)
{
	struct reason why = { "" };
	enum coffer_err err = start(m, &why);
	if (err != wanted || !strstr(why.text, says)) fail_msg("%s: %s", err_name(err), why.text);
}

static struct token_policy_status status_of(struct machine *m)
{
	struct token_policy_status s;
	struct reason why = { "" };
	struct token *t = help_attach(m->uri, &m->binding);
	enum coffer_err err = token_policy_backend.status(t, &s, &why);
	if (err != ERR_OK) fail_msg("%s: %s", err_name(err), why.text);
	token_backend.close(t);
	return s;
}

static void reboot(struct machine *m)
{
	swtpm_cut(&m->swtpm);
	swtpm_start(&m->swtpm);
}

static const char *put_file(struct machine *m, const char *name, const void *bytes, size_t len, char path[static TEXT])
{
	(void)snprintf(path, TEXT, "%s/%s", m->swtpm.dir, name);
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
	return path;
}

/* ---- PCR values ---- */

static void bound_to_pcrs_it_opens_until_one_of_them_changes(void **state)
{
	struct machine *m = *state;
	bind(m, "pcrs=sha256:0,7");
	opens(m);
	struct token_policy_status s = status_of(m);
	assert_int_equal(s.boot, TOKEN_BOOT_OPENS);
	assert_string_equal(s.pcrs, "0 as bound, 7 as bound");
	assert_non_null(strstr(s.policy, "PCRs sha256:0,7"));
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_8), 0);
	opens(m);
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0);
	does_not_open(m, ERR_TOKEN_POLICY, "PCRs sha256:7 differ");
	s = status_of(m);
	assert_int_equal(s.boot, TOKEN_BOOT_CLOSED);
	assert_string_equal(s.pcrs, "0 as bound, 7 differs");
	assert_non_null(strstr(s.sentence, "coffer unseal --share-file"));
	reboot(m);
	opens(m);
	assert_int_equal(help_count_handles(m->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	assert_int_equal(help_count_handles(m->swtpm.tcti, TPM2_LOADED_SESSION_FIRST), 0);
}

/* Loads the blob with nothing of the backend, and unseals it in the given way. */
static TSS2_RC unseal_raw(struct machine *m, bool with_policy)
{
	struct raw raw;
	struct reader r;
	struct view pub_bytes, private_bytes;
	uint8_t format;
	ESYS_TR master, object, session = ESYS_TR_PASSWORD;
	const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	TPM2B_PUBLIC pub = { 0 };
	TPM2B_SENSITIVE_DATA *data = NULL;
	size_t used = 0;
	reader_init(&r, buf_view(&m->blob));
	assert_int_equal(reader_u8(&r, &format), ERR_OK);
	assert_int_equal(reader_view_u16(&r, 4096, &pub_bytes), ERR_OK);
	assert_int_equal(reader_view_u16(&r, 4096, &private_bytes), ERR_OK);
	assert_int_equal(Tss2_MU_TPMT_PUBLIC_Unmarshal(pub_bytes.ptr, pub_bytes.len, &used, &pub.publicArea), TSS2_RC_SUCCESS);
	TPM2B_PRIVATE private = { .size = (UINT16)private_bytes.len };
	memcpy(private.buffer, private_bytes.ptr, private_bytes.len);
	help_raw_open(&raw, m->swtpm.tcti);
	assert_int_equal(Esys_TR_FromTPMPublic(raw.esys, 0x81010C0F, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &master), TSS2_RC_SUCCESS);
	assert_int_equal(Esys_Load(raw.esys, master, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private, &pub, &object), TSS2_RC_SUCCESS);
	if (with_policy) {
		assert_int_equal(Esys_StartAuthSession(raw.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
			TPM2_SE_POLICY, &none, pub.publicArea.nameAlg, &session), TSS2_RC_SUCCESS);
		assert_int_equal(Esys_PolicyCommandCode(raw.esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CC_Unseal), TSS2_RC_SUCCESS);
	}
	TSS2_RC rc = Esys_Unseal(raw.esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
	if (rc == TSS2_RC_SUCCESS) assert_memory_equal(data->buffer, secret_bytes(m->key), TOKEN_SECRET_LEN);
	Esys_Free(data);
	assert_int_equal(Esys_FlushContext(raw.esys, object), TSS2_RC_SUCCESS);
	if (with_policy) (void)Esys_FlushContext(raw.esys, session);
	help_raw_close(&raw);
	return rc;
}

static void the_tpm_itself_refuses_the_empty_value_and_a_weaker_policy(void **state)
{
	struct machine *m = *state;
	bind(m, "handle=0x81010C0F"); /* the control: bound to nothing, the same attempt opens it */
	assert_int_equal(unseal_raw(m, false), TPM2_RC_AUTH_UNAVAILABLE);
	assert_int_equal(unseal_raw(m, true), TSS2_RC_SUCCESS);
	bind(m, "pcrs=sha256:7");
	assert_int_equal(unseal_raw(m, false), TPM2_RC_AUTH_UNAVAILABLE);
	assert_int_equal(unseal_raw(m, true), TPM2_RC_POLICY_FAIL + TPM2_RC_S + TPM2_RC_1);
}

static void a_blob_of_another_policy_is_not_taken_for_one_of_this(void **state)
{
	struct machine *m = *state;
	struct token_binding bound;
	bind(m, "pcrs=sha256:7");
	bound = m->binding;
	AUTO_BUF struct buf strong = BUF_EMPTY;
	assert_int_equal(buf_append(&strong, buf_view(&m->blob)), ERR_OK);
	bind(m, "pcrs=sha256:8");
	m->binding = bound;
	does_not_open(m, ERR_CORRUPT, "of this TPM and policy");
	bind(m, "handle=0x81010C0F");
	m->binding = bound;
	does_not_open(m, ERR_CORRUPT, "of this TPM and policy");
	buf_clear(&m->blob);
	assert_int_equal(buf_append(&m->blob, buf_view(&strong)), ERR_OK);
	opens(m);
}

static void pcrs_that_the_tpm_does_not_keep_are_refused(void **state)
{
	struct machine *m = *state;
	struct token_binding binding;
	struct reason why = { "" };
	char uri[TEXT];
	bind(m, "pcrs=sha384:7"); /* the control: the bank is there now */
	assert_int_equal(swtpm_tool(&m->swtpm, "tpm2_pcrallocate sha256:all+sha384:none"), 0);
	reboot(m);
	(void)snprintf(uri, sizeof uri, "%s?pcrs=sha384:7", proxy_uri(m->proxy));
	struct token *t = help_open(uri);
	assert_int_equal(token_backend.provision(t, &binding, &why), ERR_TOKEN_REFUSED);
	assert_non_null(strstr(why.text, "does not keep"));
	token_backend.close(t);
}

/* ---- PIN ---- */

static const char *with_pin(struct machine *m, const char *name, const char *pin, char parameters[static TEXT])
{
	char path[TEXT];
	put_file(m, name, pin, strlen(pin), path);
	(void)snprintf(parameters, TEXT, "pin-source=file:%.600s", path);
	return parameters;
}

static void the_right_pin_opens_and_a_wrong_one_is_tried_once(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT], path[TEXT];
	bind(m, with_pin(m, "pin", "1234\n", parameters));
	opens(m);
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_MAX_AUTH_FAIL), 32);
	put_file(m, "pin", "1235", 4, path);
	proxy_clear(m->proxy);
	does_not_open(m, ERR_AUTH, "is not tried again");
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 1);
	put_file(m, "pin", "1234", 4, path);
	opens(m);
	assert_non_null(strstr(status_of(m).policy, "PIN from file:"));
	assert_non_null(strstr(status_of(m).warning, "tpm2_changeauth -c lockout"));
}

static void twenty_power_cuts_lock_nothing(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT];
	bind(m, with_pin(m, "pin", "1234", parameters));
	assert_int_equal(swtpm_tool(&m->swtpm, "tpm2_dictionarylockout -s -n 3 -t 10000 -l 10000"), 0);
	for (int i = 0; i < 20; i++) {
		opens(m);
		reboot(m);
	}
	assert_int_equal(help_property(m->swtpm.tcti, TPM2_PT_LOCKOUT_COUNTER), 0);
	opens(m);
}

/* The control of the test above: when the TPM is not told that it stops in order, the third cut locks it. */
static void without_an_orderly_end_three_power_cuts_lock_it(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT];
	bind(m, with_pin(m, "pin", "1234", parameters));
	assert_int_equal(swtpm_tool(&m->swtpm, "tpm2_dictionarylockout -s -n 3 -t 10000 -l 10000"), 0);
	for (int i = 0; i < 3; i++) {
		struct token *t = help_attach(m->uri, &m->binding);
		AUTO_SECRET struct secret *back = NULL;
		proxy_answer(m->proxy, TPM2_CC_Shutdown, TPM2_RC_NV_UNAVAILABLE, 1);
		assert_int_equal(token_backend.unwrap(t, buf_view(&m->blob), &back, NULL), ERR_OK);
		token_backend.close(t);
		reboot(m);
	}
	does_not_open(m, ERR_TOKEN_LOCKED, "0x921");
	assert_non_null(strstr(status_of(m).policy, "PIN"));
}

static void a_gate_of_somebody_elses_opens_nothing(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT];
	bind(m, with_pin(m, "pin", "1234", parameters));
	AUTO_BUF struct buf blob = BUF_EMPTY;
	assert_int_equal(buf_append(&blob, buf_view(&m->blob)), ERR_OK);
	bind(m, with_pin(m, "evil", "9999", parameters)); /* node.id with a gate whose PIN the thief knows */
	buf_clear(&m->blob);
	assert_int_equal(buf_append(&m->blob, buf_view(&blob)), ERR_OK);
	does_not_open(m, ERR_CORRUPT, "of this TPM and policy");
}

static void pcrs_and_pin_are_both_needed(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT], both[2 * TEXT], path[TEXT];
	(void)snprintf(both, sizeof both, "pcrs=sha256:7&%s", with_pin(m, "pin", "1234", parameters));
	bind(m, both);
	opens(m);
	put_file(m, "pin", "1235", 4, path);
	does_not_open(m, ERR_AUTH, "is not tried again");
	assert_int_equal(swtpm_tool(&m->swtpm, EXTEND_7), 0);
	proxy_clear(m->proxy);
	does_not_open(m, ERR_TOKEN_POLICY, "differ");
	assert_int_equal(proxy_seen(m->proxy, TPM2_CC_PolicySecret), 0); /* the PIN is not spent on it */
	put_file(m, "pin", "1234", 4, path);
	does_not_open(m, ERR_TOKEN_POLICY, "differ");
	reboot(m);
	opens(m);
}

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

static void signed_values_open_on_the_images_that_the_vendor_signed(const char *curve, struct machine *m)
{
	char parameters[2 * TEXT];
	make_key(m, "vendor", curve);
	make_key(m, "other", curve);
	sign(m, "vendor", "acme/1", 0, 1, "f");
	bind(m, signed_parameters(m, "vendor", "f", parameters));
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
	bind(m, signed_parameters(m, "vendor", "f", parameters));
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
	bind(m, "handle=0x81010C0F");
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

static void the_pin_is_changed_and_the_old_one_dies_with_its_gate(void **state)
{
	struct machine *m = *state;
	char parameters[TEXT], path[TEXT];
	struct reason why = { "" };
	AUTO_SECRET struct secret *pin = secret_copy((const uint8_t *)"567890", 6);
	bind(m, with_pin(m, "pin", "1234", parameters));
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
		WITH_MACHINE(bound_to_pcrs_it_opens_until_one_of_them_changes),
		WITH_MACHINE(the_tpm_itself_refuses_the_empty_value_and_a_weaker_policy),
		WITH_MACHINE(a_blob_of_another_policy_is_not_taken_for_one_of_this),
		WITH_MACHINE(pcrs_that_the_tpm_does_not_keep_are_refused),
		WITH_MACHINE(the_right_pin_opens_and_a_wrong_one_is_tried_once),
		WITH_MACHINE(twenty_power_cuts_lock_nothing),
		WITH_MACHINE(without_an_orderly_end_three_power_cuts_lock_it),
		WITH_MACHINE(a_gate_of_somebody_elses_opens_nothing),
		WITH_MACHINE(pcrs_and_pin_are_both_needed),
		WITH_MACHINE(signed_values_of_a_p256_key_open),
		WITH_MACHINE(signed_values_of_a_p384_key_open),
		WITH_MACHINE(a_forged_signature_is_refused_by_the_tpm),
		WITH_MACHINE(a_planned_update_is_resealed_for_before_it_is_made),
		WITH_MACHINE(the_pin_is_changed_and_the_old_one_dies_with_its_gate),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
