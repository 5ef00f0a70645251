/* Unseal with a PIN: which token is asked, and what the answer counts for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ops/attend_internal.h"
#include "unit/ops/founded.h"
#include "unit/ops/vendor.h"

static _Atomic unsigned pins; /* that were sent */
static enum coffer_err opening;

static enum coffer_err count_pins(const struct channel_request *q)
{
	if (q->op == CHANNEL_PIN) pins++;
	return ERR_OK;
}

static enum coffer_err open_by_token(struct engine *engine, struct reason *reason)
{
	(void)engine;
	(void)reason;
	return opening;
}

/* At fault by its slots, so that it may be unsealed. */
static struct founded *begin(void)
{
	founded_reset();
	struct founded *n = founded_new();
	struct engine *e = &n->fix.engine;
	founded_init(n);
	e->attend = attend_new();
	assert_non_null(e->attend);
	e->open_by_token = open_by_token;
	e->slot_fault = true;
	e->state = ENGINE_FAULT;
	n->token.on_ask = count_pins;
	pins = 0;
	opening = ERR_OK;
	return n;
}

static void end(struct founded *n)
{
	struct attend *attend = TAKE(n->fix.engine.attend);
	founded_free(n);
	attend_free(attend);
}

static enum coffer_err unseal(struct founded *n)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_UNSEAL);
	ttlv_put_i32(&a.w, TAG_COFFER_UNSEAL_WAY, 2);
	ttlv_put_bytes(&a.w, TAG_COFFER_TOKEN_PIN, view_str("mine"));
	enum coffer_err err = vendor_send(&n->fix, geteuid(), &a, &answer);
	answer_free(&answer);
	return err;
}

static void *unseal_elsewhere(void *arg)
{
	assert_int_equal(unseal(arg), ERR_OK);
	return NULL;
}

static bool tries_a_pin(struct attend *a)
{
	pthread_mutex_lock(&a->lock);
	bool busy = a->pin_busy;
	pthread_mutex_unlock(&a->lock);
	return busy;
}

/* Who holds admin_lock may have turned the token to another one: that one is not sent the PIN. */
static void no_pin_is_sent_while_the_token_may_be_another_one(void **state)
{
	struct founded *n = begin();
	struct engine *e = &n->fix.engine;
	pthread_t thread;
	(void)state;
	pthread_mutex_lock(&e->admin_lock);
	assert_int_equal(pthread_create(&thread, NULL, unseal_elsewhere, n), 0);
	for (unsigned i = 0; i < 10000 && !tries_a_pin(e->attend); i++) usleep(1000);
	assert_true(tries_a_pin(e->attend));
	for (unsigned i = 0; i < 200 && !pins; i++) usleep(1000);
	assert_int_equal(pins, 0);
	pthread_mutex_unlock(&e->admin_lock);
	pthread_join(thread, NULL);
	assert_int_equal(pins, 1);
	end(n);
}

/* A TPM is opened without a PIN, and refuses it when the data key is to be opened: that counts as any other refusal. */
static void a_refusal_by_the_data_key_counts(void **state)
{
	struct founded *n = begin();
	(void)state;
	opening = ERR_AUTH;
	for (unsigned i = 0; i < ATTEND_PINS_MAX; i++) assert_int_equal(unseal(n), ERR_AUTH);
	const unsigned sent = pins;
	assert_int_equal(sent, ATTEND_PINS_MAX);
	assert_int_equal(unseal(n), ERR_TOKEN_LOCKED);
	assert_int_equal(pins, sent);
	end(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_pin_is_sent_while_the_token_may_be_another_one),
		cmocka_unit_test(a_refusal_by_the_data_key_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
