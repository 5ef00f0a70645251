/* Shared by the tests of crypto/. */
#include "unit/crypto/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "crypto/aead_internal.h"
#include "crypto/ossl_mem.h"

#define ARENA_SIZE (64u * 1024u * 1024u) /* bytes */

/* $COFFER_TEST_ENGINE: the same tests run again on the other AEAD engine. */
static bool use_engine(void)
{
	const char *name = getenv("COFFER_TEST_ENGINE");
	if (name == NULL) return true;
	const struct aead_engine *engine = strcmp(name, aead_ipsec_mb.name) == 0 ? &aead_ipsec_mb : &aead_openssl;
	if (strcmp(name, engine->name) != 0) return false;
	if (engine->missing() != NULL) {
		print_message("%s cannot be tested here: %s\n", name, engine->missing());
		exit(SUPPORT_SKIPPED);
	}
	aead_engine_use(engine);
	print_message("AES-GCM by %s\n", name);
	return true;
}

int support_setup(void **state)
{
	struct reason why = { "" };
	(void)state;
	if (arena_init(ARENA_SIZE, false, &why) != ERR_OK) {
		print_error("%s\n", why.text);
		return -1;
	}
	if (ossl_mem_install() != ERR_OK) return -1;
	return use_engine() ? 0 : -1;
}

struct view support_unhex(struct buf *b, const char *hex)
{
	struct view text = view_str(hex);
	buf_clear(b);
	assert_ok(buf_reserve(b, text.len / 2 + 1));
	assert_ok(text_unhex(text, b->ptr, text.len / 2));
	b->len = text.len / 2;
	return buf_view(b);
}

const char *support_text(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	assert_non_null(value);
	assert_true(json_is_string(value));
	return json_string_value(value);
}

struct view support_field(struct buf *b, const json_t *object, const char *name)
{
	return support_unhex(b, support_text(object, name));
}

unsigned support_number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	assert_true(json_is_integer(value));
	return (unsigned)json_integer_value(value);
}

static void vector_path(const char *name, char out[static 4096])
{
	const char *folder = getenv("COFFER_VECTORS");
	assert_non_null(folder);
	assert_in_range(snprintf(out, 4096, "%s/%s", folder, name), 1, 4095);
}

json_t *support_load(const char *name)
{
	char path[4096];
	json_error_t error;
	vector_path(name, path);
	json_t *root = json_load_file(path, 0, &error);
	if (root == NULL) fail_msg("%s: %s", path, error.text);
	return root;
}

char *support_load_text(const char *name)
{
	char path[4096];
	vector_path(name, path);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	char *text = test_calloc(1, 65536);
	size_t n = fread(text, 1, 65535, f);
	fclose(f);
	assert_in_range(n, 1, 65534);
	return text;
}

void support_assert_hex(const uint8_t *ptr, size_t len, const char *hex, const char *file, int line)
{
	char *got = test_malloc(2 * len + 1);
	text_hex(view_of(ptr, len), got);
	_assert_string_equal(got, hex, file, line);
	test_free(got);
}

void support_rising(uint8_t *out, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(first + i);
}
