/* Status of a node that is not open: at once, whatever an opening under way waits for. */
#include "unit/ops/vendor.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ops/token_of.h"
#include "unit/ops/fake_token.h"

#define DEADLINE_MS 20000u
#define AT_ONCE_MS 1000u
#define HANGS_S 15u /* then the test program ends */

struct scene {
	struct fix *f;
	struct fake_token token;
	struct token_proxy *proxy;
	pthread_t opening;
	_Atomic bool holds;
};

/* What an opening does: a token call under admin_lock. */
static void *open_node(void *arg)
{
	struct scene *s = arg;
	struct secret *out = NULL;
	pthread_mutex_lock(&s->f->engine.admin_lock);
	s->holds = true;
	enum coffer_err err = token_proxy_unwrap(s->proxy, view_str("a wrapped data key"), &out, NULL);
	pthread_mutex_unlock(&s->f->engine.admin_lock);
	secret_free(out);
	return (void *)(uintptr_t)err;
}

static void start(struct scene *s, void **state)
{
	struct token_binding binding = { .mechanism = "fake-xor" };
	*s = (struct scene){ .f = *state };
	struct engine *e = &s->f->engine;
	clock_set_source(NULL);
	fake_token_init(&s->token);
	struct token_proxy_config config = { .uri = "tpm2:fake", .binding = &binding, .spawner = &s->token.spawner, .deadline_ms = DEADLINE_MS, .probe_interval_ms = 3600000 };
	assert_int_equal(token_proxy_new(&config, &s->proxy, NULL), ERR_OK);
	assert_int_equal(token_proxy_probe_now(s->proxy, 5000, NULL), ERR_OK);
	token_set(e, s->proxy);
	e->state = ENGINE_SEALED;
	s->token.silent = true;
	assert_int_equal(pthread_create(&s->opening, NULL, open_node, s), 0);
	for (uint64_t until = clock_mono_ms() + 5000; !s->holds && clock_mono_ms() < until;) usleep(1000);
	assert_true(s->holds);
}

static void end(struct scene *s)
{
	void *err;
	token_proxy_stop(s->proxy); /* which ends the call */
	pthread_join(s->opening, &err);
	assert_int_not_equal((enum coffer_err)(uintptr_t)err, ERR_OK);
	token_proxy_free(s->proxy);
	fake_token_done(&s->token);
}

/* As root, who may always read it. */
static uint64_t ask_status(struct fix *f, const char *wanted)
{
	struct ask a;
	struct answer answer;
	uint64_t began = clock_mono_ms();
	ask_one(&a, OPERATION_COFFER_STATUS);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, 0, &a, &answer);
	struct view text = vendor_text(&answer, TAG_COFFER_STATUS_JSON);
	assert_non_null(memmem(text.ptr, text.len, wanted, strlen(wanted)));
	assert_non_null(memmem(text.ptr, text.len, "\"token\"", 7));
	answer_free(&answer);
	return clock_mono_ms() - began;
}

static void status_waits_for_no_opening(void **state)
{
	static const struct { enum engine_state state; const char *name; } cases[] = { { ENGINE_SEALED, "\"sealed\"" }, { ENGINE_FAULT, "\"fault\"" } };
	struct scene s;
	start(&s, state);
	alarm(HANGS_S);
	usleep(1100 * 1000u); /* older than what status takes for fresh: an open node would ask the token again */
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		s.f->engine.state = (int)cases[i].state;
		uint64_t took = ask_status(s.f, cases[i].name);
		if (took > AT_ONCE_MS) fail_msg("status took %llu ms", (unsigned long long)took);
	}
	alarm(0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(status_waits_for_no_opening, fix_start, fix_stop) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
