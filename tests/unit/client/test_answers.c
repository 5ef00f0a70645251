/* Good answers and refusals. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "unit/client/server.h"

static const struct { enum coffer_err err; enum coffer_status expected; } refusals[] = {
	{ ERR_INPUT, COFFER_EINVAL }, { ERR_MISSING, COFFER_EINVAL }, { ERR_FIELD, COFFER_EINVAL }, { ERR_DENIED, COFFER_EDENIED },
	{ ERR_NOT_FOUND, COFFER_ENOTFOUND }, { ERR_STATE, COFFER_ESTATE }, { ERR_EXISTS, COFFER_EEXISTS }, { ERR_SEALED, COFFER_ESEALED },
	{ ERR_UNINITIALISED, COFFER_ESEALED }, { ERR_BUSY, COFFER_EBUSY }, { ERR_LIMIT, COFFER_EBUSY }, { ERR_TOO_LARGE, COFFER_ETOOLARGE },
	{ ERR_FOREIGN, COFFER_EFOREIGN }, { ERR_VERSION, COFFER_EVERSION }, { ERR_TRUNCATED, COFFER_ETRUNCATED },
	{ ERR_CONTEXT, COFFER_EINTEGRITY }, { ERR_CORRUPT, COFFER_EINTEGRITY }, { ERR_UNSUPPORTED, COFFER_EUNSUPPORTED },
	{ ERR_MEMORY, COFFER_EMEMORY }, { ERR_TIMEOUT, COFFER_ETIMEOUT }, { ERR_IO, COFFER_EIO }, { ERR_FULL, COFFER_EIO },
	{ ERR_UNKNOWN_OUTCOME, COFFER_EIO }, { ERR_CRYPTO, COFFER_ESERVER },
};
#define REFUSALS (sizeof refusals / sizeof refusals[0])

static void refuse_in_turn(struct server *s)
{
	for (size_t i = 0; i < REFUSALS && server_read(s); i++) {
		char text[64];
		snprintf(text, sizeof text, "sentence number %zu", i);
		if (!server_write(s, server_refuse(s, refusals[i].err, text))) return;
	}
	server_wait_for_close(s);
}

static void refusals_become_statuses_and_keep_their_sentence(void **state)
{
	struct server *s = server_start(refuse_in_turn, NULL);
	struct coffer *c = server_connect(s, 0, 0);
	(void)state;
	for (size_t i = 0; i < REFUSALS; i++) {
		uint8_t random[8] = { 0 };
		char text[64];
		snprintf(text, sizeof text, "sentence number %zu", i);
		assert_int_equal(coffer_random(c, random, sizeof random), refusals[i].expected);
		assert_string_equal(coffer_error(c), text);
	}
	coffer_close(c);
	server_stop(s);
}

/* Random bytes 1, 2, 3 …, as many as asked; byte by byte when arg is set. */
static void answer_random(struct server *s)
{
	while (server_read(s)) {
		int32_t want;
		uint8_t bytes[256];
		if (ttlv_take_i32(server_fields(s), TAG_DATA_LENGTH, &want) != ERR_OK || want > 256) return;
		for (int32_t i = 0; i < want; i++) bytes[i] = (uint8_t)(i + 1);
		server_begin(s);
		ttlv_put_bytes(&s->w, TAG_DATA, view_of(bytes, (size_t)want));
		struct view frame = server_end(s);
		size_t step = s->arg ? 1 : frame.len;
		for (size_t at = 0; at < frame.len; at += step)
			if (!server_write(s, view_of(frame.ptr + at, step))) return;
	}
}

static void answers_arrive_whole_or_byte_by_byte(void **state)
{
	static int slowly;
	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		struct server *s = server_start(answer_random, slow ? &slowly : NULL);
		struct coffer *c = server_connect(s, 0, 0);
		for (size_t len = 1; len <= 200; len += 33) {
			uint8_t random[256] = { 0 };
			assert_int_equal(coffer_random(c, random, len), COFFER_OK);
			assert_int_equal(random[len - 1], len);
			assert_int_equal(random[len], 0);
			assert_string_equal(coffer_error(c), "");
		}
		coffer_close(c);
		server_stop(s);
	}
}

/* Seal: checks key, context and plaintext, and gives the plaintext back behind 68 bytes. */
static void seal(struct server *s)
{
	static uint8_t sealed[4096];
	while (server_read(s)) {
		struct view key, name, value, plain;
		struct ttlv_cursor *f = server_fields(s), pair;
		if (s->request.items[0].id.operation != OPERATION_COFFER_SEAL) return;
		if (ttlv_take_text(f, TAG_COFFER_KEY_NAME, &key) != ERR_OK || !view_equal_str(key, "disk")) return;
		if (ttlv_take_structure(f, TAG_COFFER_CONTEXT, &pair) != ERR_OK || ttlv_take_text(&pair, TAG_COFFER_CONTEXT_NAME, &name) != ERR_OK ||
		    ttlv_take_bytes(&pair, TAG_COFFER_CONTEXT_VALUE, &value) != ERR_OK || !view_equal_str(name, "app") || value.len != 3)
			return;
		if (ttlv_take_bytes(f, TAG_COFFER_PLAINTEXT, &plain) != ERR_OK || ttlv_done(f) != ERR_OK) return;
		memcpy(sealed + COFFER_MESSAGE_OVERHEAD, plain.ptr, plain.len);
		server_begin(s);
		ttlv_put_str(&s->w, TAG_UNIQUE_IDENTIFIER, "skipped");
		ttlv_put_bytes(&s->w, TAG_COFFER_SEALED_DATA, view_of(sealed, COFFER_MESSAGE_OVERHEAD + plain.len));
		if (!server_write(s, server_end(s))) return;
	}
}

static void encrypt_sends_key_context_and_plaintext(void **state)
{
	static const struct coffer_pair context[] = { { "app", "a\0b", 3 } };
	struct server *s = server_start(seal, NULL);
	struct coffer *c = server_connect(s, 0, 0);
	uint8_t out[128];
	size_t len = 7;
	(void)state;
	assert_int_equal(coffer_encrypt(c, "disk", context, 1, "hello", 5, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(len, 5 + COFFER_MESSAGE_OVERHEAD);
	assert_memory_equal(out + COFFER_MESSAGE_OVERHEAD, "hello", 5);
	assert_int_equal(coffer_encrypt(c, "disk", context, 1, "", 0, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(len, COFFER_MESSAGE_OVERHEAD);
	len = 7;
	assert_int_equal(coffer_encrypt(c, "disk", context, 1, "hello", 5, out, 72, &len), COFFER_ENOSPACE);
	assert_string_equal(coffer_error(c), "the out buffer has 72 bytes, 73 are needed");
	assert_int_equal(len, 7);
	coffer_close(c);
	server_stop(s);
}

static void give_status(struct server *s)
{
	while (server_read(s)) {
		server_begin(s);
		ttlv_put_str(&s->w, TAG_COFFER_STATUS_JSON, "{}");
		if (!server_write(s, server_end(s))) return;
	}
}

static void status_needs_room_for_its_nul(void **state)
{
	struct server *s = server_start(give_status, NULL);
	struct coffer *c = server_connect(s, 0, 0);
	char text[8] = "xxxxxxx";
	size_t len = 99;
	(void)state;
	assert_int_equal(coffer_status_json(c, text, 2, &len), COFFER_ENOSPACE);
	assert_int_equal(coffer_status_json(c, text, 0, &len), COFFER_ENOSPACE);
	assert_string_equal(text, "xxxxxxx");
	assert_int_equal(len, 99);
	assert_int_equal(coffer_status_json(c, text, 3, &len), COFFER_OK);
	assert_string_equal(text, "{}");
	assert_int_equal(len, 2);
	coffer_close(c);
	server_stop(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_become_statuses_and_keep_their_sentence),
		cmocka_unit_test(answers_arrive_whole_or_byte_by_byte),
		cmocka_unit_test(encrypt_sends_key_context_and_plaintext),
		cmocka_unit_test(status_needs_room_for_its_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
