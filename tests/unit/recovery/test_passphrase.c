/* Recovery with a passphrase. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recovery/recovery.h"
#include "recovery/recovery_internal.h"
#include "unit/keyring/fixture.h"

/* The frozen stanza: "correct horse", log2 N 15 so that it is quick. */
static void give(struct domain_id *domain, struct store_row *row)
{
	static uint8_t body[ANSWER_MAX];
	static const uint8_t header[] = { 1 };
	uint8_t key_id[ANSWER_MAX];
	fixture_domain(domain);
	*row = (struct store_row){ .id_len = 16, .version = 1, .state = STANZA_CURRENT, .header = view_of(header, 1) };
	row->body = answer("stanza-passphrase", body);
	memcpy(row->id, answer("recovery-key-id", key_id).ptr, 16);
}

static void the_frozen_stanza_opens_with_its_passphrase_alone(void **state)
{
	static const struct { const char *passphrase; enum coffer_err expected; } table[] = {
		{ "correct horse", ERR_OK }, { "correct horse\n", ERR_OK }, { "correct horse\n\n", ERR_AUTH },
		{ "correct horse ", ERR_AUTH },
		{ "Correct horse", ERR_AUTH }, { "", ERR_AUTH }, { "\n", ERR_AUTH },
	};
	struct domain_id domain;
	struct store_row row;
	(void)state;
	give(&domain, &row);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct reason why = { "" };
		assert_int_equal(recovery_prove_passphrase(&domain, &row, view_str(table[i].passphrase), &why), table[i].expected);
		assert_int_equal(strstr(why.text, "passphrase is wrong") != NULL, table[i].expected == ERR_AUTH);
	}
}

static void an_altered_stanza_is_not_a_wrong_passphrase(void **state)
{
	struct domain_id domain;
	struct store_row row;
	struct stanza stanza;
	struct secret *private_key = NULL;
	(void)state;
	give(&domain, &row);
	assert_int_equal(stanza_parse(&row, &stanza, NULL), ERR_OK);
	uint8_t *const parts[] = { &stanza.passphrase.sealed[0], &stanza.passphrase.sealed[47], &stanza.passphrase.nonce[0],
		&stanza.public_key[64], &stanza.key_id[0] };
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		*parts[i] ^= 1;
		assert_int_equal(recovery_open_passphrase(&domain, &stanza, view_str("correct horse"), &private_key, NULL), ERR_CORRUPT);
		*parts[i] ^= 1;
	}
	stanza.passphrase.commitment[31] ^= 1;
	assert_int_equal(recovery_open_passphrase(&domain, &stanza, view_str("correct horse"), &private_key, NULL), ERR_AUTH);
	stanza.passphrase.commitment[31] ^= 1;
	domain.public_key[0] ^= 1; /* the fingerprint is bound: passphrase mode proves the domain */
	assert_int_equal(recovery_open_passphrase(&domain, &stanza, view_str("correct horse"), &private_key, NULL), ERR_CORRUPT);
	assert_null(private_key);
}

static void hostile_scrypt_parameters_cost_neither_memory_nor_time(void **state)
{
	static const struct { uint8_t log2n, r, p; } bad[] = { { 30, 8, 1 }, { 21, 8, 1 }, { 255, 255, 255 }, { 20, 8, 200 },
		{ 20, 32, 1 }, { 20, 8, 5 }, { 14, 8, 1 }, { 15, 9, 1 } /* what scrypt itself would take */ };
	struct domain_id domain;
	struct store_row row;
	struct stanza stanza;
	struct secret *private_key = NULL;
	(void)state;
	give(&domain, &row);
	assert_int_equal(stanza_parse(&row, &stanza, NULL), ERR_OK);
	uint64_t before_ms = clock_mono_ms();
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		stanza.passphrase.log2n = bad[i].log2n;
		stanza.passphrase.r = bad[i].r;
		stanza.passphrase.p = bad[i].p;
		assert_int_equal(passphrase_open(&domain, &stanza, view_str("correct horse"), &private_key), ERR_LIMIT);
	}
	assert_true(clock_mono_ms() - before_ms < 2000); /* one derivation with the least of them takes seconds */
}

static void a_new_passphrase_opens_every_generation(void **state)
{
	struct ring *ring = fixture_ring(3);
	struct secret *seed = fixture_seed();
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row;
	struct stanza stanza;
	struct reason why = { "" };
	(void)state;
	assert_int_equal(recovery_new_passphrase(ring, seed, view_str("eight by\n"), &row, &body, &why), ERR_OK);
	assert_int_equal(stanza_parse(&row, &stanza, &why), ERR_OK);
	assert_int_equal(stanza.passphrase.log2n, 17);
	assert_int_equal(stanza.count, 3);
	assert_int_equal(recovery_prove_passphrase(ring_domain(ring), &row, view_str("eight by"), &why), ERR_OK);
	assert_int_equal(recovery_prove_shares(ring_domain(ring), &row, NULL, 0, &why), ERR_STATE);
	assert_non_null(strstr(why.text, "with a passphrase"));
	secret_free(seed);
	ring_free(ring);
}

static void the_length_of_a_new_passphrase_is_bounded(void **state)
{
	static char text[RECOVERY_PASSPHRASE_MAX + 3];
	static const size_t bad[] = { 0, 1, 7, RECOVERY_PASSPHRASE_MAX + 1 };
	struct ring *ring = fixture_ring(1);
	struct secret *seed = fixture_seed();
	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		AUTO_BUF struct buf body = BUF_EMPTY;
		struct store_row row;
		struct reason why = { "" };
		text[bad[i]] = '\n';
		assert_int_equal(recovery_new_passphrase(ring, seed, view_of(text, bad[i] + 1), &row, &body, &why), ERR_FIELD);
		assert_non_null(strstr(why.text, "8 to 1024"));
		text[bad[i]] = 'x';
	}
	secret_free(seed);
	ring_free(ring);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_frozen_stanza_opens_with_its_passphrase_alone),
		cmocka_unit_test(an_altered_stanza_is_not_a_wrong_passphrase),
		cmocka_unit_test(hostile_scrypt_parameters_cost_neither_memory_nor_time),
		cmocka_unit_test(a_new_passphrase_opens_every_generation),
		cmocka_unit_test(the_length_of_a_new_passphrase_is_bounded),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
