/* Recovery with shares: from the sheets to the data keys. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "recovery/recovery.h"
#include "recovery/recovery_internal.h"
#include "unit/keyring/fixture.h"

#define MAX_SHARES 255

struct made {
	struct ring *ring;
	struct secret *seed;
	struct store_row row;
	struct buf body;
	struct buf texts[MAX_SHARES];
	struct view views[MAX_SHARES];
	unsigned n;
};

static void make(struct made *m, unsigned k, unsigned n, unsigned generations)
{
	memset(m, 0, sizeof *m);
	m->ring = fixture_ring(generations);
	m->seed = fixture_seed();
	m->n = n;
	assert_int_equal(recovery_new_shares(m->ring, m->seed, k, n, &m->row, &m->body, m->texts, NULL), ERR_OK);
	for (unsigned i = 0; i < n; i++) m->views[i] = buf_view(&m->texts[i]);
}

static void unmake(struct made *m)
{
	for (unsigned i = 0; i < m->n; i++) buf_free(&m->texts[i]);
	buf_free(&m->body);
	secret_free(m->seed);
	ring_free(m->ring);
}

static void assert_proof(const struct made *m, const struct view *texts, unsigned count, enum coffer_err expected,
	const char *sentence)
{
	struct reason why = { "" };
	enum coffer_err err = recovery_prove_shares(ring_domain(m->ring), &m->row, texts, count, &why);
	if (err != expected || (expected && !strstr(why.text, sentence))) fail_msg("%s: %s", err_name(err), why.text);
}

static void every_three_of_five_open_and_no_two(void **state)
{
	struct made m;
	(void)state;
	make(&m, 3, 5, 2);
	for (unsigned set = 0; set < 32; set++) {
		struct view chosen[5];
		unsigned count = 0;
		for (unsigned i = 5; i-- > 0;)
			if (set & (1u << i)) chosen[count++] = m.views[i];
		assert_proof(&m, chosen, count, count >= 3 ? ERR_OK : ERR_MISSING, "any 3 of 5 recover");
	}
	unmake(&m);
}

static void frozen_sheets_open_the_frozen_stanza(void **state)
{
	struct domain_id domain;
	uint8_t body[ANSWER_MAX], key_id[ANSWER_MAX], header[] = { 1 };
	struct store_row row = { .id_len = 16, .version = 1, .state = STANZA_CURRENT, .header = view_of(header, 1) };
	struct view sheets[] = { answer_sheet(5), answer_sheet(1), answer_sheet(4) };
	struct stanza stanza;
	struct secret *private_key = NULL, *key = NULL;
	uint32_t generation = 0;
	(void)state;
	fixture_domain(&domain);
	row.body = answer("stanza-shares", body);
	memcpy(row.id, answer("recovery-key-id", key_id).ptr, 16);
	assert_int_equal(recovery_prove_shares(&domain, &row, sheets, 3, NULL), ERR_OK);
	assert_int_equal(stanza_parse(&row, &stanza, NULL), ERR_OK);
	assert_int_equal(recovery_open_shares(&domain, &stanza, sheets, 3, &private_key, NULL), ERR_OK);
	struct secret *expected = rising_secret(0x01, 32), *data_key = rising_secret(0x20, 32);
	assert_true(secret_equal(private_key, expected));
	assert_int_equal(recovery_unwrap(&domain, &stanza, 0, private_key, &generation, &key, NULL), ERR_OK);
	assert_int_equal(generation, 1);
	assert_true(secret_equal(key, data_key));
	secret_free(private_key);
	secret_free(expected);
	secret_free(data_key);
	secret_free(key);
}

static void every_generation_comes_back(void **state)
{
	struct made m;
	struct stanza stanza;
	struct secret *private_key = NULL;
	(void)state;
	make(&m, 2, 3, 4);
	assert_int_equal(stanza_parse(&m.row, &stanza, NULL), ERR_OK);
	assert_int_equal(stanza.count, 4);
	assert_int_equal(recovery_open_shares(ring_domain(m.ring), &stanza, m.views, 3, &private_key, NULL), ERR_OK);
	for (unsigned i = 0; i < 4; i++) {
		struct secret *key = NULL;
		const struct secret *own;
		uint32_t generation;
		assert_int_equal(recovery_unwrap(ring_domain(m.ring), &stanza, i, private_key, &generation, &key, NULL), ERR_OK);
		assert_int_equal(generation, i + 1);
		assert_int_equal(ring_data_key(m.ring, generation, &own), ERR_OK);
		assert_true(secret_equal(key, own));
		secret_free(key);
	}
	secret_free(private_key);
	unmake(&m);
}

static void one_share_of_one_and_two_hundred_fifty_five_open(void **state)
{
	static const struct { unsigned k, n; } table[] = { { 1, 1 }, { 1, 5 }, { 2, 255 }, { 255, 255 } };
	static struct made m;
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		make(&m, table[i].k, table[i].n, 1);
		assert_proof(&m, m.views + (table[i].n - table[i].k), table[i].k, ERR_OK, "");
		if (table[i].k > 1) assert_proof(&m, m.views, table[i].k - 1, ERR_MISSING, "1 more of the shares");
		assert_proof(&m, m.views, table[i].n, ERR_OK, "");
		unmake(&m);
	}
}

static void numbers_outside_the_format_are_refused(void **state)
{
	static const struct { unsigned k, n; } bad[] = { { 0, 0 }, { 0, 5 }, { 6, 5 }, { 1, 256 }, { 256, 256 }, { 1, 0 } };
	struct ring *ring = fixture_ring(1);
	struct secret *seed = fixture_seed();
	static struct buf texts[256];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct store_row row;
		AUTO_BUF struct buf body = BUF_EMPTY;
		struct reason why = { "" };
		assert_int_equal(recovery_new_shares(ring, seed, bad[i].k, bad[i].n, &row, &body, texts, &why), ERR_FIELD);
		assert_int_equal(body.len, 0);
	}
	secret_free(seed);
	ring_free(ring);
}

static void a_share_given_twice_is_named(void **state)
{
	struct made m;
	(void)state;
	make(&m, 3, 5, 1);
	const struct view given[] = { m.views[1], m.views[3], m.views[1] };
	assert_proof(&m, given, 3, ERR_EXISTS, "share 2 was given twice");
	unmake(&m);
}

static void a_share_of_another_set_or_domain_is_named(void **state)
{
	struct made m, other;
	(void)state;
	make(&m, 3, 5, 1);
	make(&other, 3, 5, 1);
	const struct view mixed[] = { m.views[0], other.views[3], m.views[2] };
	assert_proof(&m, mixed, 3, ERR_FOREIGN, "share 4 is of another set");
	unmake(&other);

	struct domain_id domain;
	fixture_domain(&domain);
	domain.id[0] ^= 1;
	struct ring *foreign = ring_new(&domain);
	struct secret *key = rising_secret(0x20, DATA_KEY_LEN);
	struct store_row row;
	struct buf texts[5] = { BUF_EMPTY };
	AUTO_BUF struct buf body = BUF_EMPTY;
	assert_int_equal(ring_add(foreign, 1, &key), ERR_OK);
	assert_int_equal(recovery_new_shares(foreign, m.seed, 3, 5, &row, &body, texts, NULL), ERR_OK);
	const struct view foreigners[] = { m.views[0], m.views[1], buf_view(&texts[4]) };
	assert_proof(&m, foreigners, 3, ERR_FOREIGN, "share 5 is of another domain");
	for (size_t i = 0; i < 5; i++) buf_free(&texts[i]);
	ring_free(foreign);
	unmake(&m);
}

/* A share with sound checksums whose field was changed: what a forger prints. */
static void reprint(const struct made *m, unsigned i, uint8_t k, uint8_t n, uint8_t y_flip, struct buf *out)
{
	struct share share = { 0 };
	assert_int_equal(share_read(m->views[i], &share, NULL), ERR_OK);
	share.k = k;
	share.n = n;
	secret_mut(share.y)[31] ^= y_flip;
	assert_int_equal(share_print(&share, out), ERR_OK);
	share_done(&share);
}

static void a_share_that_was_not_issued_is_never_interpolated(void **state)
{
	static const struct { uint8_t k, n, flip; const char *sentence; } table[] = {
		{ 3, 5, 1, "share 2 is not the one that was issued" }, { 2, 5, 0, "share 2 says 2 of 5" },
		{ 3, 6, 0, "share 2 says 3 of 6" },
	};
	struct made m;
	(void)state;
	make(&m, 3, 5, 1);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		AUTO_BUF struct buf forged = BUF_EMPTY;
		reprint(&m, 1, table[i].k, table[i].n, table[i].flip, &forged);
		const struct view given[] = { m.views[0], buf_view(&forged), m.views[2], m.views[3] };
		assert_proof(&m, given, 4, ERR_CORRUPT, table[i].sentence);
		/* the last of four: not needed, and refused all the same */
		const struct view last[] = { m.views[0], m.views[2], m.views[3], buf_view(&forged) };
		assert_proof(&m, last, 4, ERR_CORRUPT, table[i].sentence);
	}
	unmake(&m);
}

static void a_mistyped_line_is_named_with_its_sheet(void **state)
{
	struct made m;
	(void)state;
	make(&m, 3, 5, 1);
	char *at = memchr(m.texts[2].ptr, '3', m.texts[2].len);
	while (at && at[-1] != '\n') at = memchr(at + 1, '3', (size_t)((char *)m.texts[2].ptr + m.texts[2].len - at - 1));
	assert_non_null(at);
	at[5] = at[5] == 'A' ? 'C' : 'A';
	assert_proof(&m, m.views, 5, ERR_CORRUPT, "sheet 3 of those given: line 3 is mistyped");
	unmake(&m);
}

static void every_flipped_byte_of_a_wrap_is_refused(void **state)
{
	struct made m;
	struct stanza stanza;
	struct secret *private_key = NULL, *key = NULL;
	uint32_t generation;
	(void)state;
	make(&m, 1, 1, 1);
	assert_int_equal(stanza_parse(&m.row, &stanza, NULL), ERR_OK);
	assert_int_equal(recovery_open_shares(ring_domain(m.ring), &stanza, m.views, 1, &private_key, NULL), ERR_OK);
	size_t wrap_at = (size_t)(stanza.wraps.ptr - m.body.ptr);
	for (size_t i = 0; i < STANZA_WRAP_LEN; i++) { /* without the stanza's own signature in front of it */
		struct reason why = { "" };
		m.body.ptr[wrap_at + i] ^= 1;
		assert_int_equal(recovery_unwrap(ring_domain(m.ring), &stanza, 0, private_key, &generation, &key, &why), ERR_CORRUPT);
		assert_null(key);
		m.body.ptr[wrap_at + i] ^= 1;
	}
	secret_free(private_key);
	unmake(&m);
}

static void another_data_key_wrapped_to_the_recovery_key_is_refused(void **state)
{
	/* Base mode proves no sender: whoever has the public half can wrap a key of his own, beside the real check and signature. */
	struct made m;
	struct stanza stanza;
	struct stanza_wrap wrap;
	struct secret *private_key = NULL, *planted = rising_secret(0x99, DATA_KEY_LEN), *key = NULL;
	AUTO_BUF struct buf ciphertext = BUF_EMPTY, wraps = BUF_EMPTY;
	uint8_t info[RECOVERY_INFO_MAX];
	size_t info_len;
	uint32_t generation;
	struct reason why = { "" };
	(void)state;
	make(&m, 1, 1, 1);
	assert_int_equal(stanza_parse(&m.row, &stanza, NULL), ERR_OK);
	assert_int_equal(recovery_open_shares(ring_domain(m.ring), &stanza, m.views, 1, &private_key, NULL), ERR_OK);
	stanza_wrap_at(&stanza, 0, &wrap);
	assert_int_equal(recovery_wrap_info(&stanza, 1, info, &info_len), ERR_OK);
	assert_int_equal(hpke_seal(stanza.public_key, view_of(info, info_len), view_of(NULL, 0), secret_view(planted),
		wrap.enc, &ciphertext), ERR_OK);
	memcpy(wrap.ciphertext, ciphertext.ptr, sizeof wrap.ciphertext);
	for (int own_check = 0; own_check < 2; own_check++) {
		buf_clear(&wraps);
		if (own_check) assert_int_equal(ring_key_check(ring_domain(m.ring), 1, planted, wrap.key_check), ERR_OK);
		assert_int_equal(stanza_wrap_append(&wrap, &wraps), ERR_OK);
		stanza.wraps = buf_view(&wraps);
		assert_int_equal(recovery_unwrap(ring_domain(m.ring), &stanza, 0, private_key, &generation, &key, &why), ERR_CORRUPT);
		assert_non_null(strstr(why.text, own_check ? "generation signature" : "key check"));
	}
	secret_free(planted);
	secret_free(private_key);
	unmake(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_three_of_five_open_and_no_two),
		cmocka_unit_test(frozen_sheets_open_the_frozen_stanza),
		cmocka_unit_test(every_generation_comes_back),
		cmocka_unit_test(one_share_of_one_and_two_hundred_fifty_five_open),
		cmocka_unit_test(numbers_outside_the_format_are_refused),
		cmocka_unit_test(a_share_given_twice_is_named),
		cmocka_unit_test(a_share_of_another_set_or_domain_is_named),
		cmocka_unit_test(a_share_that_was_not_issued_is_never_interpolated),
		cmocka_unit_test(a_mistyped_line_is_named_with_its_sheet),
		cmocka_unit_test(every_flipped_byte_of_a_wrap_is_refused),
		cmocka_unit_test(another_data_key_wrapped_to_the_recovery_key_is_refused),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
