/* The table of peers: counts by principal, bounded, the one that left first goes first. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "daemon/peers.h"

#define PLENTY 100u

static enum coffer_err enter(struct peers *peers, unsigned uid, uint32_t most, struct peer **out)
{
	struct principal p;
	struct reason reason = { "" };
	principal_from_uid(uid, 1, &p);
	enum coffer_err err = peers_enter(peers, &p, most, out, &reason);
	assert_int_equal(err == ERR_OK, reason.text[0] == '\0');
	return err;
}

static void connections_of_one_principal_are_counted_together(void **state)
{
	struct peers *peers = peers_new(8);
	struct peer *a[3], *b;
	(void)state;
	assert_int_equal(enter(peers, 1, 2, &a[0]), ERR_OK);
	assert_int_equal(enter(peers, 1, 2, &a[1]), ERR_OK);
	assert_ptr_equal(a[0], a[1]);
	assert_int_equal(enter(peers, 1, 2, &a[2]), ERR_LIMIT);
	assert_int_equal(enter(peers, 2, 2, &b), ERR_OK);
	assert_ptr_not_equal(a[0], b);
	peers_leave(peers, a[0]);
	assert_int_equal(enter(peers, 1, 2, &a[2]), ERR_OK);
	assert_int_equal(a[1]->connections, 2);
	assert_int_equal(peers_count(peers), 2);
	peers_free(peers);
}

static void whoever_comes_back_finds_what_it_owes(void **state)
{
	struct peers *peers = peers_new(8);
	struct peer *a, *again;
	(void)state;
	assert_int_equal(enter(peers, 1, PLENTY, &a), ERR_OK);
	assert_int_equal(rate_take(&a->rate, 1, 1, 1, 1000), 0);
	peers_leave(peers, a);
	assert_int_equal(enter(peers, 1, PLENTY, &again), ERR_OK);
	assert_ptr_equal(again, a);
	assert_int_equal(rate_take(&again->rate, 1, 1, 1, 1000), 1000);
	peers_free(peers);
}

static void who_left_first_is_forgotten_and_who_is_connected_never(void **state)
{
	struct peers *peers = peers_new(3);
	struct peer *p[5];
	(void)state;
	for (unsigned uid = 0; uid < 3; uid++) assert_int_equal(enter(peers, uid, PLENTY, &p[uid]), ERR_OK);
	assert_int_equal(enter(peers, 3, PLENTY, &p[3]), ERR_LIMIT);
	p[1]->held = 77; /* a mark */
	peers_leave(peers, p[2]);
	peers_leave(peers, p[1]);
	assert_int_equal(enter(peers, 3, PLENTY, &p[3]), ERR_OK); /* for 2 */
	assert_int_equal(peers_count(peers), 3);
	assert_int_equal(enter(peers, 1, PLENTY, &p[1]), ERR_OK);
	assert_int_equal(p[1]->held, 77);
	assert_int_equal(enter(peers, 2, PLENTY, &p[2]), ERR_LIMIT);
	peers_leave(peers, p[0]);
	assert_int_equal(enter(peers, 2, PLENTY, &p[2]), ERR_OK);
	assert_int_equal(peers_count(peers), 3);
	peers_free(peers);
}

static void a_refused_connection_leaves_no_trace(void **state)
{
	struct peers *peers = peers_new(2);
	struct peer *a, *b;
	(void)state;
	assert_int_equal(enter(peers, 1, 1, &a), ERR_OK);
	for (int i = 0; i < 10; i++) assert_int_equal(enter(peers, 1, 1, &b), ERR_LIMIT);
	assert_int_equal(a->connections, 1);
	peers_leave(peers, a);
	assert_int_equal(enter(peers, 1, 1, &a), ERR_OK);
	peers_free(peers);
}

#define THREADS 4
#define ROUNDS 3000u

static struct peers *shared;
static _Atomic unsigned wrong;

static void *come_and_go(void *arg)
{
	unsigned at = *(unsigned *)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct peer *p;
		char text[32];
		unsigned uid = (at * 7919u + i * 31u) % 24u;
		if (enter(shared, uid, PLENTY, &p) != ERR_OK) {
			wrong++;
			continue;
		}
		snprintf(text, sizeof text, "unix:%u", uid);
		wrong += strcmp(p->principal.text, text) != 0;
		peers_leave(shared, p);
	}
	return NULL;
}

static void threads_that_come_and_go_leave_it_whole(void **state)
{
	pthread_t threads[THREADS];
	unsigned numbers[THREADS] = { 0, 1, 2, 3 };
	(void)state;
	shared = peers_new(5); /* always room for one more: at most four are connected */
	for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &numbers[i]), 0);
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(peers_count(shared), 5);
	peers_free(shared);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_of_one_principal_are_counted_together),
		cmocka_unit_test(whoever_comes_back_finds_what_it_owes),
		cmocka_unit_test(who_left_first_is_forgotten_and_who_is_connected_never),
		cmocka_unit_test(a_refused_connection_leaves_no_trace),
		cmocka_unit_test(threads_that_come_and_go_leave_it_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
