/* Secret memory is shared fairly: a principal has at most half of what the others leave, over all its connections. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

#define MIB (1024u * 1024u)
#define LIMIT (48u * MIB)
#define FRAME (MIB - ARENA_CANARY_LEN) /* with its answer: 2 MiB */

struct setting {
	struct daemon daemon;
	struct worker worker;
	struct conn conns[64];
	struct peer *peers[4];
	size_t used;
};

static int start(void **state)
{
	struct setting *s = calloc(1, sizeof *s);
	if (!s || pthread_mutex_init(&s->daemon.budget_lock, NULL) != 0) return -1;
	s->worker.daemon = &s->daemon;
	s->daemon.bulk_limit = LIMIT;
	for (size_t i = 0; i < 4; i++) {
		s->peers[i] = calloc(1, sizeof *s->peers[i] + 1);
		if (!s->peers[i]) return -1;
	}
	*state = s;
	return 0;
}

/* Nothing is left counted. */
static int stop(void **state)
{
	struct setting *s = *state;
	for (size_t i = 0; i < s->used; i++) conn_release(&s->conns[i]);
	int left = s->daemon.bulk_used != 0;
	for (size_t i = 0; i < 4; i++) {
		left |= s->peers[i]->held != 0;
		free(s->peers[i]);
	}
	free(s);
	return left ? -1 : 0;
}

static struct conn *connect_as(struct setting *s, size_t peer)
{
	struct conn *c = &s->conns[s->used++];
	*c = (struct conn){ .worker = &s->worker, .peer = s->peers[peer] };
	c->job.conn = c;
	return c;
}

/* How many frames of this size the principal gets admitted, each on a connection of its own. */
static size_t admit_all(struct setting *s, size_t peer, size_t frame)
{
	size_t n = 0;
	while (conn_admit(connect_as(s, peer), frame) == ERR_OK) n++;
	return n;
}

static void a_principal_gets_half_of_what_the_others_leave(void **state)
{
	struct setting *s = *state;
	assert_int_equal(admit_all(s, 0, FRAME), 12); /* 24 of 48 */
	assert_int_equal(admit_all(s, 1, FRAME), 6);  /* 12 of 24 */
	assert_int_equal(admit_all(s, 2, FRAME), 3);
	assert_int_equal(admit_all(s, 3, FRAME), 1);
	assert_int_equal(s->daemon.bulk_used, 22 * 2 * MIB);
	conn_release(&s->conns[0]);
	assert_int_equal(conn_admit(&s->conns[0], FRAME), ERR_BUSY); /* 22 of the 28 that the others leave: it has to come down to its half */
	for (size_t i = 1; i < 6; i++) conn_release(&s->conns[i]);
	assert_int_equal(conn_admit(&s->conns[0], FRAME), ERR_OK);
}

static void one_request_is_admitted_whenever_there_is_room(void **state)
{
	struct setting *s = *state;
	assert_int_equal(admit_all(s, 0, 8 * MIB), 1);   /* 32 with its answer: more than the half */
	assert_int_equal(admit_all(s, 1, 8 * MIB), 0);   /* no room */
	assert_int_equal(admit_all(s, 1, FRAME), 4);
	assert_int_equal(conn_admit(connect_as(s, 2), LIMIT), ERR_TOO_LARGE);
}

static void one_large_request_is_admitted_beside_small_ones(void **state)
{
	struct setting *s = *state;
	struct conn *c = connect_as(s, 0), *other = connect_as(s, 0);
	admit_all(s, 1, FRAME);
	admit_all(s, 2, FRAME);
	admit_all(s, 3, FRAME); /* 6 of 48 are left */
	other->out.cap = other->out.len = 4 * MIB - ARENA_CANARY_LEN;
	conn_hold_answers(other);
	c->in.cap = CONN_READ_CHUNK;
	c->in.len = 20;
	conn_hold_input(c);
	assert_int_equal(conn_admit(c, FRAME), ERR_OK);
	assert_int_equal(s->peers[0]->held, 6 * MIB);
	conn_hold_input(c);
	assert_int_equal(c->in_budget, 0);
	assert_int_equal(conn_admit(other, FRAME), ERR_BUSY);
	conn_release(c);
	assert_int_equal(s->peers[0]->large, 0);
}

static void a_frame_that_was_admitted_is_not_counted_twice(void **state)
{
	struct setting *s = *state;
	struct conn *c = connect_as(s, 0);
	for (int i = 0; i < 3; i++) assert_int_equal(conn_admit(c, FRAME), ERR_OK);
	assert_int_equal(s->daemon.bulk_used, 2 * MIB);
	c->job.request.frame.cap = FRAME;
	c->job.request.answer.cap = FRAME;
	conn_hold(&c->job);
	assert_int_equal(s->daemon.bulk_used, 2 * MIB);
}

static void answers_count_until_they_are_sent(void **state)
{
	struct setting *s = *state;
	struct conn *c = connect_as(s, 0);
	c->job.request.answer.cap = 3 * MIB;
	conn_hold(&c->job);
	assert_int_equal(s->peers[0]->held, 4 * MIB);
	c->out.cap = 3 * MIB;
	conn_answered(c);
	assert_int_equal(s->peers[0]->held, 4 * MIB);
	assert_int_equal(c->budget, 0);
	c->out.cap = 0;
	conn_hold_answers(c);
	assert_int_equal(s->peers[0]->held, 0);
}

static void what_is_small_counts_when_it_stays(void **state)
{
	struct setting *s = *state;
	struct conn *c = connect_as(s, 0);
	c->out.cap = c->in.cap = CONN_READ_CHUNK;
	c->out.len = 300;
	conn_answered(c);
	conn_hold_input(c);
	assert_int_equal(s->daemon.bulk_used, 0); /* on its way */
	c->in.len = 20;
	conn_hold_input(c);
	conn_hold_answers(c);
	assert_int_equal(s->peers[0]->held, 2 * CONN_READ_BLOCK);
	c->job.request.frame.cap = CONN_READ_CHUNK;
	conn_hold(&c->job);
	assert_int_equal(s->peers[0]->held, 3 * CONN_READ_BLOCK);
	c->in.len = c->out.len = 0;
	conn_answered(c);
	conn_hold_input(c);
	conn_hold_answers(c);
	assert_int_equal(s->peers[0]->held, 0);
}

static void whoever_takes_no_answers_begins_nothing_more(void **state)
{
	struct setting *s = *state;
	struct conn *c = NULL, *admitted = connect_as(s, 0);
	assert_int_equal(conn_admit(admitted, FRAME), ERR_OK);
	for (int i = 0; i < 6; i++) {
		c = connect_as(s, 0);
		assert_true(conn_may_begin(c));
		c->out.cap = 4 * MIB - ARENA_CANARY_LEN;
		conn_answered(c);
	}
	assert_false(conn_may_begin(c)); /* 26 of 48 */
	assert_true(conn_may_begin(admitted)); /* its memory was set aside */
	assert_true(conn_may_begin(connect_as(s, 1)));
	assert_false(conn_overdrawn(c)); /* there is room still */
	for (int i = 0; i < 6; i++) {
		c = connect_as(s, 0);
		c->out.cap = 4 * MIB - ARENA_CANARY_LEN; /* what ran already */
		conn_answered(c);
	}
	assert_true(conn_overdrawn(c));
	assert_false(conn_overdrawn(connect_as(s, 1)));
	assert_true(conn_may_begin(connect_as(s, 1)));
	assert_int_equal(conn_admit(connect_as(s, 1), FRAME), ERR_BUSY);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		T(a_principal_gets_half_of_what_the_others_leave), T(one_request_is_admitted_whenever_there_is_room),
		T(one_large_request_is_admitted_beside_small_ones), T(a_frame_that_was_admitted_is_not_counted_twice), T(answers_count_until_they_are_sent),
		T(what_is_small_counts_when_it_stays), T(whoever_takes_no_answers_begins_nothing_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
