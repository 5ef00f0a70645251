/* A name service that does not answer for one host: the hosts beside it are used, and every wait has its end. */
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "contract.h"
#include "store/postgres.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool answers;     /* the name service; guarded by the lock, as the next ones */
static unsigned asked, answered;
static bool all_asked;   /* both names of a test */

/* With the lock; false: not within 20 seconds. */
static bool await(const bool *what)
{
	struct timespec end;
	int rc = 0;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	while (!*what && rc == 0) rc = pthread_cond_timedwait(&changed, &lock, &end);
	return *what;
}

/* In the place of the C library's: libpq's folders do not come here. Nothing hangs for ever, so that a caller that waits for it fails and does not. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)out;
	pthread_mutex_lock(&lock);
	all_asked = ++asked % 2 == 0;
	pthread_cond_broadcast(&changed);
	await(&answers);
	answered++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return EAI_AGAIN;
}

/* folder: the test's server is in the middle of the list. */
static void write_conninfo(const char *before, bool folder, const char *after, char out[static 512])
{
	const char *served = getenv("COFFER_TEST_POSTGRES"); /* "host=FOLDER user=…" */
	const char *rest = strchr(served, ' ');
	assert_true(rest && strncmp(served, "host=", 5) == 0);
	assert_true(snprintf(out, 512, "host=%s%.*s%s%s", before, folder ? (int)(rest - served - 5) : 0, served + 5, after, rest) < 512);
}

static enum coffer_err open_at(const char *before, bool folder, const char *after, uint32_t connect_ms, struct store **out, struct reason *reason)
{
	char conninfo[512];
	write_conninfo(before, folder, after, conninfo);
	const struct postgres_config config = { .conninfo = conninfo, .schema = contract_schema(), .writer = 1, .connect_ms = connect_ms, .statement_ms = 10000 };
	return store_open_postgres(&config, out, reason);
}

static int ask_anew(void **state)
{
	(void)state;
	pthread_mutex_lock(&lock);
	answers = all_asked = false;
	asked = answered = 0;
	pthread_mutex_unlock(&lock);
	return 0;
}

/* Threads that nobody waits for end by themselves, and before the next test begins to count. */
static int answer_all(void **state)
{
	(void)state;
	pthread_mutex_lock(&lock);
	answers = true;
	pthread_cond_broadcast(&changed);
	bool both = await(&all_asked);
	while (answered < asked) pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return both ? 0 : -1;
}

static void a_name_that_is_not_found_keeps_nobody_from_the_next_host(void **state)
{
	struct store *s = NULL;
	struct reason reason = { "" };
	(void)state;
	enum coffer_err err = open_at("slow.invalid,", true, ",slower.invalid", 6000, &s, &reason);
	if (err) fail_msg("%s", reason_text(&reason, err));
	pthread_mutex_lock(&lock);
	bool both = await(&all_asked);
	unsigned told = answered;
	pthread_mutex_unlock(&lock);
	assert_true(both && told == 0);
	contract_put(s, STORE_OBJECT, "a", "1");
	store_close(s);
}

static void names_that_are_not_found_end_at_the_deadline(void **state)
{
	struct store *s = NULL;
	struct reason reason = { "" };
	uint64_t from = clock_mono_ms();
	(void)state;
	assert_int_equal(open_at("slow.invalid,", false, "slower.invalid", 300, &s, &reason), ERR_TIMEOUT);
	assert_true(clock_mono_ms() - from < 6000);
	if (!strstr(reason.text, "name service")) fail_msg("%s", reason.text);
}

static void a_name_that_there_is_not_is_told(void **state)
{
	struct store *s = NULL;
	struct reason reason = { "" };
	(void)state;
	answers = true;
	assert_int_equal(open_at("one.invalid,", false, "two.invalid", 10000, &s, &reason), ERR_CLOSED);
	if (!strstr(reason.text, "one.invalid") || !strstr(reason.text, "two.invalid")) fail_msg("%s", reason.text);
}

/* The program under its filter of system calls: the name is there, and nobody listens at that port. */
static void coffer_stored_may_ask_for_names(void **state)
{
	char conninfo[512];
	struct store *s = NULL;
	enum coffer_err lost = ERR_OK;
	struct reason reason = { "" };
	(void)state;
	write_conninfo("localhost,", true, " port=1,5432", conninfo);
	const struct remote_config config = { .conninfo = conninfo, .schema = contract_schema(), .passfile = "", .writer = 1, .connect_ms = 10000, .statement_ms = 10000 };
	assert_int_equal(store_open_remote(&config, &contract_spawner, &s, &lost, &reason), ERR_OK);
	if (lost) fail_msg("%s", reason_text(&reason, lost));
	contract_put(s, STORE_OBJECT, "a", "1");
	store_close(s);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
#define TEST(name) cmocka_unit_test_setup_teardown(name, ask_anew, answer_all)
	const struct CMUnitTest tests[] = {
		TEST(a_name_that_is_not_found_keeps_nobody_from_the_next_host),
		TEST(names_that_are_not_found_end_at_the_deadline),
		TEST(a_name_that_there_is_not_is_told),
		cmocka_unit_test(coffer_stored_may_ask_for_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
