/* The private SoftHSM of the tests. */
#include "unit/hsm/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "hsm/slot.h"

static const char *const softhsm_paths[] = {
	"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
	"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
};

int hsm_fixture_group(void **state)
{
	struct reason reason = { "" };
	(void)state;
	if (arena_init(1024 * 1024, false, &reason) != ERR_OK) {
		print_error("%s\n", reason.text);
		return -1;
	}
	return 0;
}

void hsm_fixture_shell(const char *fmt, ...)
{
	char command[2048];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	assert_true(n > 0 && (size_t)n < sizeof command);
	int rc = system(command);
	if (rc != 0) fail_msg("command failed (%d): %s", rc, command);
}

void hsm_fixture_add_token(const struct hsm_fixture *f, const char *label)
{
	hsm_fixture_shell("softhsm2-util --module %s --init-token --free --label '%s' --so-pin 12345678 --pin "
		"" HSM_TEST_PIN " >/dev/null",
		f->softhsm, label);
}

void hsm_fixture_tool(const struct hsm_fixture *f, const char *token, const char *args)
{
	hsm_fixture_shell("pkcs11-tool --module %s --token-label '%s' --login --pin " HSM_TEST_PIN " %s >%s/tool.log 2>&1 "
		"|| { cat %s/tool.log; false; }", f->softhsm, token, args, f->dir, f->dir);
}

int hsm_fixture_setup(void **state)
{
	struct hsm_fixture *f = calloc(1, sizeof *f);
	char conf[128];
	if (!f) return -1;
	memcpy(f->dir, "/tmp/hsm-XXXXXX", sizeof "/tmp/hsm-XXXXXX");
	if (!mkdtemp(f->dir)) return -1;
	for (size_t i = 0; i < sizeof softhsm_paths / sizeof softhsm_paths[0] && !f->softhsm; i++) {
		if (access(softhsm_paths[i], R_OK) == 0) f->softhsm = softhsm_paths[i];
	}
	if (!f->softhsm) {
		print_error("SoftHSM is not installed (libsofthsm2.so)\n");
		return -1;
	}
	(void)snprintf(conf, sizeof conf, "%s/softhsm2.conf", f->dir);
	(void)snprintf(f->pin_path, sizeof f->pin_path, "%s/pin", f->dir);
	setenv("SOFTHSM2_CONF", conf, 1);
	hsm_fixture_shell("mkdir %s/tokens && printf 'directories.tokendir = %s/tokens\\nobjectstore.backend = "
		"file\\nlog.level = ERROR\\n' >%s && umask 077 && echo " HSM_TEST_PIN " >%s", f->dir, f->dir, conf, f->pin_path);
	hsm_fixture_add_token(f, "coffer");
	*state = f;
	return 0;
}

int hsm_fixture_teardown(void **state)
{
	struct hsm_fixture *f = *state;
	if (f) hsm_fixture_shell("rm -rf '%s'", f->dir);
	free(f);
	return 0;
}

const char *hsm_fixture_uri(const struct hsm_fixture *f, const char *path, const char *module)
{
	static char uri[TOKEN_URI_MAX + 1];
	(void)snprintf(uri, sizeof uri, "pkcs11:%s?module-path=%s&pin-source=file:%s", path, module ? module : f->softhsm,
		f->pin_path);
	return uri;
}

void hsm_fixture_expect(enum coffer_err err, enum coffer_err wanted, const struct reason *reason)
{
	if (err == wanted) return;
	fail_msg("%s instead of %s: %s", err_name(err), err_name(wanted), reason_text(reason, err));
}

struct token *hsm_fixture_open(const struct hsm_fixture *f, const char *path, const char *module)
{
	struct token *t = NULL;
	struct reason reason = { "" };
	hsm_fixture_expect(token_backend.open(hsm_fixture_uri(f, path, module), &t, &reason), ERR_OK, &reason);
	return t;
}

struct token *hsm_fixture_provision(const struct hsm_fixture *f, const char *path, const char *module,
	struct token_binding *out)
{
	struct reason reason = { "" };
	struct token *t = hsm_fixture_open(f, path, module);
	hsm_fixture_expect(token_backend.provision(t, out, &reason), ERR_OK, &reason);
	return t;
}

void hsm_fixture_raw_open(const struct hsm_fixture *f, struct hsm_raw *raw)
{
	CK_SLOT_ID slot = 0;
	CK_TOKEN_INFO info;
	struct secret *pin = secret_copy(HSM_TEST_PIN, sizeof HSM_TEST_PIN - 1);
	assert_non_null(pin);
	assert_int_equal(hsm_uri_init(&raw->uri, hsm_fixture_uri(f, "token=coffer", NULL), NULL), ERR_OK);
	assert_int_equal(hsm_module_open(&raw->module, f->softhsm, NULL), ERR_OK);
	assert_int_equal(hsm_slot_find(raw->module.fn, &raw->uri, &slot, &info, NULL), ERR_OK);
	assert_int_equal(hsm_session_init(&raw->session, raw->module.fn, slot, &info, pin, NULL), ERR_OK);
}

void hsm_fixture_raw_close(struct hsm_raw *raw)
{
	hsm_session_done(&raw->session);
	hsm_module_close(&raw->module);
	hsm_uri_done(&raw->uri);
}
