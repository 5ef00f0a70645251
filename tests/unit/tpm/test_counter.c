/* The NV counter: made once, raised by one, by nobody else, and never believed when something stands between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/text.h"
#include "token/counter.h"
#include "token/erase.h"
#include "tpm/counter.h"
#include "unit/tpm/bench.h"
#include "unit/tpm/plain.h"

#define INDEX "0x01810C10"

static const uint8_t auth_bytes[TOKEN_COUNTER_AUTH_LEN] = "an authorization value of its ow";
static const uint8_t other_auth[TOKEN_COUNTER_AUTH_LEN] = "another authorization value of i";

static struct token_counter_wish wish_of(uint8_t owner, const uint8_t auth[static TOKEN_COUNTER_AUTH_LEN])
{
	struct token_counter_wish w = { .auth = view_of(auth, TOKEN_COUNTER_AUTH_LEN) };
	memset(w.owner, owner, sizeof w.owner);
	return w;
}

/* A wish with the reference of a counter that was just made. */
static struct token_counter_wish made(struct token *t, struct token_counter_answer *out)
{
	struct token_counter_wish w = wish_of(1, auth_bytes);
	assert_int_equal(token_counter_backend.make(t, &w, out, NULL), ERR_OK);
	assert_int_equal(out->state, TOKEN_COUNTER_WELL);
	w.ref = out->ref;
	return w;
}

static uint64_t value_of(struct token *t, const struct token_counter_wish *w)
{
	struct token_counter_answer a;
	assert_int_equal(token_counter_backend.read(t, w, &a, NULL), ERR_OK);
	assert_int_equal(a.state, TOKEN_COUNTER_WELL);
	return a.value;
}

static enum token_counter_state state_of(struct token *t, const struct token_counter_wish *w)
{
	struct token_counter_answer a;
	assert_int_equal(token_counter_backend.read(t, w, &a, NULL), ERR_OK);
	return a.state;
}

static void raise_to(struct token *t, struct token_counter_wish *w, uint64_t from, uint64_t to)
{
	struct token_counter_answer a;
	w->from = from;
	assert_int_equal(token_counter_backend.raise(t, w, &a, NULL), ERR_OK);
	assert_int_equal(a.state, TOKEN_COUNTER_WELL);
	assert_int_equal(a.value, to);
}

static void nothing_is_left(struct bench *b)
{
	token_backend.close(b->t);
	b->t = NULL;
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_LOADED_SESSION_FIRST), 0);
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
	bench_attach_again(b);
}

static size_t frozen_bytes(const json_t *frozen, const char *name, uint8_t *out, size_t cap)
{
	const char *hex = json_string_value(json_object_get(frozen, name));
	assert_true(hex && strlen(hex) <= 2 * cap);
	assert_int_equal(text_unhex(view_str(hex), out, strlen(hex) / 2), ERR_OK);
	return strlen(hex) / 2;
}

/* Name and public area are as docs/formats.md has them: a TPM gives the index the Name that was computed without one. */
static void the_reference_in_a_tpm_is_the_frozen_one(void **state)
{
	struct bench *b = *state;
	char path[512];
	uint8_t reference[TOKEN_COUNTER_REF_MAX];
	const char *dir = getenv("COFFER_VECTORS");
	struct token_counter_wish w = wish_of(0, auth_bytes);
	struct token_counter_answer a;
	(void)snprintf(path, sizeof path, "%s/anchor-record-v1.json", dir ? dir : "tests/vectors");
	json_t *frozen = json_load_file(path, 0, NULL);
	assert_non_null(frozen);
	assert_int_equal(frozen_bytes(frozen, "owner", w.owner, sizeof w.owner), sizeof w.owner);
	assert_int_equal(token_counter_backend.make(b->t, &w, &a, NULL), ERR_OK);
	assert_int_equal(a.ref.len, frozen_bytes(frozen, "reference", reference, sizeof reference));
	assert_memory_equal(a.ref.data, reference, a.ref.len);
	json_decref(frozen);
}

static void a_counter_goes_up_by_one_and_outlives_power_cuts(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a;
	struct token_counter_wish w = made(b->t, &a);
	assert_string_equal(a.ref.place, "NV index " INDEX);
	uint64_t v = a.value;
	assert_true(v >= 1);
	assert_int_equal(value_of(b->t, &w), v);
	raise_to(b->t, &w, v, v + 1);
	raise_to(b->t, &w, v, v + 1); /* again: it is done already */
	nothing_is_left(b);
	token_backend.close(b->t);
	b->t = NULL;
	swtpm_cut(&b->swtpm);
	swtpm_start(&b->swtpm);
	bench_attach_again(b);
	assert_int_equal(value_of(b->t, &w), v + 1);
}

static void a_counter_that_was_half_made_is_found_again(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a, again;
	struct token_counter_wish w = made(b->t, &a), unnamed = wish_of(1, auth_bytes);
	assert_int_equal(token_counter_backend.make(b->t, &unnamed, &again, NULL), ERR_OK);
	assert_int_equal(again.state, TOKEN_COUNTER_WELL);
	assert_int_equal(again.value, a.value + 1);
	assert_true(view_equal(view_of(a.ref.data, a.ref.len), view_of(again.ref.data, again.ref.len)));
	assert_int_equal(state_of(b->t, &unnamed), TOKEN_COUNTER_WELL);
	assert_int_equal(value_of(b->t, &w), again.value);
}

static void a_counter_of_the_same_owner_is_not_made_anew_by_itself(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a, other;
	struct token_counter_wish w = made(b->t, &a), stranger = wish_of(1, other_auth), beside = wish_of(2, other_auth);
	assert_int_equal(token_counter_backend.make(b->t, &stranger, &other, NULL), ERR_OK);
	assert_int_equal(other.state, TOKEN_COUNTER_OTHER);
	assert_int_equal(state_of(b->t, &stranger), TOKEN_COUNTER_OTHER);
	assert_int_equal(state_of(b->t, &beside), TOKEN_COUNTER_NONE);
	assert_int_equal(token_counter_backend.make(b->t, &beside, &other, NULL), ERR_OK); /* another owner's, beside it */
	assert_int_equal(other.state, TOKEN_COUNTER_WELL);
	beside.ref = other.ref;
	raise_to(b->t, &w, a.value, a.value + 1);
	stranger.replace = true;
	assert_int_equal(token_counter_backend.make(b->t, &stranger, &other, NULL), ERR_OK);
	assert_int_equal(other.state, TOKEN_COUNTER_WELL);
	assert_true(other.value > a.value + 1); /* above all that there ever were */
	assert_int_equal(state_of(b->t, &w), TOKEN_COUNTER_OTHER);
	assert_int_equal(state_of(b->t, &beside), TOKEN_COUNTER_WELL);
	nothing_is_left(b);
}

static void nobody_else_raises_it(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a;
	struct token_counter_wish w = made(b->t, &a), guess = w;
	guess.auth = view_of(other_auth, sizeof other_auth);
	assert_int_equal(token_counter_backend.raise(b->t, &guess, &a, NULL), ERR_OK);
	assert_int_equal(a.state, TOKEN_COUNTER_OTHER);
	uint64_t v = value_of(b->t, &w);
	token_backend.close(b->t);
	b->t = NULL;
	assert_int_not_equal(swtpm_tool(&b->swtpm, "tpm2_nvincrement -C o " INDEX), 0);
	assert_int_not_equal(swtpm_tool(&b->swtpm, "tpm2_nvincrement " INDEX), 0);
	assert_int_equal(swtpm_tool(&b->swtpm, "tpm2_nvread -C o " INDEX), 0); /* reading is harmless */
	bench_attach_again(b);
	assert_int_equal(value_of(b->t, &w), v);
}

static void a_counter_that_was_removed_or_replaced_is_told_apart(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a;
	struct token_counter_wish w = made(b->t, &a);
	char define[256];
	size_t at = 0;
	token_backend.close(b->t);
	b->t = NULL;
	assert_int_equal(swtpm_tool(&b->swtpm, "tpm2_nvundefine -C o " INDEX), 0);
	bench_attach_again(b);
	assert_int_equal(state_of(b->t, &w), TOKEN_COUNTER_NONE);
	token_backend.close(b->t);
	b->t = NULL;
	/* The very same public area, and so the same Name, once it was raised. */
	for (at = 0; at < TOKEN_COUNTER_OWNER_LEN; at++) (void)snprintf(define + 2 * at, 3, "%02x", 1);
	char command[512];
	(void)snprintf(command, sizeof command, "printf %s | xxd -r -p >policy && tpm2_nvdefine -C o -s 8 -g sha256 -L policy "
		"-a 'nt=counter|authwrite|authread|ownerread|no_da' -p guess " INDEX " && tpm2_nvincrement -P guess " INDEX, define);
	assert_int_equal(swtpm_tool(&b->swtpm, command), 0);
	bench_attach_again(b);
	assert_int_equal(state_of(b->t, &w), TOKEN_COUNTER_OTHER); /* by its authorization value */
	token_backend.close(b->t);
	b->t = NULL;
	assert_int_equal(swtpm_tool(&b->swtpm, "tpm2_nvundefine -C o " INDEX " && tpm2_nvdefine -C o -s 8 -a 'nt=counter|ownerwrite|ownerread' " INDEX
		" && tpm2_nvincrement -C o " INDEX), 0);
	bench_attach_again(b);
	assert_int_equal(state_of(b->t, &w), TOKEN_COUNTER_OTHER); /* by its Name */
	nothing_is_left(b);
}

static void when_no_place_is_free_it_says_so(void **state)
{
	struct bench *b = *state;
	struct reason why = { "" };
	struct token_counter_answer a;
	for (uint8_t i = 0; i < TPM_COUNTER_PLACES; i++) {
		struct token_counter_wish w = wish_of((uint8_t)(10 + i), auth_bytes);
		assert_int_equal(token_counter_backend.make(b->t, &w, &a, NULL), ERR_OK);
	}
	struct token_counter_wish w = wish_of(1, auth_bytes);
	assert_int_equal(token_counter_backend.make(b->t, &w, &a, &why), ERR_FULL);
	assert_non_null(strstr(why.text, "tpm2_nvundefine"));
	nothing_is_left(b);
}

/* ---- on the bus ---- */

/* The bench's own proxy keeps no bytes. */
static int sniff_setup(void **state)
{
	int rc = bench_setup(state);
	struct bench *b = *state;
	token_backend.close(TAKE(b->t));
	proxy_free(b->proxy);
	b->proxy = proxy_new(&b->swtpm);
	bench_attach_again(b);
	return rc;
}

static size_t sightings(struct bench *b)
{
	struct token_counter_answer a;
	struct token_counter_wish w = made(b->t, &a);
	raise_to(b->t, &w, a.value, a.value + 1);
	assert_int_equal(value_of(b->t, &w), a.value + 1);
	assert_true(proxy_seen(b->proxy, TPM2_CC_NV_DefineSpace) >= 1 && proxy_seen(b->proxy, TPM2_CC_NV_Increment) >= 2);
	assert_true(proxy_log_len(b->proxy) > 4000);
	return proxy_windows_of(b->proxy, w.auth);
}

static void the_authorization_value_does_not_cross_the_bus_in_clear(void **state)
{
	assert_int_equal(sightings(*state), 0);
}

static void with_plain_sessions_it_is_seen(void **state)
{
	plain_sessions = true;
	size_t seen = sightings(*state);
	plain_sessions = false;
	assert_int_equal(seen, TOKEN_COUNTER_AUTH_LEN - 7);
}

static void an_altered_answer_never_gives_another_value(void **state)
{
	static const uint32_t commands[] = { TPM2_CC_NV_Read, TPM2_CC_NV_ReadPublic, TPM2_CC_NV_Increment };
	struct bench *b = *state;
	struct token_counter_answer a, got;
	struct token_counter_wish w = made(b->t, &a);
	unsigned believed = 0, tried = 0;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		for (size_t at = 0; at < 100; at += at < 24 ? 1 : 3) {
			if (at >= 2 && at < 6) continue; /* the message's length: the stream itself would stall */
			uint64_t now = value_of(b->t, &w);
			w.from = now;
			proxy_flip(b->proxy, commands[i], at, 0x10);
			enum coffer_err err = token_counter_backend.raise(b->t, &w, &got, NULL);
			if (err == ERR_OK && got.state == TOKEN_COUNTER_WELL) {
				assert_int_equal(got.value, now + 1);
				believed++;
			}
			tried++;
			bench_attach_again(b);
			assert_in_range(value_of(b->t, &w), now, now + 1);
		}
	}
	assert_true(tried > 120 && believed < tried);
}

/* An answer of the same command, recorded before. */
struct recorded {
	uint8_t bytes[256];
	size_t len;
};

static bool record(void *arg, uint32_t command, uint8_t *answer, size_t *len, size_t cap)
{
	struct recorded *r = arg;
	(void)command; (void)cap;
	assert_true(*len <= sizeof r->bytes);
	memcpy(r->bytes, answer, *len);
	r->len = *len;
	return true;
}

static bool replay(void *arg, uint32_t command, uint8_t *answer, size_t *len, size_t cap)
{
	struct recorded *r = arg;
	(void)command;
	assert_true(r->len > 0 && r->len <= cap);
	memcpy(answer, r->bytes, r->len);
	*len = r->len;
	return true;
}

static void an_earlier_answer_is_not_taken_for_this_one(void **state)
{
	struct bench *b = *state;
	struct recorded r = { .len = 0 };
	struct token_counter_answer a;
	struct token_counter_wish w = made(b->t, &a);
	proxy_change_at(b->proxy, TPM2_CC_NV_Read, 1, record, &r);
	uint64_t before = value_of(b->t, &w);
	bench_attach_again(b);
	raise_to(b->t, &w, before, before + 1);
	proxy_change_at(b->proxy, TPM2_CC_NV_Read, 1, replay, &r);
	enum coffer_err err = token_counter_backend.read(b->t, &w, &a, NULL);
	assert_true(err != ERR_OK || a.state != TOKEN_COUNTER_WELL);
	bench_attach_again(b);
	assert_int_equal(value_of(b->t, &w), before + 1);
}

/* ---- each command failing ---- */

static void after_a_cut_at_any_command_the_next_raise_ends_one_higher(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a;
	struct token_counter_wish w = made(b->t, &a);
	unsigned nth = 1;
	for (bool failed = true; failed; nth++) {
		assert_true(nth < 60);
		bench_attach_again(b);
		uint64_t now = value_of(b->t, &w);
		proxy_clear(b->proxy);
		w.from = now;
		proxy_cut_nth(b->proxy, PROXY_ANY, nth, 0);
		failed = token_counter_backend.raise(b->t, &w, &a, NULL) != ERR_OK;
		bench_attach_again(b);
		assert_in_range(value_of(b->t, &w), now, now + 1);
		raise_to(b->t, &w, now, now + 1);
	}
	assert_true(nth > 6);
	nothing_is_left(b);
}

static void after_a_cut_at_any_command_the_next_make_ends_with_one_counter(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a;
	struct token_counter_wish fresh = wish_of(1, auth_bytes);
	unsigned nth = 1;
	for (bool failed = true; failed; nth++) {
		assert_true(nth < 100);
		bench_attach_again(b);
		proxy_clear(b->proxy);
		proxy_cut_nth(b->proxy, PROXY_ANY, nth, 0);
		failed = token_counter_backend.make(b->t, &fresh, &a, NULL) != ERR_OK;
		bench_attach_again(b);
		struct token_counter_wish w = made(b->t, &a);
		assert_int_equal(state_of(b->t, &w), TOKEN_COUNTER_WELL);
		token_backend.close(b->t);
		b->t = NULL;
		assert_int_equal(help_count_handles(b->swtpm.tcti, TPM_COUNTER_FIRST), 1);
		assert_int_equal(swtpm_tool(&b->swtpm, "tpm2_nvundefine -C o " INDEX), 0);
	}
	assert_true(nth > 12);
}

static unsigned counters(struct bench *b)
{
	unsigned n = 0;
	token_backend.close(b->t);
	b->t = NULL;
	for (uint32_t i = 0; i < TPM_COUNTER_PLACES; i++) {
		char command[64];
		(void)snprintf(command, sizeof command, "tpm2_nvreadpublic 0x%08X >read 2>&1", TPM_COUNTER_FIRST + i);
		n += swtpm_tool(&b->swtpm, command) == 0;
	}
	return n;
}

/* All of one owner, whatever they take for an authorization value, and nobody else's; with and without the master secret. */
static void the_owners_counters_are_dropped_and_no_others(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a = { .state = TOKEN_COUNTER_WELL };
	struct token_counter_wish mine = wish_of(1, auth_bytes), theirs = wish_of(2, auth_bytes), drop = wish_of(1, other_auth);
	assert_int_equal(token_counter_backend.make(b->t, &theirs, &a, NULL), ERR_OK);
	assert_int_equal(token_counter_backend.make(b->t, &mine, &a, NULL), ERR_OK);
	assert_int_equal(token_counter_backend.drop(b->t, &drop, &a, NULL), ERR_OK);
	assert_int_equal(a.state, TOKEN_COUNTER_NONE);
	assert_int_equal(token_counter_backend.drop(b->t, &drop, &a, NULL), ERR_OK); /* none is no failure */
	assert_int_equal(state_of(b->t, &mine), TOKEN_COUNTER_NONE);
	assert_int_equal(state_of(b->t, &theirs), TOKEN_COUNTER_WELL);
	assert_int_equal(counters(b), 1);
	bench_attach_again(b);
	assert_int_equal(token_counter_backend.make(b->t, &mine, &a, NULL), ERR_OK);
	assert_int_equal(token_erase_backend.erase(b->t, NULL), ERR_OK);
	assert_int_equal(token_counter_backend.drop(b->t, &drop, &a, NULL), ERR_OK);
	assert_int_equal(counters(b), 1);
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_LOADED_SESSION_FIRST), 0);
	assert_int_equal(help_count_handles(b->swtpm.tcti, TPM2_TRANSIENT_FIRST), 0);
}

/* A token that nobody attached to: the node comes back after a crash between the master secret and the counter. */
static void a_token_without_its_master_secret_drops_the_counter(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a;
	struct token_counter_wish mine = wish_of(1, auth_bytes);
	assert_int_equal(token_counter_backend.make(b->t, &mine, &a, NULL), ERR_OK);
	assert_int_equal(token_erase_backend.erase(b->t, NULL), ERR_OK);
	token_backend.close(b->t);
	b->t = NULL;
	assert_int_equal(token_backend.open(proxy_uri(b->proxy), &b->t, NULL), ERR_OK);
	assert_int_equal(token_counter_backend.drop(b->t, &mine, &a, NULL), ERR_OK);
	assert_int_equal(counters(b), 0);
}

/* The counter stays when the master secret goes: a store from before that is held against it. In front of a binding nothing is asked. */
static void a_counter_does_not_hang_on_the_master_secret(void **state)
{
	struct bench *b = *state;
	struct token_counter_answer a, made;
	struct token_counter_wish mine = wish_of(1, auth_bytes);
	assert_int_equal(token_counter_backend.make(b->t, &mine, &made, NULL), ERR_OK);
	assert_int_equal(token_erase_backend.erase(b->t, NULL), ERR_OK);
	token_backend.close(b->t);
	b->t = NULL;
	assert_int_equal(token_backend.open(proxy_uri(b->proxy), &b->t, NULL), ERR_OK);
	assert_int_equal(token_counter_backend.read(b->t, &mine, &a, NULL), ERR_STATE);
	assert_int_equal(token_backend.attach(b->t, &b->binding, NULL), ERR_TOKEN_KEY_MISSING);
	assert_int_equal(state_of(b->t, &mine), TOKEN_COUNTER_WELL);
	mine.ref = made.ref;
	mine.from = made.value;
	assert_int_equal(token_counter_backend.raise(b->t, &mine, &a, NULL), ERR_OK);
	assert_int_equal(a.state, TOKEN_COUNTER_WELL);
	assert_int_equal(a.value, made.value + 1);
	assert_int_equal(token_backend.wrap(b->t, NULL, NULL, NULL), ERR_STATE);
	token_backend.close(b->t);
	b->t = NULL;
	assert_int_equal(swtpm_tool(&b->swtpm, "tpm2_clear"), 0); /* the primary is another one then */
	assert_int_equal(token_backend.open(proxy_uri(b->proxy), &b->t, NULL), ERR_OK);
	assert_int_equal(token_backend.attach(b->t, &b->binding, NULL), ERR_TOKEN_OTHER);
	assert_int_equal(token_counter_backend.read(b->t, &mine, &a, NULL), ERR_TOKEN_OTHER);
}

#define T(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_reference_in_a_tpm_is_the_frozen_one),
		T(a_counter_goes_up_by_one_and_outlives_power_cuts),
		T(a_counter_that_was_half_made_is_found_again),
		T(a_counter_of_the_same_owner_is_not_made_anew_by_itself),
		T(nobody_else_raises_it),
		T(a_counter_that_was_removed_or_replaced_is_told_apart),
		T(when_no_place_is_free_it_says_so),
		cmocka_unit_test_setup_teardown(the_authorization_value_does_not_cross_the_bus_in_clear, sniff_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(with_plain_sessions_it_is_seen, sniff_setup, bench_teardown),
		T(an_altered_answer_never_gives_another_value),
		T(an_earlier_answer_is_not_taken_for_this_one),
		T(after_a_cut_at_any_command_the_next_raise_ends_one_higher),
		T(after_a_cut_at_any_command_the_next_make_ends_with_one_counter),
		T(the_owners_counters_are_dropped_and_no_others),
		T(a_token_without_its_master_secret_drops_the_counter),
		T(a_counter_does_not_hang_on_the_master_secret),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
