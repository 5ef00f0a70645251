/* Arguments that are refused before anything is sent. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>

#include "unit/client/server.h"

/* Any request ends the connection, so that a call that sends one fails otherwise than expected. */
static void refuse_everything(struct server *s)
{
	uint8_t byte;
	if (recv(s->fd, &byte, 1, 0) > 0) *(int *)s->arg = 1;
}

static struct server *server;
static struct coffer *c;
static int was_asked;

static int set_up(void **state)
{
	(void)state;
	was_asked = 0;
	server = server_start(refuse_everything, &was_asked);
	c = server_connect(server, 0, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coffer_close(c);
	server_stop(server);
	return was_asked;
}

#define REFUSED(call) do { assert_int_equal(call, COFFER_EINVAL); assert_int_equal(len, 7); } while (0)

static void null_arguments_are_refused_by_every_function(void **state)
{
	uint8_t b[128] = { 0 };
	char uuid[COFFER_UUID_TEXT] = "";
	size_t len = 7;
	struct coffer_stream *stream = NULL;
	struct coffer_key_info info;
	(void)state;
	REFUSED(coffer_encrypt(NULL, "k", NULL, 0, b, 1, b, sizeof b, &len));
	REFUSED(coffer_encrypt(c, NULL, NULL, 0, b, 1, b, sizeof b, &len));
	REFUSED(coffer_encrypt(c, "k", NULL, 0, NULL, 1, b, sizeof b, &len));
	REFUSED(coffer_encrypt(c, "k", NULL, 0, b, 1, NULL, sizeof b, &len));
	REFUSED(coffer_encrypt(c, "k", NULL, 0, b, 1, b, sizeof b, NULL));
	REFUSED(coffer_encrypt(c, "k", NULL, 1, b, 1, b, sizeof b, &len));
	REFUSED(coffer_decrypt(NULL, NULL, 0, b, 1, b, sizeof b, &len));
	REFUSED(coffer_decrypt(c, NULL, 0, NULL, 1, b, sizeof b, &len));
	REFUSED(coffer_decrypt(c, NULL, 0, b, 1, NULL, sizeof b, &len));
	REFUSED(coffer_rewrap(c, NULL, 0, b, 1, b, sizeof b, NULL));
	REFUSED(coffer_random(NULL, b, 1));
	REFUSED(coffer_random(c, NULL, 1));
	REFUSED(coffer_random(c, b, 0));
	REFUSED(coffer_random(c, b, 65537));
	REFUSED(coffer_status_json(NULL, uuid, sizeof uuid, &len));
	REFUSED(coffer_status_json(c, NULL, 1, &len));
	REFUSED(coffer_status_json(c, uuid, sizeof uuid, NULL));
	REFUSED(coffer_key_create(NULL, "k", NULL, NULL, uuid));
	REFUSED(coffer_key_create(c, NULL, NULL, NULL, uuid));
	REFUSED(coffer_key_create(c, "k", NULL, NULL, NULL));
	REFUSED(coffer_key_info(c, "k", NULL));
	REFUSED(coffer_key_info(c, NULL, &info));
	REFUSED(coffer_key_list(c, NULL, NULL));
	REFUSED(coffer_key_rotate(c, "k", NULL));
	REFUSED(coffer_key_activate(c, NULL));
	REFUSED(coffer_key_revoke(c, "k", NULL, NULL));
	REFUSED(coffer_key_destroy(NULL, "k"));
	REFUSED(coffer_stream_seal(c, "k", NULL, 0, 0, NULL, &stream));
	REFUSED(coffer_stream_seal(c, "k", NULL, 0, 0, b, NULL));
	REFUSED(coffer_stream_seal(c, "k", NULL, 0, 16 * 1024 * 1024 + 1, b, &stream));
	REFUSED(coffer_stream_open(c, NULL, 0, NULL, &stream));
	REFUSED(coffer_stream_send(NULL, b, 1, 1));
	REFUSED(coffer_stream_collect(NULL, b, sizeof b, &len));
	assert_int_equal(coffer_stream_under_way(NULL), 0);
	assert_int_equal(coffer_stream_segment_size(NULL), 0);
	coffer_stream_close(NULL);
	assert_null(stream);
}

static void contexts_outside_their_limits_are_refused_with_a_sentence(void **state)
{
	static char name_255[256], name_256[257];
	static uint8_t value[4097];
	static struct coffer_pair many[COFFER_CONTEXT_MAX + 1];
	memset(name_255, 'n', 255);
	memset(name_256, 'n', 256);
	for (size_t i = 0; i <= COFFER_CONTEXT_MAX; i++) many[i] = (struct coffer_pair){ "n", NULL, 0 };
	const struct { struct coffer_pair pair; const char *sentence; } table[] = {
		{ { NULL, "v", 1 }, "a name in the context has 1 to 255 bytes" },
		{ { "", "v", 1 }, "a name in the context has 1 to 255 bytes" },
		{ { name_256, "v", 1 }, "a name in the context has 1 to 255 bytes" },
		{ { name_255, value, 4097 }, "a value in the context has at most 4096 bytes" },
		{ { "n", value, SIZE_MAX }, "a value in the context has at most 4096 bytes" },
		{ { "n", NULL, 1 }, "a value in the context has at most 4096 bytes" },
	};
	uint8_t b[128] = { 0 };
	struct coffer_stream *stream = NULL;
	size_t len = 7;
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		REFUSED(coffer_encrypt(c, "k", &table[i].pair, 1, b, 1, b, sizeof b, &len));
		assert_string_equal(coffer_error(c), table[i].sentence);
		REFUSED(coffer_decrypt(c, &table[i].pair, 1, b, 1, b, sizeof b, &len));
		REFUSED(coffer_stream_seal(c, "k", &table[i].pair, 1, 0, b, &stream));
		REFUSED(coffer_stream_open(c, &table[i].pair, 1, b, &stream));
	}
	REFUSED(coffer_encrypt(c, "k", many, COFFER_CONTEXT_MAX + 1, b, 1, b, sizeof b, &len));
	assert_string_equal(coffer_error(c), "a context has at most 64 pairs");
}

static void sizes_over_a_sealed_message_are_refused(void **state)
{
	static uint8_t large[COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD + 1];
	static uint8_t out[sizeof large + COFFER_MESSAGE_OVERHEAD];
	size_t len = 7;
	(void)state;
	assert_int_equal(coffer_encrypt(c, "k", NULL, 0, large, COFFER_MESSAGE_MAX + 1, out, sizeof out, &len), COFFER_ETOOLARGE);
	assert_non_null(strstr(coffer_error(c), "use a stream"));
	assert_int_equal(coffer_decrypt(c, NULL, 0, large, sizeof large, out, sizeof out, &len), COFFER_EFOREIGN);
	assert_non_null(strstr(coffer_error(c), "not sealed by Coffer"));
	memcpy(large, "CFR1", 4);
	assert_int_equal(coffer_decrypt(c, NULL, 0, large, sizeof large, out, sizeof out, &len), COFFER_ETOOLARGE);
	assert_int_equal(coffer_encrypt(c, "k", NULL, 0, large, SIZE_MAX, out, sizeof out, &len), COFFER_ETOOLARGE);
	assert_int_equal(len, 7);
}

static void names_algorithms_and_reasons_are_checked(void **state)
{
	static char name_256[257];
	char uuid[COFFER_UUID_TEXT] = "same";
	(void)state;
	memset(name_256, 'n', 256);
	assert_int_equal(coffer_key_create(c, "", NULL, NULL, uuid), COFFER_EINVAL);
	assert_int_equal(coffer_key_create(c, name_256, NULL, NULL, uuid), COFFER_EINVAL);
	assert_int_equal(coffer_key_create(c, "40414243-4445-4647-4849-4a4b4c4d4e4f", NULL, NULL, uuid), COFFER_EINVAL);
	assert_string_equal(coffer_error(c), "a key's name cannot look like a UUID");
	assert_int_equal(coffer_key_create(c, "k", NULL, name_256, uuid), COFFER_EINVAL);
	assert_int_equal(coffer_key_create(c, "k", "des", NULL, uuid), COFFER_EUNSUPPORTED);
	assert_int_equal(coffer_key_revoke(c, "k", "because", NULL), COFFER_EINVAL);
	assert_non_null(strstr(coffer_error(c), "key-compromise"));
	assert_string_equal(uuid, "same");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(null_arguments_are_refused_by_every_function, set_up, tear_down),
		cmocka_unit_test_setup_teardown(contexts_outside_their_limits_are_refused_with_a_sentence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sizes_over_a_sealed_message_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_algorithms_and_reasons_are_checked, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
