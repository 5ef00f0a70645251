/* What the tests of crypto/ share: the arena under OpenSSL, published vectors from tests/vectors, hex. */
#ifndef COFFER_TESTS_CRYPTO_SUPPORT_H
#define COFFER_TESTS_CRYPTO_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

#define assert_ok(expr) assert_string_equal(err_name(expr), err_name(ERR_OK))
#define assert_err(expr, err) assert_string_equal(err_name(expr), err_name(err))
/* The bytes equal this hex text. */
#define assert_hex(ptr, len, hex) support_assert_hex((ptr), (len), (hex), __FILE__, __LINE__)

/* Group setup: an arena of 64 MiB, then ossl_mem_install. AES-GCM is done by the engine named in COFFER_TEST_ENGINE; where this machine cannot
 * run it the program ends with SUPPORT_SKIPPED. */
#define SUPPORT_SKIPPED 77
int support_setup(void **state);

/* Decodes hex into the buffer (replacing its contents) and returns its view; fails the test when it is not hex. */
struct view support_unhex(struct buf *b, const char *hex);
/* The same of a member of a JSON object, which must be a string. */
struct view support_field(struct buf *b, const json_t *object, const char *name);
const char *support_text(const json_t *object, const char *name);
unsigned support_number(const json_t *object, const char *name);
/* A JSON file of tests/vectors; the caller decrefs. */
json_t *support_load(const char *name);
/* A file of tests/vectors as text, NUL-terminated; the caller frees. */
char *support_load_text(const char *name);
void support_assert_hex(const uint8_t *ptr, size_t len, const char *hex, const char *file, int line);
/* len bytes that rise from `first`. */
void support_rising(uint8_t *out, size_t len, uint8_t first);

#endif
