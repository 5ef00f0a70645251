/* When a worker polls: while requests come at short gaps, and not when nobody asks, when they come late, or when others want the processor. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_arena.h"
#include "unit/daemon/worker_setting.h"

/* A byte of a request comes `gap_ms` after the worker slept; it is read, and then the worker polls or not. */
static uint64_t request_after(struct setting *s, uint64_t gap_ms)
{
	s->step_every = 0;
	s->now_ms += gap_ms;
	assert_int_equal(send(s->client, "B", 1, 0), 1);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_int_equal(s->workers[0].poll.hot_count, 1);
	s->step_every = 64;
	worker_poll(&s->workers[0]);
	assert_int_equal(s->workers[0].poll.hot_count, 0);
	return s->workers[0].poll.polls;
}

static void a_worker_that_is_asked_nothing_never_polls(void **state)
{
	struct setting *s = *state;
	for (unsigned i = 0; i < 100; i++) worker_poll(&s->workers[0]);
	assert_int_equal(s->workers[0].poll.polls, 0);
}

static void requests_that_come_late_are_not_polled_for(void **state)
{
	struct setting *s = *state;
	for (unsigned i = 0; i < 4; i++) assert_int_equal(request_after(s, 50), 0);
}

static void requests_at_short_gaps_are_polled_for(void **state)
{
	struct setting *s = *state;
	assert_int_equal(request_after(s, 50), 0);
	assert_int_equal(request_after(s, 1), 1);
}

static void busy_poll_0_is_none(void **state)
{
	struct setting *s = *state;
	s->config.busy_poll_us = 0;
	for (unsigned i = 0; i < 4; i++) assert_int_equal(request_after(s, 1), 0);
}

static void a_lost_processor_ends_the_polling_for_longer_each_time(void **state)
{
	struct setting *s = *state;
	uint64_t pause = 0;
	for (uint64_t lost = 1; lost <= 12; lost++) {
		while (s->workers[0].poll.lost < lost) { /* each step of the clock is one that others ran on this processor */
			uint64_t polls = request_after(s, 1);
			assert_in_range(polls, lost - 1, lost + 1); /* one may end in vain, where the clock steps before it begins */
		}
		assert_true(s->workers[0].poll.pause_ns > pause || pause >= 256000000u);
		pause = s->workers[0].poll.pause_ns;
		s->workers[0].poll.trust = 1;
	}
	assert_int_equal(pause, 256000000u);
}

/* Requests one after the other, each 1 ms after the worker slept. */
static uint64_t polls_of(struct setting *s, unsigned requests)
{
	uint64_t before = s->workers[0].poll.polls;
	for (unsigned i = 0; i < requests; i++) request_after(s, 1);
	return s->workers[0].poll.polls - before;
}

static void while_the_pause_lasts_nothing_is_polled_for(void **state)
{
	struct setting *s = *state;
	s->workers[0].poll.pause_ns = 64000000u; /* the next is twice as long */
	while (s->workers[0].poll.lost == 0) request_after(s, 1);
	assert_int_equal(s->workers[0].poll.pause_ns, 128000000u);
	s->workers[0].poll.trust = 1;
	assert_int_equal(polls_of(s, 100), 0);
	s->now_ms += 100;
	assert_int_equal(polls_of(s, 2) > 0, true);
}

static void polling_in_vain_is_made_good_for_first(void **state)
{
	struct setting *s = *state;
	s->step_every = 0;
	s->workers[0].poll.trust = 1;
	s->now_ms += 1;
	assert_int_equal(send(s->client, "B", 1, 0), 1);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	s->step_every = 64;
	s->asked = 61; /* the clock goes on just when it was asked for how long to poll: that time is over, and nobody took the processor */
	worker_poll(&s->workers[0]);
	assert_int_equal(s->workers[0].poll.polls, 1);
	assert_int_equal(s->workers[0].poll.lost, 0);
	assert_int_equal(polls_of(s, 8), 0);
	assert_int_equal(polls_of(s, 2) > 0, true);
}

/* Each of two busy connections has a client, and there are two processors. */
static void where_clients_want_all_processors_nothing_is_polled_for(void **state)
{
	struct setting *s = *state;
	struct worker_poll *other = &s->workers[1].poll;
	s->workers[0].poll.trust = 1;
	other->served = 1;
	other->served_ns = (s->now_ms + 1) * 1000000u;
	assert_int_equal(polls_of(s, 1), 0);
	s->now_ms += 2; /* the other client has stopped */
	assert_int_equal(polls_of(s, 1), 1);
}

/* ---- the glance of a worker that does not poll ---- */

/* The other one's clients want the processors. A request in packets of a byte each: what was asked once has taken one. */
static void connect_packets(struct setting *s)
{
	worker_setting_connect(s, SOCK_SEQPACKET);
	s->workers[1].poll.served = 1;
	s->workers[1].poll.served_ns = UINT64_MAX / 2;
	assert_int_equal(send(s->client, worker_setting_header, sizeof worker_setting_header, 0), (ssize_t)sizeof worker_setting_header);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
}

static void send_packets(struct setting *s, unsigned count)
{
	for (unsigned i = 0; i < count; i++) assert_int_equal(send(s->client, "B", 1, 0), 1);
}

/* Bytes of the request that worker_poll took. */
static size_t taken_by_poll(struct setting *s)
{
	size_t before = s->conn->in.len;
	worker_poll(&s->workers[0]);
	return s->conn->in.len - before;
}

static void what_is_there_before_the_worker_sleeps_is_taken_without(void **state)
{
	struct setting *s = *state;
	connect_packets(s);
	send_packets(s, 3);
	assert_int_equal(taken_by_poll(s), 3);
	assert_int_equal(s->workers[0].poll.polls, 0);
	assert_int_equal(s->workers[0].poll.hot_count, 0);
	send_packets(s, 40); /* others have their turn between */
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_int_equal(taken_by_poll(s), 16);
	s->config.busy_poll_us = 0;
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_int_equal(taken_by_poll(s), 0);
}

static void after_glances_in_vain_only_some_are_taken(void **state)
{
	struct setting *s = *state;
	connect_packets(s);
	struct worker_poll *p = &s->workers[0].poll;
	p->vain = 0;
	p->glances = 0;
	for (unsigned i = 0; i < 4 + 32; i++) {
		send_packets(s, 1);
		assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
		assert_int_equal(taken_by_poll(s), 0);
	}
	assert_int_equal(p->glances, 4 + 2);
	for (unsigned i = 0; i < 16 && p->vain; i++) { /* one that finds something makes good for them */
		send_packets(s, 2);
		assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
		taken_by_poll(s);
	}
	assert_int_equal(p->vain, 0);
	send_packets(s, 4);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_in_range(taken_by_poll(s), 3, 40);
}

/* More connections than are remembered: the worker does not sleep, and none of them is asked before the others. */
static void many_have_their_turn_one_after_the_other(void **state)
{
	struct setting *s = *state;
	connect_packets(s);
	for (unsigned i = 0; i < WORKER_HOT_MAX; i++) worker_poll_note(&s->workers[0], s->conn + i + 1, 1); /* never asked */
	worker_poll_note(&s->workers[0], s->conn, 1);
	assert_true(s->workers[0].poll.crowded);
	send_packets(s, 3);
	assert_int_equal(taken_by_poll(s), 0);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	assert_int_equal(taken_by_poll(s), 2);
}

static void no_more_workers_poll_than_half_of_them(void **state)
{
	struct setting *s = *state;
	s->daemon.pollers = 1; /* another one of two */
	assert_int_equal(request_after(s, 1), 0);
	assert_int_equal(request_after(s, 1), 0);
	s->daemon.pollers = 0;
	assert_int_equal(request_after(s, 1), 1);
}

static void a_connection_that_ends_is_not_asked_again(void **state)
{
	struct setting *s = *state;
	s->now_ms += 1;
	assert_int_equal(send(s->client, "B", 1, 0), 1);
	assert_int_equal(event_base_loop(s->workers[0].base, EVLOOP_ONCE), 0);
	conn_close(s->conn);
	s->conn = NULL;
	assert_int_equal(s->workers[0].poll.hot_count, 0);
	worker_poll(&s->workers[0]);
	assert_int_equal(s->workers[0].poll.polls, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, worker_setting_start, worker_setting_stop)
	const struct CMUnitTest tests[] = {
		CASE(a_worker_that_is_asked_nothing_never_polls),
		CASE(requests_that_come_late_are_not_polled_for),
		CASE(requests_at_short_gaps_are_polled_for),
		CASE(busy_poll_0_is_none),
		CASE(a_lost_processor_ends_the_polling_for_longer_each_time),
		CASE(while_the_pause_lasts_nothing_is_polled_for),
		CASE(polling_in_vain_is_made_good_for_first),
		CASE(where_clients_want_all_processors_nothing_is_polled_for),
		CASE(what_is_there_before_the_worker_sleeps_is_taken_without),
		CASE(after_glances_in_vain_only_some_are_taken),
		CASE(many_have_their_turn_one_after_the_other),
		CASE(no_more_workers_poll_than_half_of_them),
		CASE(a_connection_that_ends_is_not_asked_again),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
