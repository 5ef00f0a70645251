/* The recovery stanza: frozen bytes, strictness, signature. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "recovery/stanza.h"
#include "unit/keyring/fixture.h"

struct given {
	struct domain_id domain;
	struct store_row row;
	uint8_t header[1], body[ANSWER_MAX];
};

/* The row of a frozen stanza. */
static void give(struct given *g, const char *name)
{
	uint8_t key_id[ANSWER_MAX];
	fixture_domain(&g->domain);
	g->header[0] = 1;
	g->row = (struct store_row){ .id_len = 16, .version = 1, .state = STANZA_CURRENT, .header = view_of(g->header, 1) };
	g->row.body = answer(name, g->body);
	memcpy(g->row.id, answer("recovery-key-id", key_id).ptr, 16);
}

static enum coffer_err read_row(const struct given *g, struct stanza *out, struct reason *why)
{
	enum coffer_err err = stanza_parse(&g->row, out, why);
	return err ? err : stanza_verify(&g->domain, &g->row, out, why);
}

static void frozen_stanzas_verify_and_are_made_again(void **state)
{
	static const char *const names[] = { "stanza-shares", "stanza-passphrase" };
	struct secret *seed = fixture_seed();
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct given g;
		struct stanza stanza;
		struct store_row again;
		struct reason why = { "" };
		AUTO_BUF struct buf body = BUF_EMPTY;
		give(&g, names[i]);
		assert_int_equal(read_row(&g, &stanza, &why), ERR_OK);
		assert_answer("recovery-public-key", stanza.public_key, sizeof stanza.public_key);
		assert_answer("recovery-wrap", stanza.wraps.ptr, stanza.wraps.len);
		assert_int_equal(stanza.count, 1);
		assert_int_equal(stanza_sign(&g.domain, seed, &stanza, 1, STANZA_CURRENT, &again, &body), ERR_OK);
		assert_answer(names[i], body.ptr, body.len);
		assert_memory_equal(again.id, g.row.id, 16);
	}
	secret_free(seed);
}

static void the_recovery_key_id_is_the_frozen_one(void **state)
{
	struct domain_id domain;
	uint8_t public_key[ANSWER_MAX], id[RECOVERY_KEY_ID_LEN];
	(void)state;
	fixture_domain(&domain);
	answer("recovery-public-key", public_key);
	assert_int_equal(stanza_key_id(domain.id, public_key, id), ERR_OK);
	assert_answer("recovery-key-id", id, sizeof id);
}

static void every_flipped_byte_is_refused(void **state)
{
	static const char *const names[] = { "stanza-shares", "stanza-passphrase" };
	(void)state;
	for (size_t n = 0; n < 2; n++) {
		struct given g;
		struct stanza stanza;
		give(&g, names[n]);
		struct { uint8_t *bytes; size_t len; } parts[] = {
			{ g.body, g.row.body.len }, { g.row.id, 16 }, { g.header, 1 }, { (uint8_t *)&g.row.version, 4 },
			{ (uint8_t *)&g.row.state, 4 }, { (uint8_t *)&g.row.generation, 4 }, { g.domain.id, 16 }, { g.domain.public_key, 32 },
		};
		for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
			for (size_t i = 0; i < parts[p].len; i++) {
				struct reason why = { "" };
				parts[p].bytes[i] ^= 0x02;
				enum coffer_err err = read_row(&g, &stanza, &why);
				if ((err != ERR_CORRUPT && err != ERR_VERSION) ||
					!why.text[0]) fail_msg("part %zu byte %zu: %s", p, i, err_name(err));
				parts[p].bytes[i] ^= 0x02;
			}
		}
		assert_int_equal(read_row(&g, &stanza, NULL), ERR_OK);
	}
}

static void current_is_not_superseded(void **state)
{
	struct given g;
	struct stanza stanza;
	(void)state;
	give(&g, "stanza-shares");
	g.row.state = STANZA_SUPERSEDED; /* a state that the format knows, but not the signed one */
	assert_int_equal(stanza_parse(&g.row, &stanza, NULL), ERR_OK);
	assert_int_equal(stanza_verify(&g.domain, &g.row, &stanza, NULL), ERR_CORRUPT);
}

static void every_cut_and_a_trailing_byte_are_refused(void **state)
{
	struct given g;
	struct stanza stanza;
	(void)state;
	give(&g, "stanza-shares");
	size_t whole = g.row.body.len;
	for (g.row.body.len = 0; g.row.body.len < whole; g.row.body.len++)
		assert_int_equal(stanza_parse(&g.row, &stanza, NULL), ERR_CORRUPT);
	g.row.body.len = whole + 1;
	assert_int_equal(stanza_parse(&g.row, &stanza, NULL), ERR_CORRUPT);
}

static void hostile_scrypt_parameters_are_refused_by_the_reader(void **state)
{
	static const struct { uint8_t log2n, r, p; bool sound; } table[] = {
		{ 15, 8, 1, true }, { 20, 8, 4, true }, { 17, 8, 1, true }, { 14, 8, 1, false }, { 21, 8, 1, false }, { 30, 8, 1, false },
		{ 1, 8, 1, false }, { 0, 8, 1, false }, { 255, 8, 1, false }, { 17, 7, 1, false }, { 17, 9, 1, false },
		{ 17, 255, 1, false },
		{ 17, 0, 1, false }, { 17, 8, 0, false }, { 17, 8, 5, false }, { 17, 8, 255, false },
	};
	struct given g;
	struct stanza stanza;
	const size_t at = 1 + 16 + 16 + 65 + 1;
	(void)state;
	give(&g, "stanza-passphrase");
	assert_int_equal(g.body[at], 15);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct reason why = { "" };
		g.body[at] = table[i].log2n;
		g.body[at + 1] = table[i].r;
		g.body[at + 2] = table[i].p;
		assert_int_equal(stanza_parse(&g.row, &stanza, &why), table[i].sound ? ERR_OK : ERR_CORRUPT);
		assert_int_equal(strstr(why.text, "scrypt") != NULL, !table[i].sound);
	}
}

static void wraps_out_of_order_are_refused(void **state)
{
	static const struct { uint32_t first, second; bool sound; } table[] = {
		{ 1, 2, true }, { 1, UINT32_MAX, true }, { 2, 1, false }, { 2, 2, false }, { 0, 1, false },
	};
	struct given g;
	struct stanza stanza, parsed;
	struct secret *seed = fixture_seed();
	(void)state;
	give(&g, "stanza-shares");
	assert_int_equal(stanza_parse(&g.row, &stanza, NULL), ERR_OK);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		AUTO_BUF struct buf wraps = BUF_EMPTY, body = BUF_EMPTY;
		struct stanza_wrap wrap;
		struct store_row row;
		stanza_wrap_at(&stanza, 0, &wrap);
		wrap.generation = table[i].first;
		assert_int_equal(stanza_wrap_append(&wrap, &wraps), ERR_OK);
		wrap.generation = table[i].second;
		assert_int_equal(stanza_wrap_append(&wrap, &wraps), ERR_OK);
		struct stanza two = stanza;
		two.count = 2;
		two.wraps = buf_view(&wraps);
		assert_int_equal(stanza_sign(&g.domain, seed, &two, 1, STANZA_CURRENT, &row, &body), ERR_OK);
		assert_int_equal(stanza_parse(&row, &parsed, NULL), table[i].sound ? ERR_OK : ERR_CORRUPT);
	}
	secret_free(seed);
}

static void a_key_of_a_thief_signed_by_the_thief_is_refused(void **state)
{
	struct given g;
	struct stanza stanza;
	struct store_row row;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct secret *thief = rising_secret(0x33, 32), *private_key = NULL;
	(void)state;
	give(&g, "stanza-shares");
	assert_int_equal(stanza_parse(&g.row, &stanza, NULL), ERR_OK);
	assert_int_equal(hpke_keypair_generate(&private_key, stanza.public_key), ERR_OK);
	assert_int_equal(stanza_key_id(g.domain.id, stanza.public_key, stanza.key_id), ERR_OK);
	assert_int_equal(stanza_sign(&g.domain, thief, &stanza, 1, STANZA_CURRENT, &row, &body), ERR_OK);
	g.row = row;
	assert_int_equal(read_row(&g, &stanza, NULL), ERR_CORRUPT);
	secret_free(thief);
	secret_free(private_key);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frozen_stanzas_verify_and_are_made_again),
		cmocka_unit_test(the_recovery_key_id_is_the_frozen_one),
		cmocka_unit_test(every_flipped_byte_is_refused),
		cmocka_unit_test(current_is_not_superseded),
		cmocka_unit_test(every_cut_and_a_trailing_byte_are_refused),
		cmocka_unit_test(hostile_scrypt_parameters_are_refused_by_the_reader),
		cmocka_unit_test(wraps_out_of_order_are_refused),
		cmocka_unit_test(a_key_of_a_thief_signed_by_the_thief_is_refused),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
