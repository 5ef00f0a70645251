/* What the remote store promises beyond the contract: coffer-stored that ends, hangs, is not there, or says what it should not. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"
#include "store/postgres.h"
#include "store/remote_wire.h"

/* Until the other process has ended or stopped as it was told. */
static void await_state(pid_t pid, int options)
{
	siginfo_t info;
	memset(&info, 0, sizeof info);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, options | WNOWAIT), 0);
}

static void end_stored(void)
{
	assert_int_equal(kill(contract_stored_pid, SIGKILL), 0);
	await_state(contract_stored_pid, WEXITED);
}

static void an_end_before_the_commit_leaves_nothing_and_reopening_helps(void **state)
{
	struct store *s = contract_store(state);
	struct reason reason = { "" };
	contract_put(s, STORE_OBJECT, "a", "1");
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "b", "1", false), ERR_OK);
	end_stored();
	assert_int_equal(contract_put_inside(s, "c", "1", false), ERR_CLOSED);
	assert_int_equal(store_commit(s, &reason), ERR_CLOSED);
	assert_non_null(strstr(reason.text, "nothing was changed"));
	assert_int_equal(store_begin(s, NULL), ERR_CLOSED); /* not made anew underneath */
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	assert_false(contract_has(s, STORE_OBJECT, "b"));
	contract_expect(s, STORE_OBJECT, "a", "1");
	contract_put(s, STORE_OBJECT, "b", "2");
}

static void an_end_at_the_commit_is_of_unknown_outcome(void **state)
{
	struct store *s = contract_store(state);
	struct store_row row;
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "b", "1", false), ERR_OK);
	end_stored();
	assert_int_equal(store_commit(s, NULL), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(store_begin(s, NULL), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(store_get(s, STORE_OBJECT, view_str("b"), &row), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	assert_false(contract_has(s, STORE_OBJECT, "b")); /* it had ended before */
}

static void a_transaction_in_which_nothing_was_asked_needs_no_process(void **state)
{
	struct store *s = contract_store(state);
	end_stored();
	contract_begin(s);
	contract_commit(s);
	contract_begin(s);
	store_rollback(s);
}

/* A machine under load may miss short deadlines too: then it is tried again. */
static void reopen_in_time(struct store *s)
{
	enum coffer_err err = ERR_TIMEOUT;
	for (int i = 0; i < 100 && err; i++) err = store_reopen(s, NULL);
	assert_int_equal(err, ERR_OK);
}

static void a_process_that_hangs_is_ended_at_the_deadline(void **state)
{
	struct contract *c = *state;
	struct remote_facts facts;
	struct store_row row;
	enum coffer_err lost = ERR_OK;
	const struct remote_config config = { .conninfo = getenv("COFFER_TEST_POSTGRES"), .schema = contract_last_schema(), .passfile = "", .writer = 7001,
		.connect_ms = 10000, .statement_ms = 300 };
	contract_put(c->store, STORE_OBJECT, "a", "1");
	store_close(c->store);
	c->store = NULL;
	assert_int_equal(store_open_remote(&config, &contract_spawner, &c->store, &lost, NULL), ERR_OK);
	if (lost) reopen_in_time(c->store);
	pid_t pid = contract_stored_pid;
	assert_int_equal(kill(pid, SIGSTOP), 0);
	await_state(pid, WSTOPPED);
	assert_int_equal(store_get(c->store, STORE_OBJECT, view_str("a"), &row), ERR_TIMEOUT);
	assert_int_equal(contract_stored_pid, 0); /* killed and reaped */
	store_remote_facts(c->store, &facts);
	assert_true(facts.lost_wall_s > 0);
	reopen_in_time(c->store);
	assert_int_not_equal(contract_stored_pid, pid);
	store_remote_facts(c->store, &facts);
	assert_int_equal(facts.lost_wall_s, 0);
	assert_true(facts.opened >= 2);
	assert_non_null(strstr(facts.server, ":"));
	assert_true(facts.version >= 140000);
}

static enum coffer_err start_nobody(void *arg, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	(void)arg;
	(void)out_fd;
	(void)out_instance;
	return reason_fail(reason, ERR_TIMEOUT, "nobody starts it");
}

static void kill_nobody(void *arg, uint32_t instance)
{
	(void)arg;
	(void)instance;
}

static enum coffer_err open_with(const struct store_spawner *spawner, const char *conninfo, struct store **out, enum coffer_err *lost, struct reason *reason)
{
	const struct remote_config config = { .conninfo = conninfo, .schema = "nobody", .passfile = "", .writer = 1, .connect_ms = 10000, .statement_ms = 10000 };
	return store_open_remote(&config, spawner, out, lost, reason);
}

static void a_database_that_is_away_is_no_failure_and_one_that_is_misnamed_is(void **state)
{
	const struct store_spawner nobody = { start_nobody, kill_nobody, NULL };
	struct store *s = NULL;
	enum coffer_err lost = ERR_OK;
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(open_with(&nobody, "", &s, &lost, &reason), ERR_OK);
	assert_int_equal(lost, ERR_TIMEOUT);
	assert_string_equal(reason.text, "nobody starts it");
	assert_int_equal(store_begin(s, NULL), ERR_CLOSED);
	assert_int_equal(store_reopen(s, NULL), ERR_TIMEOUT);
	store_close(s);
	assert_int_equal(open_with(&contract_spawner, "host=/nowhere/at/all dbname=x", &s, &lost, &reason), ERR_OK);
	assert_int_equal(lost, ERR_CLOSED);
	store_close(s);
	assert_int_equal(open_with(&contract_spawner, "no_such_word=1", &s, &lost, &reason), ERR_USAGE);
	assert_int_equal(open_with(&contract_spawner, "host=/tmp password=hunter2", &s, &lost, &reason), ERR_USAGE);
	assert_non_null(strstr(reason.text, "password"));
	assert_null(strstr(reason.text, "hunter2"));
	assert_int_equal(open_with(&contract_spawner, "host=/tmp options=-cfsync=off", &s, &lost, &reason), ERR_USAGE);
}

/* A process that was taken over from the network: what it says is believed only as far as it has a form. */
struct liar {
	void *(*run)(void *);     /* gets this struct */
	int fd;
	const char *answer;
	size_t len;
	pthread_t thread;
};

static void *lie(void *arg)
{
	struct liar *l = arg;
	uint8_t byte[4096];
	static const uint8_t open[] = { 0, 0, 0, 20, REMOTE_OPEN, 0, 0, 2, 0x49, 0xf4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0 };
	if (read(l->fd, byte, sizeof byte) > 0 && write(l->fd, open, sizeof open) == (ssize_t)sizeof open && read(l->fd, byte, sizeof byte) > 0)
		(void)!write(l->fd, l->answer, l->len);
	while (read(l->fd, byte, sizeof byte) > 0) ;
	close(l->fd);
	return NULL;
}

static enum coffer_err start_liar(void *arg, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	int pair[2];
	struct liar *l = arg;
	(void)reason;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return ERR_IO;
	l->fd = pair[1];
	*out_fd = pair[0];
	*out_instance = 1;
	return pthread_create(&l->thread, NULL, l->run, l) == 0 ? ERR_OK : ERR_MEMORY;
}

/* Its channel is closed by then. */
static void join_liar(void *arg, uint32_t instance)
{
	(void)instance;
	pthread_join(((struct liar *)arg)->thread, NULL);
}

static void answers_without_form_or_to_another_question_end_the_process(void **state)
{
	static const struct { const char *bytes; size_t len; } lies[] = {
#define LIE(text) { text, sizeof text - 1 }
		LIE("\xff\xff\xff\xff"),                         /* longer than any frame */
		LIE("\0\0\0\0"),
		LIE("\0\0\0\x0a\x06\0\0\0\0\0\0\0\0\x01"),      /* a count for a get */
		LIE("\0\0\0\x02\x02\x63"),                       /* an error that there is not */
		LIE("\0\0\0\x04\x02\0\x01\0"),                   /* a row without an id */
		LIE("\0\0\0\x1d\x02\0\x01\x01z\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0"), /* another row than the one asked for */
	};
	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct liar liar = { .run = lie, .answer = lies[i].bytes, .len = lies[i].len };
		const struct store_spawner spawner = { start_liar, join_liar, &liar };
		struct store *s = NULL;
		struct store_row row;
		enum coffer_err lost = ERR_OK;
		assert_int_equal(open_with(&spawner, "", &s, &lost, NULL), ERR_OK);
		assert_int_equal(lost, ERR_OK);
		enum coffer_err err = store_get(s, STORE_OBJECT, view_str("a"), &row);
		if (i + 1 == sizeof lies / sizeof lies[0]) assert_int_equal(err, ERR_CORRUPT);
		else assert_int_equal(err, ERR_CLOSED);
		store_close(s);
	}
}

/* The database takes a while for each of many changes, within its deadline for each wait, and cofferd has sent them all: it waits for as long as coffer-stored may. */
#define SLOW_STATEMENT_MS 100u
#define SLOW_MS 2000           /* more than for a COMMIT that nothing was sent before, less than for one behind SLOW_CALLS */
#define SLOW_CALLS (20u * POSTGRES_SENT_MAX / 2u)

static bool read_all(int fd, uint8_t *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, to + at, len - at);
		if (n <= 0) return false;
		at += (size_t)n;
	}
	return true;
}

/* The code of the operation that the next request is for; 0: there is none. */
static uint8_t next_op(int fd)
{
	uint8_t head[4], body[4096];
	if (!read_all(fd, head, sizeof head)) return 0;
	size_t len = (size_t)head[2] << 8 | head[3];
	return len && len <= sizeof body && read_all(fd, body, len) ? body[0] : 0;
}

static void *be_slow(void *arg)
{
	struct liar *l = arg;
	static const uint8_t open[] = { 0, 0, 0, 20, REMOTE_OPEN, 0, 0, 2, 0x49, 0xf4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0 }, yes[] = { 0, 0, 0, 2, REMOTE_COMMIT, 0 };
	uint8_t op;
	while ((op = next_op(l->fd)) != 0) {
		if (op == REMOTE_OPEN) (void)!write(l->fd, open, sizeof open);
		if (op != REMOTE_COMMIT) continue;
		poll(NULL, 0, SLOW_MS);
		(void)!write(l->fd, yes, sizeof yes);
	}
	close(l->fd);
	return NULL;
}

static enum coffer_err commit_slowly(uint32_t changes)
{
	struct liar slow = { .run = be_slow };
	const struct store_spawner spawner = { start_liar, join_liar, &slow };
	const struct remote_config config = { .conninfo = "", .schema = "nobody", .passfile = "", .writer = 1, .connect_ms = 10000, .statement_ms = SLOW_STATEMENT_MS };
	struct store *s = NULL;
	enum coffer_err lost = ERR_OK;
	assert_int_equal(store_open_remote(&config, &spawner, &s, &lost, NULL), ERR_OK);
	contract_begin(s);
	for (uint32_t i = 0; i < changes; i++) assert_int_equal(contract_put_inside(s, "a", "1", true), ERR_OK);
	enum coffer_err err = store_commit(s, NULL);
	store_close(s);
	return err;
}

static void a_commit_behind_many_changes_is_waited_for_as_long_as_they_may_take(void **state)
{
	(void)state;
	assert_int_equal(commit_slowly(1), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(commit_slowly(SLOW_CALLS), ERR_OK);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup_remote, contract_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_end_before_the_commit_leaves_nothing_and_reopening_helps),
		TEST(an_end_at_the_commit_is_of_unknown_outcome),
		TEST(a_transaction_in_which_nothing_was_asked_needs_no_process),
		TEST(a_process_that_hangs_is_ended_at_the_deadline),
		cmocka_unit_test(a_database_that_is_away_is_no_failure_and_one_that_is_misnamed_is),
		cmocka_unit_test(a_commit_behind_many_changes_is_waited_for_as_long_as_they_may_take),
		cmocka_unit_test(answers_without_form_or_to_another_question_end_the_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
