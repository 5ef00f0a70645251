/* A private SoftHSM for one test program: its own directory, configuration and tokens. Module state is global, so every
 * test program of hsm/ is a process of its own. */
#ifndef COFFER_TESTS_UNIT_HSM_FIXTURE_H
#define COFFER_TESTS_UNIT_HSM_FIXTURE_H

#include <stddef.h>

#include "base/err.h"
#include "hsm/module.h"
#include "hsm/session.h"
#include "hsm/uri.h"
#include "token/token.h"

#define HSM_TEST_PIN "1234"

struct hsm_fixture {
	char dir[64];       /* holds softhsm2.conf, tokens/, pin */
	char pin_path[128];
	const char *softhsm; /* path of libsofthsm2.so */
};

/* cmocka setup and teardown of one test; *state is a struct hsm_fixture. The token "coffer" exists afterwards. */
int hsm_fixture_setup(void **state);
int hsm_fixture_teardown(void **state);
/* One arena for the whole program; a cmocka group setup. */
int hsm_fixture_group(void **state);

/* Makes one more token. */
void hsm_fixture_add_token(const struct hsm_fixture *f, const char *label);
/* pkcs11-tool on a token, logged in as the user; a failing command fails the test. */
void hsm_fixture_tool(const struct hsm_fixture *f, const char *token, const char *args);
/* Runs a shell command with the fixture's SOFTHSM2_CONF; a failing command fails the test. */
void hsm_fixture_shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "pkcs11:PATH?module-path=MODULE&pin-source=file:PIN". module NULL: SoftHSM itself. */
const char *hsm_fixture_uri(const struct hsm_fixture *f, const char *path, const char *module);
/* The operator's key, as the manual page says to make it. */
#define HSM_TEST_OPERATOR_KEY "--keygen --key-type AES:32 --label master --id 11 --sensitive --private --usage-wrap " \
	"--allowed-mechanisms AES-KEY-WRAP"

/* The parts of the backend by themselves, logged in to the token "coffer", for looking at attributes. */
struct hsm_raw {
	struct hsm_uri uri;
	struct hsm_module module;
	struct hsm_session session;
};
void hsm_fixture_raw_open(const struct hsm_fixture *f, struct hsm_raw *raw);
void hsm_fixture_raw_close(struct hsm_raw *raw);

/* Opens; fails the test with the token's sentence when that does not work. */
struct token *hsm_fixture_open(const struct hsm_fixture *f, const char *path, const char *module);
/* Opens and provisions. */
struct token *hsm_fixture_provision(const struct hsm_fixture *f, const char *path, const char *module,
	struct token_binding *out);
/* Asserts err == wanted, and prints the sentence otherwise. */
void hsm_fixture_expect(enum coffer_err err, enum coffer_err wanted, const struct reason *reason);

#endif
