/* Streams that several threads begin on one connection. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "unit/client/stream_server.h"

#define SEGMENT 65536u

static struct server *server;
static struct coffer *c;
static struct stream_script script;

/* Others get a lock that was given back: without this the one who had it takes it again before they wake. */
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);
static _Atomic bool generous;

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
	int rc = __real_pthread_mutex_unlock(lock);
	struct timespec pause = { 0, 2000000 };
	if (generous) nanosleep(&pause, NULL);
	return rc;
}

static void *begins(void *arg)
{
	struct coffer_stream **stream = arg;
	uint8_t own[COFFER_STREAM_HEADER];
	return (void *)(uintptr_t)coffer_stream_seal(c, "disk", NULL, 0, SEGMENT, own, stream);
}

/* The daemon would give another one to whoever asks again; the first must not be lost. */
static void threads_that_begin_together_ask_for_one_ring(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		struct coffer_stream *one = NULL, *other = NULL;
		pthread_t thread;
		void *st = NULL;
		script = (struct stream_script){ .segment_size = SEGMENT, .has_ring = true };
		server = server_start(serve_streams, &script);
		c = server_connect(server, 10000, 0);
		generous = true;
		assert_int_equal(pthread_create(&thread, NULL, begins, &other), 0);
		assert_ptr_equal(begins(&one), NULL);
		assert_int_equal(pthread_join(thread, &st), 0);
		generous = false;
		assert_ptr_equal(st, NULL);
		assert_int_equal(script.asked, 1);
		assert_true(coffer_stream_in_ring(one) && coffer_stream_in_ring(other));
		coffer_stream_close(one);
		coffer_stream_close(other);
		coffer_close(c);
		server_stop(server);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_that_begin_together_ask_for_one_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
