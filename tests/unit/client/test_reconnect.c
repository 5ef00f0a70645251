/* A connection that breaks in the middle of a change: sent again under the same request id; streams of the old socket are dead. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/client/server.h"

#define SEGMENT 65536
#define NEW_UUID "01234567-89ab-4def-8123-456789abcdef"

struct script {
	uint8_t request_id[2][KMIP_REQUEST_ID_LEN]; /* of the change: before and after the break */
	bool has_request_id[2];
	unsigned segments;                          /* that reached the server */
};

static void note_request_id(struct server *s, unsigned i)
{
	struct script *t = s->arg;
	t->has_request_id[i] = s->request.items[0].has_request_id;
	memcpy(t->request_id[i], s->request.items[0].request_id, KMIP_REQUEST_ID_LEN);
}

static bool answer_stream(struct server *s)
{
	uint8_t header[COFFER_STREAM_HEADER] = "CFRS";
	server_begin(s);
	ttlv_put_i32(&s->w, TAG_COFFER_STREAM_HANDLE, 1);
	ttlv_put_bytes(&s->w, TAG_COFFER_STREAM_HEADER, view_of(header, sizeof header));
	ttlv_put_i32(&s->w, TAG_COFFER_SEGMENT_SIZE, SEGMENT);
	return server_write(s, server_end(s));
}

static bool refuse_ring(struct server *s)
{
	return server_read(s) && server_write(s, server_refuse(s, ERR_UNSUPPORTED, "what is a ring?"));
}

static bool answer_create(struct server *s)
{
	server_begin(s);
	ttlv_put_enum(&s->w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	ttlv_put_str(&s->w, TAG_UNIQUE_IDENTIFIER, NEW_UUID);
	return server_write(s, server_end(s));
}

/* A stream, then a change whose answer is lost with the connection; then the same change over the next connection, and whatever comes. */
static void serve_and_break(struct server *s)
{
	struct script *t = s->arg;
	if (!server_read(s) || !answer_stream(s) || !refuse_ring(s) || !server_read(s)) return;
	note_request_id(s, 0);
	close(s->fd);
	s->fd = accept(s->listener, NULL, NULL);
	if (s->fd < 0 || !server_read(s)) return;
	note_request_id(s, 1);
	if (!answer_create(s)) return;
	while (server_read(s))
		if (ttlv_peek_tag(server_fields(s)) == TAG_COFFER_STREAM_HANDLE) t->segments++;
}

static struct server *server;
static struct coffer *c;
static struct script script;

static int set_up(void **state)
{
	(void)state;
	script = (struct script){ .segments = 0 };
	server = server_start(serve_and_break, &script);
	c = server_connect(server, 10000, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coffer_close(c);
	server_stop(server);
	return 0;
}

static void a_change_whose_answer_was_lost_is_sent_again_under_its_request_id(void **state)
{
	uint8_t header[COFFER_STREAM_HEADER];
	char uuid[COFFER_UUID_TEXT];
	struct coffer_stream *s = NULL;
	(void)state;
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, header, &s), COFFER_OK);
	assert_int_equal(coffer_key_create(c, "new", NULL, NULL, uuid), COFFER_OK);
	assert_string_equal(uuid, NEW_UUID);
	assert_true(script.has_request_id[0] && script.has_request_id[1]);
	assert_memory_equal(script.request_id[0], script.request_id[1], KMIP_REQUEST_ID_LEN);
	assert_string_equal(coffer_error(c), "");
	coffer_stream_close(s);
}

/* Handles begin at 1 on every connection: a stream of before must not write into another one. */
static void a_stream_does_not_outlive_its_socket(void **state)
{
	static const uint8_t plain[SEGMENT];
	uint8_t header[COFFER_STREAM_HEADER];
	char uuid[COFFER_UUID_TEXT];
	struct coffer_stream *s = NULL;
	(void)state;
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, header, &s), COFFER_OK);
	assert_int_equal(coffer_key_create(c, "new", NULL, NULL, uuid), COFFER_OK);
	assert_int_equal(coffer_stream_send(s, plain, sizeof plain, 0), COFFER_ECLOSED);
	coffer_stream_close(s);
	coffer_close(c);
	c = NULL;
	server_stop(server);
	server = NULL;
	assert_int_equal(script.segments, 0);
	set_up(NULL);
}

/* The change is lost, then refused because the node is sealed, and then the daemon's socket is gone for too long; what is still connected answers on. */
static void serve_and_go_away(struct server *s)
{
	if (!server_read(s)) return;
	close(s->fd);
	s->fd = accept(s->listener, NULL, NULL);
	unlink(s->path);
	if (s->fd < 0 || !server_read(s) || !server_write(s, server_refuse(s, ERR_SEALED, "the node is sealed"))) return;
	while (server_read(s) && answer_create(s)) continue;
}

/* The refusal was never taken: it would pass for the answer to the next call, and that one's for the answer to the call after it. */
static void an_answer_that_nobody_took_ends_the_connection(void **state)
{
	char uuid[COFFER_UUID_TEXT] = "";
	uint8_t random[8];
	(void)state;
	struct server *s = server_start(serve_and_go_away, NULL);
	struct coffer *one = server_connect(s, 500, 0);
	assert_int_equal(coffer_key_create(one, "new", NULL, NULL, uuid), COFFER_ECLOSED);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(coffer_random(one, random, sizeof random), COFFER_ECLOSED);
	assert_string_equal(uuid, "");
	coffer_close(one);
	server_stop(s);
}

static void begin_and_hang_up(struct server *s)
{
	if (server_read(s) && answer_stream(s)) server_read(s); /* that was for a ring */
}

static void a_stream_that_did_not_begin_leaves_the_header(void **state)
{
	uint8_t header[COFFER_STREAM_HEADER] = { 0 };
	struct coffer_stream *stream = NULL;
	(void)state;
	struct server *s = server_start(begin_and_hang_up, NULL);
	struct coffer *one = server_connect(s, 10000, 0);
	assert_int_equal(coffer_stream_seal(one, "disk", NULL, 0, SEGMENT, header, &stream), COFFER_ECLOSED);
	assert_int_equal(header[0], 0);
	assert_null(stream);
	coffer_close(one);
	server_stop(s);
}

/* The first part of a hash, then a change whose answer is lost; whatever comes over the next connection is counted. */
static void hash_and_break(struct server *s)
{
	unsigned *more = s->arg;
	if (!server_read(s)) return;
	server_begin(s);
	ttlv_put_bytes(&s->w, TAG_CORRELATION_VALUE, view_of("handle", 6));
	if (!server_write(s, server_end(s)) || !server_read(s)) return;
	close(s->fd);
	s->fd = accept(s->listener, NULL, NULL);
	if (s->fd < 0 || !server_read(s) || !answer_create(s)) return;
	while (server_read(s) && server_write(s, server_refuse(s, ERR_NOT_FOUND, "no such calculation"))) ++*more;
}

/* The daemon of the new socket knows nothing of it: it is not the key that is gone. */
static void a_calculation_does_not_outlive_its_socket(void **state)
{
	struct coffer_digest *d;
	uint8_t out[32];
	char uuid[COFFER_UUID_TEXT];
	unsigned more = 0;
	size_t len;
	(void)state;
	struct server *s = server_start(hash_and_break, &more);
	struct coffer *one = server_connect(s, 10000, 0);
	assert_int_equal(coffer_hash_begin(one, NULL, &d), COFFER_OK);
	assert_int_equal(coffer_digest_update(d, "part", 4), COFFER_OK);
	assert_int_equal(coffer_key_create(one, "new", NULL, NULL, uuid), COFFER_OK);
	assert_int_equal(coffer_digest_final(d, "end", 3, out, sizeof out, &len), COFFER_ECLOSED);
	assert_int_equal(coffer_digest_final(d, "end", 3, out, sizeof out, &len), COFFER_ECLOSED);
	coffer_digest_close(d);
	coffer_close(one);
	server_stop(s);
	assert_int_equal(more, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_change_whose_answer_was_lost_is_sent_again_under_its_request_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stream_does_not_outlive_its_socket, set_up, tear_down),
		cmocka_unit_test(an_answer_that_nobody_took_ends_the_connection),
		cmocka_unit_test(a_stream_that_did_not_begin_leaves_the_header),
		cmocka_unit_test(a_calculation_does_not_outlive_its_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
