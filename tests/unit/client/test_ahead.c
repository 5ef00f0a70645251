/* Operations sent ahead: order, batches, limits of number and memory, answers in every shape. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit/client/echo.h"

#define LONGEST 40000u /* bytes of a message of these tests */

static struct echo echo;
static struct server *server;
static struct coffer *c;
static uint8_t in[LONGEST], out[LONGEST + COFFER_MESSAGE_OVERHEAD];
static uint64_t random_state;

/* xorshift64; the seed is printed with a failure (main). */
static uint32_t any(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static void start(uint32_t batch, size_t max_memory)
{
	server = server_start(echo_serve, &echo);
	struct coffer_options options = { .size = sizeof options, .timeout_ms = 10000, .server_uid = -1, .max_memory = max_memory, .batch = batch };
	assert_int_equal(coffer_connect(server->path, &options, &c), COFFER_OK);
}

static int set_up(void **state)
{
	(void)state;
	memset(&echo, 0, sizeof echo);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coffer_close(c);
	server_stop(server);
	c = NULL;
	return 0;
}

/* Message number i: its length and bytes follow from i and the length. */
static const uint8_t *plain_of(unsigned i, size_t len)
{
	for (size_t k = 0; k < len; k++) in[k] = (uint8_t)(i * 31 + k * 7 + k / 256);
	return in;
}

static void is_sealed(unsigned i, const uint8_t *sealed, size_t sealed_len, size_t len)
{
	assert_int_equal(sealed_len, len + COFFER_MESSAGE_OVERHEAD);
	for (size_t k = 0; k < COFFER_MESSAGE_OVERHEAD; k++) assert_int_equal(sealed[k], ECHO_SEALED);
	plain_of(i, len);
	for (size_t k = 0; k < len; k++)
		if ((sealed[COFFER_MESSAGE_OVERHEAD + k] ^ in[k]) != 0xff) fail_msg("message %u of %zu bytes differs at byte %zu", i, len, k);
}

static enum coffer_status send_one(unsigned i, size_t len)
{
	return coffer_encrypt_send(c, "disk", NULL, 0, plain_of(i, len), len);
}

static void collect_one(unsigned i, size_t len)
{
	size_t got = 0;
	enum coffer_status st = coffer_collect(c, out, sizeof out, &got);
	if (st) fail_msg("message %u: %s: %s", i, coffer_strerror(st), coffer_error(c));
	is_sealed(i, out, got, len);
}

/* count messages of any length below `longest`, at most `ahead` under way, collected as it comes. */
static void round_trip(unsigned count, unsigned ahead, uint32_t longest)
{
	static uint32_t lengths[4096];
	unsigned sent = 0, done = 0;
	for (unsigned i = 0; i < count; i++) lengths[i] = any(8) ? any(longest / 8 + 1) : any(longest);
	while (done < count) {
		enum coffer_status st = COFFER_OK;
		while (sent < count && sent - done < ahead && (st = send_one(sent, lengths[sent])) == COFFER_OK) sent++;
		assert_true(st == COFFER_OK || st == COFFER_EBUSY);
		assert_int_equal(coffer_under_way(c), sent - done);
		for (uint32_t some = 1 + any(sent - done); some > 0; some--, done++) collect_one(done, lengths[done]);
	}
	assert_int_equal(coffer_under_way(c), 0);
	assert_int_equal(echo.operations, count);
}

static void results_come_in_the_order_of_sending(void **state)
{
	static const uint32_t batches[] = { 0, 1, 2, 7, COFFER_BATCH_MAX };
	(void)state;
	for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
		set_up(NULL);
		start(batches[i], 0);
		round_trip(600, 64, LONGEST);
		if (batches[i]) assert_true(echo.most <= batches[i]);
		if (batches[i] == 1) assert_int_equal(echo.messages, 600);
		if (i + 1 < sizeof batches / sizeof batches[0]) tear_down(NULL);
	}
}

static void small_ones_share_messages(void **state)
{
	(void)state;
	start(COFFER_BATCH_MAX, 0);
	round_trip(1000, COFFER_AHEAD, 64);
	assert_true(echo.messages <= 1000 / 8);
	assert_true(echo.most > 8);
}

static void answers_that_drip_are_put_together(void **state)
{
	(void)state;
	echo.drip = true;
	start(0, 0);
	round_trip(60, 16, 2000);
}

/* The server writes an answer before it reads on; what is sent and what comes back is far more than both sockets hold. */
static void nobody_waits_for_the_other_when_all_is_full(void **state)
{
	(void)state;
	start(0, 0);
	for (unsigned i = 0; i < COFFER_AHEAD; i++) assert_int_equal(send_one(i, LONGEST), COFFER_OK);
	assert_int_equal(coffer_flush(c), COFFER_OK);
	for (unsigned i = 0; i < COFFER_AHEAD; i++) collect_one(i, LONGEST);
}

static void no_more_than_the_limit_is_under_way(void **state)
{
	(void)state;
	start(0, 0);
	for (unsigned i = 0; i < COFFER_AHEAD; i++) assert_int_equal(send_one(i, i % 50), COFFER_OK);
	assert_int_equal(send_one(999, 10), COFFER_EBUSY);
	assert_non_null(strstr(coffer_error(c), "collect"));
	assert_int_equal(coffer_under_way(c), COFFER_AHEAD);
	collect_one(0, 0);
	assert_int_equal(send_one(COFFER_AHEAD, COFFER_AHEAD % 50), COFFER_OK);
	for (unsigned i = 1; i <= COFFER_AHEAD; i++) collect_one(i, i % 50);
}

/* Answers that would not fit into the memory of the connection are never asked for. */
static void answers_fit_into_the_memory(void **state)
{
	(void)state;
	start(0, 128 * 1024);
	for (unsigned again = 0; again < 3; again++) {
		unsigned sent = 0;
		while (sent < COFFER_AHEAD && send_one(sent, 10000) == COFFER_OK) sent++;
		assert_true(sent >= 8 && sent < 13);
		assert_int_equal(coffer_under_way(c), sent);
		for (unsigned i = 0; i < sent; i++) collect_one(i, 10000);
	}
	set_up(NULL);
	round_trip(300, COFFER_AHEAD, 20000);
}

/* 64 pairs are 192 TTLV items, and a message may have 4096: the server checks it, here and in every test. */
static void large_contexts_are_spread_over_messages(void **state)
{
	struct coffer_pair pairs[COFFER_CONTEXT_MAX];
	char names[COFFER_CONTEXT_MAX][8];
	(void)state;
	for (unsigned i = 0; i < COFFER_CONTEXT_MAX; i++) {
		snprintf(names[i], sizeof names[i], "%u", i);
		pairs[i] = (struct coffer_pair){ names[i], NULL, 0 };
	}
	start(COFFER_BATCH_MAX, 0);
	for (unsigned i = 0; i < 100; i++) assert_int_equal(coffer_encrypt_send(c, "disk", pairs, COFFER_CONTEXT_MAX, plain_of(i, 4), 4), COFFER_OK);
	for (unsigned i = 0; i < 100; i++) collect_one(i, 4);
}

static void decrypt_and_rewrap_are_sent_ahead_too(void **state)
{
	uint8_t sealed[COFFER_MESSAGE_OVERHEAD + 5];
	size_t len = 0;
	(void)state;
	memset(sealed, ECHO_SEALED, sizeof sealed);
	for (unsigned i = 0; i < 5; i++) sealed[COFFER_MESSAGE_OVERHEAD + i] = (uint8_t)~i;
	start(0, 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(send_one(i, 100 + i), COFFER_OK);
		assert_int_equal(coffer_decrypt_send(c, NULL, 0, sealed, sizeof sealed), COFFER_OK);
		assert_int_equal(coffer_rewrap_send(c, NULL, 0, sealed, sizeof sealed), COFFER_OK);
	}
	for (unsigned i = 0; i < 10; i++) {
		collect_one(i, 100 + i);
		assert_int_equal(coffer_collect(c, out, sizeof out, &len), COFFER_OK);
		assert_int_equal(len, 5);
		assert_memory_equal(out, "\0\1\2\3\4", 5);
		assert_int_equal(coffer_collect(c, out, sizeof out, &len), COFFER_OK);
		assert_int_equal(len, sizeof sealed);
		assert_int_equal(out[0], ECHO_REWRAPPED);
	}
}

/* A borrowed result stays as it is until the next call, also one that reads more. */
static void results_can_be_looked_at_without_a_copy(void **state)
{
	static const uint32_t batches[] = { 1, COFFER_BATCH_MAX };
	const void *view = NULL;
	size_t len = 0;
	(void)state;
	for (unsigned b = 0; b < 2; b++) {
		if (b) tear_down(NULL);
		start(batches[b], 0);
		for (unsigned i = 0; i < 40; i++) assert_int_equal(send_one(i, 200), COFFER_OK);
		for (unsigned i = 0; i < 80; i++) {
			assert_int_equal(coffer_collect_view(c, &view, &len), COFFER_OK);
			is_sealed(i, view, len, 200);
			assert_int_equal(coffer_under_way(c), 39);
			assert_string_equal(coffer_error(c), "");
			is_sealed(i, view, len, 200);
			assert_int_equal(send_one(40 + i, 200), COFFER_OK);
		}
		for (unsigned i = 80; i < 120; i++) collect_one(i, 200);
	}
	assert_int_equal(send_one(0, 5), COFFER_OK);
	assert_int_equal(coffer_collect_view(c, &view, &len), COFFER_OK);
	assert_int_equal(coffer_encrypt(c, "disk", NULL, 0, plain_of(1, 9), 9, out, sizeof out, &len), COFFER_OK);
	is_sealed(1, out, len, 9);
}

static void wait_for_operations(unsigned count)
{
	for (unsigned n = 0; n < 5000 && echo.operations < count; n++) nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	assert_true(echo.operations >= count);
}

/* The daemon has work while more is gathered. */
static void what_is_enough_goes_out_by_itself(void **state)
{
	(void)state;
	start(0, 0);
	for (unsigned i = 0; i < 20; i++) assert_int_equal(send_one(i, 10), COFFER_OK);
	wait_for_operations(16);
	for (unsigned i = 0; i < 20; i++) collect_one(i, 10);
	for (unsigned i = 0; i < 2; i++) assert_int_equal(send_one(i, 10000), COFFER_OK);
	wait_for_operations(21);
	for (unsigned i = 0; i < 2; i++) collect_one(i, 10000);
}

/* With more under way, more goes out together: half of it. */
static void half_of_what_is_under_way_goes_out_together(void **state)
{
	(void)state;
	start(0, 0);
	for (unsigned i = 0; i < 15; i++) assert_int_equal(send_one(i, 4000), COFFER_OK);
	wait_for_operations(8);
	assert_int_equal(echo.operations, 8); /* four, four more, and seven of fifteen wait */
	assert_int_equal(send_one(15, 4000), COFFER_OK);
	wait_for_operations(16);
	for (unsigned i = 0; i < 16; i++) collect_one(i, 4000);
}

static void send_small(unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++) assert_int_equal(send_one(i, 10), COFFER_OK);
}

/* However short they are, sixteen to a message; and no more than 32 are kept back. */
static void small_ones_go_out_together_too(void **state)
{
	(void)state;
	start(0, 0);
	send_small(0, 32);
	wait_for_operations(32);
	send_small(32, 31);
	assert_int_equal(echo.operations, 32);
	send_small(63, 1);
	wait_for_operations(64);
	send_small(64, 31);
	assert_int_equal(echo.operations, 64);
	send_small(95, 1);
	wait_for_operations(96);
	for (unsigned i = 0; i < 96; i++) collect_one(i, 10);
	assert_int_equal(echo.most, 16);
}

/* Three that are too few to go out by themselves. */
static void flush_sends_what_was_gathered(void **state)
{
	(void)state;
	start(COFFER_BATCH_MAX, 0);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(send_one(i, 10), COFFER_OK);
	assert_int_equal(coffer_flush(c), COFFER_OK);
	assert_int_equal(coffer_flush(c), COFFER_OK); /* nothing is left to do */
	wait_for_operations(3);
	assert_int_equal(echo.messages, 1);
	for (unsigned i = 0; i < 3; i++) collect_one(i, 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(results_come_in_the_order_of_sending, set_up, tear_down),
		cmocka_unit_test_setup_teardown(small_ones_share_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_that_drip_are_put_together, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_waits_for_the_other_when_all_is_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_more_than_the_limit_is_under_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_fit_into_the_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_contexts_are_spread_over_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(decrypt_and_rewrap_are_sent_ahead_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(results_can_be_looked_at_without_a_copy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_enough_goes_out_by_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(half_of_what_is_under_way_goes_out_together, set_up, tear_down),
		cmocka_unit_test_setup_teardown(small_ones_go_out_together_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(flush_sends_what_was_gathered, set_up, tear_down),
	};
	const char *seed = getenv("COFFER_SEED");
	random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	if (random_state == 0) random_state = 1;
	char name[64];
	snprintf(name, sizeof name, "%llu", (unsigned long long)random_state);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed) print_message("again with COFFER_SEED=%s\n", name);
	return failed;
}
