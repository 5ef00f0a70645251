/* Frozen answers, and the domain they belong to. */
#include "unit/keyring/fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

static json_t *vectors;
static size_t used_at_start; /* bytes of the arena */

int fixture_start(void **state)
{
	char path[4096];
	struct reason reason = { "" };
	const char *dir = getenv("COFFER_VECTORS");
	(void)state;
	snprintf(path, sizeof path, "%s/formats-v1.json", dir ? dir : "tests/vectors");
	vectors = json_load_file(path, 0, NULL);
	if (!vectors) fprintf(stderr, "cannot read %s\n", path);
	if (arena_level() == ARENA_NONE && arena_init(32u << 20, false, &reason) != ERR_OK) return -1;
	struct arena_stats stats;
	arena_stats(&stats);
	used_at_start = stats.used;
	return vectors ? 0 : -1;
}

int fixture_stop(void **state)
{
	struct arena_stats stats;
	(void)state;
	json_decref(vectors);
	arena_stats(&stats);
	if (stats.used == used_at_start) return 0;
	fprintf(stderr, "%zu bytes of the arena were not given back\n", stats.used - used_at_start);
	return -1;
}

struct view answer(const char *name, uint8_t *into)
{
	const char *hex = json_string_value(json_object_get(json_object_get(vectors, "answers"), name));
	assert_non_null(hex);
	size_t len = strlen(hex) / 2;
	assert_true(len <= ANSWER_MAX);
	assert_int_equal(text_unhex(view_str(hex), into, len), ERR_OK);
	return view_of(into, len);
}

struct view answer_sheet(unsigned x)
{
	char name[4];
	snprintf(name, sizeof name, "%u", x % 100);
	const char *text = json_string_value(json_object_get(json_object_get(vectors, "sheets"), name));
	assert_non_null(text);
	return view_str(text);
}

void assert_answer(const char *name, const void *bytes, size_t len)
{
	uint8_t expected[ANSWER_MAX];
	struct view v = answer(name, expected);
	assert_int_equal(v.len, len);
	assert_memory_equal(v.ptr, bytes, len);
}

void rising(uint8_t first, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(first + i);
}

struct secret *rising_secret(uint8_t first, size_t len)
{
	struct secret *s = secret_new(len);
	assert_non_null(s);
	rising(first, secret_mut(s), len);
	return s;
}

void fixture_domain(struct domain_id *out)
{
	uint8_t public_key[ANSWER_MAX];
	struct view v = answer("domain-public-key", public_key);
	rising(0x00, out->id, UUID_LEN);
	rising(0x10, out->node_id, UUID_LEN);
	memcpy(out->public_key, v.ptr, DOMAIN_PUBLIC_LEN);
}

struct ring *fixture_ring(unsigned count)
{
	struct domain_id domain;
	fixture_domain(&domain);
	struct ring *ring = ring_new(&domain);
	assert_non_null(ring);
	for (unsigned i = 1; i <= count; i++) {
		struct secret *key = rising_secret((uint8_t)(0x1f + i), DATA_KEY_LEN);
		assert_int_equal(ring_add(ring, i, &key), ERR_OK);
		assert_null(key);
	}
	return ring;
}

struct secret *fixture_seed(void)
{
	return rising_secret(0xe0, 32);
}

void fixture_binding(struct token_binding *out)
{
	*out = (struct token_binding){ .mechanism = "tpm2-seal", .data_len = 7 };
	rising(0xc0, out->master_secret_id, sizeof out->master_secret_id);
	memcpy(out->data, "details", 7);
}

void fixture_object_row(struct store_row *out)
{
	static uint8_t header[ANSWER_MAX], index[ANSWER_MAX];
	*out = (struct store_row){ .id_len = UUID_LEN, .version = 7, .state = 2, .generation = 1 };
	rising(0x40, out->id, UUID_LEN);
	out->header = answer("object-header", header);
	out->index = answer("object-index", index);
}
