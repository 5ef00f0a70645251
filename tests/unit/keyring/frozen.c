/* Frozen answers of a file. */
#include "unit/keyring/frozen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static json_t *frozen;

int frozen_start(const char *file, void **state)
{
	char path[4096];
	const char *dir = getenv("COFFER_VECTORS");
	snprintf(path, sizeof path, "%s/%s", dir ? dir : "tests/vectors", file);
	frozen = json_load_file(path, 0, NULL);
	return frozen ? fixture_start(state) : -1;
}

int frozen_stop(void **state)
{
	json_decref(frozen);
	return fixture_stop(state);
}

const char *frozen_text(const char *name)
{
	const char *text = json_string_value(json_object_get(frozen, name));
	assert_non_null(text);
	return text;
}

struct view frozen_bytes(const char *name, uint8_t out[static ANSWER_MAX])
{
	const char *hex = frozen_text(name);
	assert_true(strlen(hex) <= 2 * ANSWER_MAX);
	assert_int_equal(text_unhex(view_str(hex), out, strlen(hex) / 2), ERR_OK);
	return view_of(out, strlen(hex) / 2);
}

void assert_frozen(const char *name, const void *bytes, size_t len)
{
	uint8_t want[ANSWER_MAX];
	struct view v = frozen_bytes(name, want);
	assert_int_equal(v.len, len);
	assert_memory_equal(v.ptr, bytes, len);
}
