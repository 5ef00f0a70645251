/* Lending memory of streams: its states, misuse, and mixing with the copying calls; with a ring and without. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "unit/client/stream_server.h"

#define SEGMENT 65536u
#define SEALED (SEGMENT + COFFER_SEGMENT_OVERHEAD)

static struct server *server;
static struct coffer *c;
static struct coffer_stream *s;
static struct stream_script script;
static uint8_t plain[SEGMENT], out[SEALED], header[COFFER_STREAM_HEADER];

static int set_up(void **state)
{
	script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = *state != NULL };
	server = server_start(serve_streams, &script);
	c = server_connect(server, 10000, 0);
	s = NULL;
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, header, &s), COFFER_OK);
	assert_int_equal(coffer_stream_in_ring(s), *state != NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coffer_stream_close(s);
	coffer_close(c);
	server_stop(server);
	return 0;
}

static uint8_t *lend(struct coffer_stream *stream, uint8_t content)
{
	void *piece = NULL;
	size_t cap = 0;
	assert_int_equal(coffer_stream_lend(stream, &piece, &cap), COFFER_OK);
	assert_int_equal(cap, SEGMENT);
	memset(piece, content, cap);
	return piece;
}

static const uint8_t *collect(struct coffer_stream *stream, uint8_t content)
{
	const void *at = NULL;
	size_t len = 0;
	assert_int_equal(coffer_stream_collect_lent(stream, &at, &len), COFFER_OK);
	assert_int_equal(len, SEALED);
	assert_int_equal(((const uint8_t *)at)[0], (uint8_t)(content + 0x5a));
	assert_int_equal(((const uint8_t *)at)[SEGMENT - 1], (uint8_t)(content + 0x5a));
	return at;
}

static void pieces_are_sent_in_any_order_and_come_back_in_the_order_of_sending(void **state)
{
	uint8_t *a = lend(s, 'a'), *b = lend(s, 'b'), *d = lend(s, 'd');
	(void)state;
	assert_true(a != b && b != d && a != d);
	assert_int_equal(coffer_stream_send_lent(s, d, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_send_lent(s, a, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_send_lent(s, b, SEGMENT, 1), COFFER_OK);
	const uint8_t *first = collect(s, 'd'), *second = collect(s, 'a'), *third = collect(s, 'b');
	assert_ptr_equal(first, d); /* the answer is where the request was */
	assert_int_equal(first[0], (uint8_t)('d' + 0x5a)); /* later ones did not touch it */
	assert_int_equal(coffer_stream_give_back(s, second), COFFER_OK);
	assert_int_equal(coffer_stream_give_back(s, third), COFFER_OK);
	assert_int_equal(coffer_stream_give_back(s, first), COFFER_OK);
}

static void no_piece_is_lent_twice(void **state)
{
	uint8_t *pieces[COFFER_STREAM_SLOTS];
	void *more = NULL;
	size_t cap = 7;
	(void)state;
	for (unsigned i = 0; i < COFFER_STREAM_SLOTS; i++) {
		pieces[i] = lend(s, (uint8_t)i);
		for (unsigned k = 0; k < i; k++) assert_ptr_not_equal(pieces[i], pieces[k]);
	}
	assert_int_equal(coffer_stream_lend(s, &more, &cap), COFFER_EBUSY);
	assert_null(more);
	assert_int_equal(cap, 7);
	assert_int_equal(coffer_stream_send_lent(s, pieces[3], SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_lend(s, &more, &cap), COFFER_EBUSY); /* the daemon has it */
	const uint8_t *at = collect(s, 3);
	assert_int_equal(coffer_stream_lend(s, &more, &cap), COFFER_EBUSY); /* the caller reads it */
	assert_int_equal(coffer_stream_give_back(s, at), COFFER_OK);
	for (unsigned i = 0; i < COFFER_STREAM_SLOTS; i++)
		if (i != 3) for (size_t k = 0; k < SEGMENT; k++) assert_int_equal(pieces[i][k], i);
	assert_ptr_equal(lend(s, 1), pieces[3]);
}

static void what_is_not_lent_is_refused_with_a_sentence(void **state)
{
	uint8_t *a = lend(s, 'a');
	const void *at = NULL;
	size_t len = 7;
	(void)state;
	assert_int_equal(coffer_stream_send_lent(s, plain, 1, 0), COFFER_EINVAL);
	assert_string_equal(coffer_error(c), "this stream has not lent that memory; ask coffer_stream_lend for some");
	assert_int_equal(coffer_stream_send_lent(s, NULL, 0, 0), COFFER_EINVAL);
	assert_int_equal(coffer_stream_send_lent(s, a + 1, 1, 0), COFFER_EINVAL);
	assert_int_equal(coffer_stream_give_back(s, plain), COFFER_EINVAL);
	assert_int_equal(coffer_stream_give_back(s, NULL), COFFER_EINVAL);
	assert_int_equal(coffer_stream_collect_lent(s, &at, &len), COFFER_ESTATE);
	assert_int_equal(coffer_stream_send_lent(s, a, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_send_lent(s, a, SEGMENT, 0), COFFER_ESTATE);
	assert_string_equal(coffer_error(c), "that memory was sent already; lend another piece");
	assert_int_equal(coffer_stream_give_back(s, a), COFFER_ESTATE);
	assert_string_equal(coffer_error(c), "that memory is under way; collect it first");
	at = collect(s, 'a');
	assert_int_equal(coffer_stream_send_lent(s, a, SEGMENT, 0), COFFER_ESTATE); /* collected, not lent anew */
	assert_int_equal(coffer_stream_give_back(s, at), COFFER_OK);
	assert_int_equal(coffer_stream_give_back(s, at), COFFER_EINVAL);
	assert_int_equal(coffer_stream_send_lent(s, a, SEGMENT, 0), COFFER_EINVAL);
	assert_int_equal(len, 7);
	assert_int_equal(script.segments, 1);
}

static void arguments_that_are_missing_are_refused(void **state)
{
	void *piece;
	const void *at;
	size_t len;
	(void)state;
	assert_int_equal(coffer_stream_lend(NULL, &piece, &len), COFFER_EINVAL);
	assert_int_equal(coffer_stream_lend(s, NULL, &len), COFFER_EINVAL);
	assert_int_equal(coffer_stream_lend(s, &piece, NULL), COFFER_EINVAL);
	assert_int_equal(coffer_stream_send_lent(NULL, plain, 1, 0), COFFER_EINVAL);
	assert_int_equal(coffer_stream_collect_lent(NULL, &at, &len), COFFER_EINVAL);
	assert_int_equal(coffer_stream_collect_lent(s, NULL, &len), COFFER_EINVAL);
	assert_int_equal(coffer_stream_collect_lent(s, &at, NULL), COFFER_EINVAL);
	assert_int_equal(coffer_stream_give_back(NULL, plain), COFFER_EINVAL);
	assert_int_equal(coffer_stream_ready(NULL), 0);
	assert_int_equal(coffer_stream_in_ring(NULL), 0);
}

static void a_piece_of_another_stream_is_refused(void **state)
{
	struct coffer_stream *other = NULL;
	(void)state;
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, header, &other), COFFER_OK);
	uint8_t *theirs = lend(other, 'o'), *mine = lend(s, 'm');
	assert_ptr_not_equal(theirs, mine);
	assert_int_equal(coffer_stream_send_lent(s, theirs, SEGMENT, 0), COFFER_EINVAL);
	assert_int_equal(coffer_stream_give_back(s, theirs), COFFER_EINVAL);
	coffer_stream_close(other);
}

/* All slots for one of two streams: whoever comes late gets memory of the process, and its segments go in messages. */
static void a_stream_goes_on_when_another_has_all_slots(void **state)
{
	struct coffer_stream *other = NULL;
	for (unsigned i = 0; i < COFFER_STREAM_SLOTS; i++) lend(s, 'x');
	assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, header, &other), COFFER_OK);
	uint8_t *piece = lend(other, 'o');
	assert_int_equal(coffer_stream_send_lent(other, piece, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_give_back(other, collect(other, 'o')), COFFER_OK);
	assert_int_equal(script.in_ring, 0);
	coffer_stream_close(s); /* gives its slots back */
	s = other;
	piece = lend(other, 'p');
	assert_int_equal(coffer_stream_send_lent(other, piece, SEGMENT, 1), COFFER_OK);
	assert_int_equal(coffer_stream_give_back(other, collect(other, 'p')), COFFER_OK);
	assert_int_equal(script.in_ring, *state != NULL);
}

static void lent_and_copied_may_be_mixed(void **state)
{
	const void *at;
	size_t len;
	(void)state;
	memset(plain, 'c', sizeof plain);
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_send_lent(s, lend(s, 'l'), SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_send_lent(s, lend(s, 'm'), SEGMENT, 1), COFFER_OK);
	assert_int_equal(coffer_stream_give_back(s, collect(s, 'c')), COFFER_OK);
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(out[0], (uint8_t)('l' + 0x5a));
	assert_int_equal(coffer_stream_collect(s, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(out[0], (uint8_t)('c' + 0x5a));
	at = collect(s, 'm');
	assert_int_equal(coffer_stream_give_back(s, at), COFFER_OK);
}

static void a_piece_sent_by_copy_needs_room_to_be_collected_where_it_lies(void **state)
{
	const void *at = NULL;
	size_t len = 7;
	if (*state) return; /* with a ring it has a slot already */
	assert_int_equal(coffer_stream_send(s, plain, SEGMENT, 0), COFFER_OK);
	uint8_t *last = NULL;
	for (unsigned i = 0; i < COFFER_STREAM_SLOTS; i++) last = lend(s, 'x');
	assert_int_equal(coffer_stream_collect_lent(s, &at, &len), COFFER_EBUSY);
	assert_int_equal(coffer_stream_under_way(s), 1); /* nothing is lost */
	assert_int_equal(coffer_stream_give_back(s, last), COFFER_OK);
	assert_int_equal(coffer_stream_collect_lent(s, &at, &len), COFFER_OK);
	assert_int_equal(len, SEALED);
}

static void a_refused_piece_is_not_shown_and_is_free_again(void **state)
{
	const void *at = NULL;
	size_t len = 7;
	(void)state;
	script.fail_at = 1;
	uint8_t *a = lend(s, 'a'), *b = lend(s, 'b');
	assert_int_equal(coffer_stream_send_lent(s, a, SEGMENT, 0), COFFER_OK);
	assert_int_equal(coffer_stream_collect_lent(s, &at, &len), COFFER_EINTEGRITY);
	assert_null(at);
	assert_int_equal(len, 7);
	assert_int_equal(coffer_stream_give_back(s, a), COFFER_EINVAL);
	assert_int_equal(coffer_stream_send_lent(s, b, SEGMENT, 0), COFFER_ESTATE);
	assert_string_equal(coffer_error(c), "the stream has ended");
	void *more;
	assert_int_equal(coffer_stream_lend(s, &more, &len), COFFER_ESTATE);
	assert_int_equal(coffer_stream_give_back(s, b), COFFER_OK);
}

static void closing_takes_everything_back_and_the_next_stream_has_all_pieces(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(coffer_stream_send_lent(s, lend(s, 1), SEGMENT, 0), COFFER_OK);
		assert_int_equal(coffer_stream_send_lent(s, lend(s, 2), SEGMENT, 0), COFFER_OK);
		collect(s, 1); /* and is not given back */
		for (unsigned i = 2; i < COFFER_STREAM_SLOTS; i++) lend(s, 3);
		coffer_stream_close(s);
		assert_int_equal(coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, header, &s), COFFER_OK);
		assert_int_equal(coffer_stream_in_ring(s), *state != NULL);
	}
	assert_int_equal(script.in_ring, *state ? 6 : 0);
}

#define BOTH(test) \
	{ #test " [messages]", test, set_up, tear_down, NULL }, { #test " [ring]", test, set_up, tear_down, &script }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(pieces_are_sent_in_any_order_and_come_back_in_the_order_of_sending),
		BOTH(no_piece_is_lent_twice),
		BOTH(what_is_not_lent_is_refused_with_a_sentence),
		BOTH(arguments_that_are_missing_are_refused),
		BOTH(a_piece_of_another_stream_is_refused),
		BOTH(a_stream_goes_on_when_another_has_all_slots),
		BOTH(lent_and_copied_may_be_mixed),
		BOTH(a_piece_sent_by_copy_needs_room_to_be_collected_where_it_lies),
		BOTH(a_refused_piece_is_not_shown_and_is_free_again),
		BOTH(closing_takes_everything_back_and_the_next_stream_has_all_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
