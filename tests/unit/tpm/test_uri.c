/* The token URI of a TPM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tpm/uri.h"

static void a_uri_names_tcti_and_handle(void **state)
{
	(void)state;
	static const struct {
		const char *uri, *tcti;
		uint32_t handle;
		bool bare, given;
	} good[] = {
		{ "tpm2:device:/dev/tpmrm0", "device:/dev/tpmrm0", TPM_DEFAULT_HANDLE, false, false },
		{ "tpm2:device", "device", TPM_DEFAULT_HANDLE, false, false },
		{ "tpm2:swtpm:path=/x/sock", "swtpm:path=/x/sock", TPM_DEFAULT_HANDLE, true, false },
		{ "tpm2:swtpm:host=127.0.0.1,port=2321?handle=0x81010001", "swtpm:host=127.0.0.1,port=2321", 0x81010001u, true, true },
		{ "tpm2:mssim:host=localhost?handle=0x817fFFff", "mssim:host=localhost", 0x817FFFFFu, true, true },
		{ "tpm2:tabrmd:bus_type=system?handle=0x81000000", "tabrmd:bus_type=system", 0x81000000u, false, true },
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct tpm_uri u;
		assert_int_equal(tpm_uri_parse(good[i].uri, &u, NULL), ERR_OK);
		assert_string_equal(u.tcti, good[i].tcti);
		assert_int_equal(u.handle, good[i].handle);
		assert_int_equal(u.bare, good[i].bare);
		assert_int_equal(u.handle_given, good[i].given);
	}
}

static void a_bad_uri_is_refused_with_its_reason(void **state)
{
	(void)state;
	static const struct {
		const char *uri, *says;
	} bad[] = {
		{ "", "tpm2:" },
		{ "pkcs11:token=x", "tpm2:" },
		{ "tpm2:", "must be device" },
		{ "tpm2:cmd:sh -c reboot", "must be device" },
		{ "tpm2:pcap:device", "must be device" },
		{ "tpm2:/usr/lib/evil.so", "must be device" },
		{ "tpm2:devices:/dev/tpm0", "must be device" },
		{ "tpm2:device:/dev/tpm0?pcrs=7", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha1:7", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=SHA256:7", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:0,,7", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:0,7,", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:,0", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:7,0", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:7,7", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:24", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:07", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:0x7", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256: 7", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:-1", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:0+7", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:0=00", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:18446744073709551616", "no list of PCRs" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:0&pcrs=sha256:0", "twice" },
		{ "tpm2:device:/dev/tpm0?pin-source", "pin-source has no value" },
		{ "tpm2:device:/dev/tpm0?pin-source=file:/a&pin-source=file:/a", "twice" },
		{ "tpm2:device:/dev/tpm0?policy-key=/k", "go together" },
		{ "tpm2:device:/dev/tpm0?policy-file=/k", "go together" },
		{ "tpm2:device:/dev/tpm0?policy-key=/k&policy-file=/f", "go together" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:0&policy-key=/k", "go together" },
		{ "tpm2:device:/dev/tpm0?pcrs=sha256:0&policy-key=k&policy-file=/f", "absolute" },
		{ "tpm2:device:/dev/tpm0?PCRS=7", "'PCRS' is not known" },
		{ "tpm2:device:/dev/tpm0?", "'' is not known" },
		{ "tpm2:device:/dev/tpm0?handle=0x81010001&", "'' is not known" },
		{ "tpm2:device:/dev/tpm0?handle=0x81010001&handle=0x81010001", "twice" },
		{ "tpm2:device:/dev/tpm0?handle", "persistent handle" },
		{ "tpm2:device:/dev/tpm0?handle=", "persistent handle" },
		{ "tpm2:device:/dev/tpm0?handle=81010001", "persistent handle" },
		{ "tpm2:device:/dev/tpm0?handle=0x8101000g", "persistent handle" },
		{ "tpm2:device:/dev/tpm0?handle=0x810100011", "persistent handle" },
		{ "tpm2:device:/dev/tpm0?handle=0x80FFFFFF", "persistent handle" },
		{ "tpm2:device:/dev/tpm0?handle=0x81800000", "persistent handle" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct tpm_uri u;
		struct reason why = { "" };
		assert_int_equal(tpm_uri_parse(bad[i].uri, &u, &why), ERR_USAGE);
		if (!strstr(why.text, bad[i].says)) fail_msg("%s: %s", bad[i].uri, why.text);
	}
}

static void a_uri_names_what_data_keys_are_bound_to_and_is_written_back_the_same(void **state)
{
	(void)state;
	static const char *const good[] = {
		"tpm2:device:/dev/tpmrm0",
		"tpm2:device:/dev/tpmrm0?pcrs=sha256:0,7",
		"tpm2:device:/dev/tpmrm0?handle=0x81010001&pcrs=sha384:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
		"tpm2:device:/dev/tpmrm0?pcrs=sha256:7&policy-key=/k.pem&policy-file=/f",
		"tpm2:device:/dev/tpmrm0?pcrs=sha256:7&policy-key=/k.pem&policy-file=/f&pin-source=credential:pin",
		"tpm2:device:/dev/tpmrm0?pin-source=file:/etc/coffer/pin",
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct tpm_uri u;
		char text[TOKEN_URI_MAX + 1];
		assert_int_equal(tpm_uri_parse(good[i], &u, NULL), ERR_OK);
		assert_int_equal(tpm_uri_text(&u, text, NULL), ERR_OK);
		assert_string_equal(text, good[i]);
	}
}

static void changes_replace_take_away_and_are_as_strict(void **state)
{
	(void)state;
	static const struct {
		const char *changes, *uri; /* uri NULL: refused */
	} cases[] = {
		{ "", "tpm2:device?pcrs=sha256:7&pin-source=/p" },
		{ "pcrs=sha384:1", "tpm2:device?pcrs=sha384:1&pin-source=/p" },
		{ "pcrs=", "tpm2:device?pin-source=/p" },
		{ "pin-source=", "tpm2:device?pcrs=sha256:7" },
		{ "pin-source=credential:x&pcrs=", "tpm2:device?pin-source=credential:x" },
		{ "policy-key=/k&policy-file=/f", "tpm2:device?pcrs=sha256:7&policy-key=/k&policy-file=/f&pin-source=/p" },
		{ "next=sha256:7=0000000000000000000000000000000000000000000000000000000000000001", "tpm2:device?pcrs=sha256:7&pin-source=/p" },
		{ "next=sha256:7=00", NULL }, { "next=sha256:7", NULL }, { "next=", NULL },
		{ "next=sha256:8=0000000000000000000000000000000000000000000000000000000000000001", NULL },
		{ "pcrs=&next=sha256:7=0000000000000000000000000000000000000000000000000000000000000001", NULL },
		{ "pcrs=7", NULL }, { "pcrs", "tpm2:device?pin-source=/p" }, { "policy-key=/k", NULL }, { "handle=0x81010001", NULL },
		{ "x=1", NULL }, { "&", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct tpm_uri u, changed;
		struct tpm_next next;
		char text[TOKEN_URI_MAX + 1];
		assert_int_equal(tpm_uri_parse("tpm2:device?pcrs=sha256:7&pin-source=/p", &u, NULL), ERR_OK);
		enum coffer_err err = tpm_uri_change(&u, cases[i].changes, &changed, &next, NULL);
		if (!cases[i].uri) {
			if (err != ERR_USAGE) fail_msg("%s is taken", cases[i].changes);
			continue;
		}
		assert_int_equal(err, ERR_OK);
		assert_int_equal(tpm_uri_text(&changed, text, NULL), ERR_OK);
		assert_string_equal(text, cases[i].uri);
		assert_int_equal(next.count, strncmp(cases[i].changes, "next", 4) == 0);
	}
}

static void a_uri_past_its_length_is_refused(void **state)
{
	(void)state;
	static char long_uri[TOKEN_URI_MAX + 2];
	struct tpm_uri u;
	memset(long_uri, 'a', sizeof long_uri - 1);
	memcpy(long_uri, "tpm2:device:", 12);
	assert_int_equal(tpm_uri_parse(long_uri, &u, NULL), ERR_USAGE);
	long_uri[TOKEN_URI_MAX] = '\0';
	assert_int_equal(tpm_uri_parse(long_uri, &u, NULL), ERR_OK);
	assert_int_equal(strlen(u.tcti), TOKEN_URI_MAX - 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_uri_names_tcti_and_handle),
		cmocka_unit_test(a_bad_uri_is_refused_with_its_reason),
		cmocka_unit_test(a_uri_names_what_data_keys_are_bound_to_and_is_written_back_the_same),
		cmocka_unit_test(changes_replace_take_away_and_are_as_strict),
		cmocka_unit_test(a_uri_past_its_length_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
