/* What a sealed node keeps of those who want to unseal it: shares, pauses, and nothing longer than it should. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/arena.h"
#include "ops/attend_internal.h"
#include "unit/keyring/fixture.h"

struct scene {
	struct attend *a;
	struct ring *ring;
	struct secret *seed;
	struct store_row row;
	struct stanza stanza;
	struct buf body, texts[3];
	struct principal root;
};

static void begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	s->a = attend_new();
	s->ring = fixture_ring(2);
	s->seed = fixture_seed();
	principal_from_uid(0, 1, &s->root);
	assert_non_null(s->a);
	assert_int_equal(recovery_new_shares(s->ring, s->seed, 2, 3, &s->row, &s->body, s->texts, NULL), ERR_OK);
	assert_int_equal(stanza_parse(&s->row, &s->stanza, NULL), ERR_OK);
}

static void end(struct scene *s)
{
	attend_free(s->a);
	for (unsigned i = 0; i < 3; i++) buf_free(&s->texts[i]);
	buf_free(&s->body);
	secret_free(s->seed);
	ring_free(s->ring);
}

static enum coffer_err give(struct scene *s, const struct buf *text, struct reason *why)
{
	return attend_add_share(s->a, ring_domain(s->ring), &s->stanza, buf_view(text), &s->root, why);
}

static void shares_add_up_to_every_data_key(void **state)
{
	struct scene s;
	struct ring *opened = NULL;
	AUTO_SECRET struct secret *private_key = NULL;
	char who[160];
	struct reason why = { "" };
	(void)state;
	begin(&s);
	assert_int_equal(give(&s, &s.texts[2], &why), ERR_OK);
	assert_int_equal(attend_shares(s.a, &s.stanza), 1);
	assert_int_equal(attend_open_shares(s.a, ring_domain(s.ring), &s.stanza, &private_key, who, sizeof who, &why), ERR_MISSING);
	assert_int_equal(give(&s, &s.texts[2], &why), ERR_EXISTS);
	assert_non_null(strstr(why.text, "share 3 was given already (by unix:0)"));
	assert_int_equal(give(&s, &s.texts[0], &why), ERR_OK);
	assert_int_equal(attend_open_shares(s.a, ring_domain(s.ring), &s.stanza, &private_key, who, sizeof who, &why), ERR_OK);
	assert_string_equal(who, "3 (unix:0), 1 (unix:0)");
	assert_int_equal(recovery_open_ring(ring_domain(s.ring), &s.stanza, private_key, &opened, &why), ERR_OK);
	assert_int_equal(ring_count(opened), 2);
	ring_free(opened);
	end(&s);
}

static void what_is_wrong_is_not_kept(void **state)
{
	struct scene s, other;
	struct reason why = { "" };
	(void)state;
	begin(&s);
	begin(&other); /* another set of the same domain */
	assert_int_equal(give(&s, &other.texts[0], &why), ERR_FOREIGN);
	assert_non_null(strstr(why.text, "another set"));
	s.texts[0].ptr[s.texts[0].len - 3] ^= 1;
	assert_int_equal(give(&s, &s.texts[0], &why), ERR_CORRUPT);
	assert_int_equal(attend_shares(s.a, &s.stanza), 0);
	end(&other);
	end(&s);
}

/* The timer wipes them, whether or not anybody asks; and so does another recovery key. */
static void shares_do_not_stay(void **state)
{
	struct scene s, other;
	struct arena_stats before, with, after;
	(void)state;
	begin(&s);
	begin(&other);
	arena_stats(&before);
	assert_int_equal(give(&s, &s.texts[0], NULL), ERR_OK);
	arena_stats(&with);
	assert_true(with.used > before.used);
	attend_tick(s.a);
	assert_int_equal(s.a->share_count, 1); /* not before its time */
	assert_true(s.a->ends_mono_ms > clock_mono_ms() && s.a->ends_mono_ms <= clock_mono_ms() + ATTEND_LIFETIME_MS);
	s.a->ends_mono_ms = clock_mono_ms();
	attend_tick(s.a);
	assert_int_equal(s.a->share_count, 0);
	arena_stats(&after);
	assert_int_equal(after.used, before.used);
	assert_int_equal(give(&s, &s.texts[0], NULL), ERR_OK);
	assert_int_equal(attend_shares(s.a, &other.stanza), 0);
	end(&other);
	end(&s);
}

static void passphrases_wait_longer_and_longer(void **state)
{
	struct scene s;
	struct reason why = { "" };
	(void)state;
	begin(&s);
	for (unsigned wrong = 1; wrong <= 70; wrong++) {
		uint64_t pause_s = wrong > 6 ? 60 : 1u << (wrong - 1), now = clock_mono_ms();
		s.a->passphrase_next_ms = 0; /* its time is over */
		assert_int_equal(attend_passphrase_begin(s.a, &why), ERR_OK);
		assert_int_equal(attend_passphrase_begin(s.a, &why), ERR_BUSY); /* one at a time */
		attend_passphrase_end(s.a, ERR_AUTH);
		assert_true(s.a->passphrase_next_ms >= now + pause_s * 1000 && s.a->passphrase_next_ms <= clock_mono_ms() + pause_s * 1000);
		assert_int_equal(attend_passphrase_begin(s.a, &why), ERR_BUSY);
		assert_non_null(strstr(why.text, "not looked at"));
	}
	s.a->passphrase_next_ms = 0;
	assert_int_equal(attend_passphrase_begin(s.a, &why), ERR_OK);
	attend_passphrase_end(s.a, ERR_OK);
	assert_int_equal(attend_passphrase_begin(s.a, &why), ERR_OK);
	attend_passphrase_end(s.a, ERR_OK);
	end(&s);
}

static void two_refused_pins_are_the_end(void **state)
{
	struct scene s;
	struct reason why = { "" };
	(void)state;
	begin(&s);
	for (unsigned i = 0; i < ATTEND_PINS_MAX; i++) {
		assert_int_equal(attend_pin_begin(s.a, &why), ERR_OK);
		assert_int_equal(attend_pin_begin(s.a, &why), ERR_BUSY);
		attend_pin_end(s.a, i == 0 ? ERR_AUTH : ERR_OK); /* a right one between them counts from the beginning */
	}
	for (unsigned i = 0; i < ATTEND_PINS_MAX; i++) {
		assert_int_equal(attend_pin_begin(s.a, &why), ERR_OK);
		attend_pin_end(s.a, ERR_AUTH);
		if (i) continue;
		assert_int_equal(attend_pin_begin(s.a, &why), ERR_OK); /* a token that does not answer may have counted it, and forgives none */
		attend_pin_end(s.a, ERR_TIMEOUT);
	}
	assert_int_equal(attend_pin_begin(s.a, &why), ERR_TOKEN_LOCKED);
	assert_non_null(strstr(why.text, "was not sent"));
	end(&s);
}

static void tries_are_bounded(void **state)
{
	struct scene s;
	(void)state;
	begin(&s);
	for (unsigned uid = 0; uid < 3 * ATTEND_TRIES_MAX; uid++) {
		struct principal p;
		principal_from_uid(uid, 1, &p);
		attend_note(s.a, &p, 7, uid % 2 ? ERR_DENIED : ERR_AUTH, "because");
		attend_note(s.a, &p, 7, ERR_DENIED, "because");
	}
	assert_int_equal(s.a->try_count, ATTEND_TRIES_MAX);
	assert_int_equal(s.a->tries[0].failed, 1);
	assert_int_equal(s.a->tries[0].refused, 1);
	const struct attend_try *others = &s.a->tries[ATTEND_TRIES_MAX];
	assert_string_equal(others->principal, "others");
	assert_int_equal(others->failed + others->refused, 4 * ATTEND_TRIES_MAX);
	end(&s);
}

static void only_those_of_the_configuration_may(void **state)
{
	struct config config = { .unseal_users = (char *)(uintptr_t)"  nobody-of-this-name 4711 0x12 4712" };
	struct principal p;
	struct reason why = { "" };
	(void)state;
	static const struct { unsigned uid; bool may; } cases[] = { { 0, true }, { 4711, true }, { 4712, true }, { 4713, false }, { 471, false }, { 12, false } };
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		principal_from_uid(cases[i].uid, 1, &p);
		assert_int_equal(attend_may(&config, &p, &why), cases[i].may ? ERR_OK : ERR_DENIED);
	}
	struct principal network = { .text = "tls:CN=root", .is_unix = false };
	assert_int_equal(attend_may(&config, &network, &why), ERR_DENIED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_add_up_to_every_data_key),
		cmocka_unit_test(what_is_wrong_is_not_kept),
		cmocka_unit_test(shares_do_not_stay),
		cmocka_unit_test(passphrases_wait_longer_and_longer),
		cmocka_unit_test(two_refused_pins_are_the_end),
		cmocka_unit_test(tries_are_bounded),
		cmocka_unit_test(only_those_of_the_configuration_may),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
