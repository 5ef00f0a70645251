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
		{ "tpm2:device:/dev/tpm0?pcrs=7", "binding to PCRs is not available in this version; remove pcrs=" },
		{ "tpm2:device:/dev/tpm0?handle=0x81010001&pcrs=sha256:7", "remove pcrs=" },
		{ "tpm2:device:/dev/tpm0?pcrs", "remove pcrs=" },
		{ "tpm2:device:/dev/tpm0?pin-source=file:/pin", "remove pin-source=" },
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
		cmocka_unit_test(a_uri_past_its_length_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
