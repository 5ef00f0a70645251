/* Card, request, row and enrolment token against frozen answers, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "keyring/domain_record.h"
#include "unit/domain/world.h"
#include "unit/keyring/fixture.h"
#include "unit/keyring/frozen.h"

static int start(void **state)
{
	return frozen_start("admission-v1.json", state);
}

static void requests_are_the_frozen_bytes(void **state)
{
	static const char *names[] = { "request", "request-enrolment", "request-endorsement" };
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct admission_request q;
		AUTO_BUF struct buf bytes = BUF_EMPTY;
		AUTO_BUF struct buf again = BUF_EMPTY;
		world_request(names[i], &q, &bytes);
		assert_int_equal(q.evidence, i);
		assert_string_equal(q.name, "knoten-\xc3\xbc");
		assert_string_equal(q.token_kind, "pkcs11");
		assert_int_equal(q.created_ms, 1700000000000);
		assert_int_equal(admission_request_write(&q, &again), ERR_OK);
		assert_frozen(names[i], again.ptr, again.len);
		for (size_t cut = 0; cut < bytes.len; cut++)
			assert_int_equal(admission_request_read(view_of(bytes.ptr, cut), &q, NULL), ERR_CORRUPT);
		assert_int_equal(buf_append(&bytes, view_str("x")), ERR_OK);
		assert_int_equal(admission_request_read(buf_view(&bytes), &q, NULL), ERR_CORRUPT);
	}
}

static void a_fingerprint_is_the_frozen_one_and_is_typed_in_any_case(void **state)
{
	struct admission_request q;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	uint8_t digest[ADMISSION_DIGEST_LEN], typed[DOMAIN_FINGERPRINT_LEN];
	char text[DOMAIN_FINGERPRINT_TEXT], lower[DOMAIN_FINGERPRINT_TEXT];
	(void)state;
	world_request("request", &q, &bytes);
	assert_int_equal(admission_digest(buf_view(&bytes), digest), ERR_OK);
	assert_frozen("digest", digest, sizeof digest);
	admission_fingerprint_text(digest, text);
	assert_string_equal(text, frozen_text("fingerprint"));
	for (size_t i = 0; i < sizeof text; i++) lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	lower[4] = ' ';
	assert_int_equal(admission_fingerprint_parse(lower, typed, NULL), ERR_OK);
	assert_memory_equal(typed, digest, sizeof typed);
	text[DOMAIN_FINGERPRINT_TEXT - 2] = '\0'; /* a prefix is none */
	assert_int_equal(admission_fingerprint_parse(text, typed, NULL), ERR_INPUT);
	assert_int_equal(admission_fingerprint_parse("", typed, NULL), ERR_INPUT);
	assert_int_equal(admission_fingerprint_parse("RQDP-QN4Y-ZLAN-CAJY-XEBQ-FLHG-PWU6-KOV!", typed, NULL), ERR_INPUT);
	assert_int_equal(admission_fingerprint_parse("RQDP-QN4Y-ZLAN-CAJY-XEBQ-FLHG-PWU6-KOVQ-AAAA", typed, NULL), ERR_INPUT);
}

/* Every bit of a request is under its fingerprint. */
static void any_other_request_has_another_fingerprint(void **state)
{
	struct admission_request q;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	uint8_t digest[ADMISSION_DIGEST_LEN], other[ADMISSION_DIGEST_LEN];
	(void)state;
	world_request("request-enrolment", &q, &bytes);
	assert_int_equal(admission_digest(buf_view(&bytes), digest), ERR_OK);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.ptr[i] ^= 1;
		assert_int_equal(admission_digest(buf_view(&bytes), other), ERR_OK);
		assert_memory_not_equal(other, digest, DOMAIN_FINGERPRINT_LEN);
		bytes.ptr[i] ^= 1;
	}
}

static void names_that_deceive_are_refused(void **state)
{
	static const char *bad[] = { "", "a\nb", "a\x1b[2Jb", "a\xe2\x80\xae" "b", "a\xff", "a\xc0\x80", "a\x7f" };
	struct admission_request q;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	AUTO_BUF struct buf again = BUF_EMPTY;
	(void)state;
	world_request("request", &q, &bytes);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		memset(q.name, 0, sizeof q.name);
		memcpy(q.name, bad[i], strlen(bad[i]));
		assert_int_equal(admission_request_write(&q, &again), ERR_FIELD);
	}
	memcpy(bytes.ptr + 33 + 4, "\x1b[2Jabcde", 9); /* the name has 9 bytes */
	assert_int_equal(admission_request_read(buf_view(&bytes), &q, NULL), ERR_CORRUPT);
}

static void a_transport_key_that_is_no_point_is_refused(void **state)
{
	struct admission_request q;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	struct reason why = { "" };
	(void)state;
	world_request("request", &q, &bytes);
	size_t at = 33 + 4 + 9 + 1;
	assert_int_equal(bytes.ptr[at], 0x04);
	bytes.ptr[at + 64] ^= 1;
	assert_int_equal(admission_request_read(buf_view(&bytes), &q, &why), ERR_FIELD);
	assert_non_null(strstr(why.text, "no point of P-256"));
	memset(bytes.ptr + at, 0, HPKE_PUBLIC_LEN);
	assert_int_equal(admission_request_read(buf_view(&bytes), &q, &why), ERR_FIELD);
}

static void what_a_request_says_of_itself_is_judged(void **state)
{
	struct domain_id domain;
	struct admission_request q, other;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	struct reason why[4] = { { "" } };
	uint64_t now = 1700000000000, day = ADMISSION_AGE_MAX_MS;
	(void)state;
	fixture_domain(&domain);
	world_request("request", &q, &bytes);
	assert_int_equal(admission_request_judge(&q, &domain, now, NULL), ERR_OK);
	assert_int_equal(admission_request_judge(&q, &domain, now + day, NULL), ERR_OK);
	assert_int_equal(admission_request_judge(&q, &domain, now - day, NULL), ERR_OK);
	assert_int_equal(admission_request_judge(&q, &domain, now + day + 1, &why[0]), ERR_STATE);
	assert_int_equal(admission_request_judge(&q, &domain, now - day - 1, &why[1]), ERR_STATE);
	other = q;
	other.domain_id[15] ^= 1;
	assert_int_equal(admission_request_judge(&other, &domain, now, &why[2]), ERR_CONTEXT);
	other = q;
	memset(other.node_id, 0, UUID_LEN);
	assert_int_equal(admission_request_judge(&other, &domain, now, &why[3]), ERR_FIELD);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++) assert_string_not_equal(why[i].text, why[j].text);
}

static void a_card_is_taken_by_its_fingerprint_alone(void **state)
{
	struct domain_id domain = { .id = { 0 } }, expected;
	uint8_t typed[DOMAIN_FINGERPRINT_LEN], frozen[ANSWER_MAX], card[ADMISSION_CARD_LEN];
	AUTO_BUF struct buf written = BUF_EMPTY;
	struct reason why = { "" };
	(void)state;
	fixture_domain(&expected);
	struct view v = frozen_bytes("card", frozen);
	memcpy(card, v.ptr, sizeof card);
	assert_int_equal(v.len, sizeof card);
	assert_int_equal(admission_card_write(&expected, &written), ERR_OK);
	assert_frozen("card", written.ptr, written.len);
	assert_int_equal(admission_fingerprint_parse(frozen_text("domain-fingerprint"), typed, NULL), ERR_OK);
	assert_int_equal(admission_card_read(view_of(card, sizeof card), typed, &domain, NULL), ERR_OK);
	assert_memory_equal(domain.id, expected.id, UUID_LEN);
	assert_memory_equal(domain.public_key, expected.public_key, DOMAIN_PUBLIC_LEN);
	domain = (struct domain_id){ .id = { 0 } };
	for (size_t i = 1; i < sizeof card; i++) {
		card[i] ^= 1;
		assert_int_equal(admission_card_read(view_of(card, sizeof card), typed, &domain, &why), ERR_CONTEXT);
		card[i] ^= 1;
	}
	assert_non_null(strstr(why.text, "another domain"));
	assert_int_equal(domain.id[0] | domain.id[1], 0); /* untouched */
	card[0] = 2;
	assert_int_equal(admission_card_read(view_of(card, sizeof card), typed, &domain, NULL), ERR_VERSION);
	assert_int_equal(admission_card_read(view_of(card, 5), typed, &domain, NULL), ERR_VERSION);
	card[0] = 1;
	assert_int_equal(admission_card_read(view_of(card, sizeof card - 1), typed, &domain, NULL), ERR_CORRUPT);
}

static void rows_have_what_their_state_has(void **state)
{
	static const char *names[] = { "row-asked", "row-answered", "row-refused", "row-challenged" };
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct admission_row row;
		uint8_t frozen[ANSWER_MAX];
		AUTO_BUF struct buf again = BUF_EMPTY;
		struct view v = frozen_bytes(names[i], frozen);
		assert_int_equal(admission_row_read(v, &row, NULL), ERR_OK);
		assert_int_equal(row.state, i + 1);
		assert_int_equal(admission_row_write(&row, &again), ERR_OK);
		assert_frozen(names[i], again.ptr, again.len);
		for (size_t cut = 0; cut < v.len; cut++) assert_int_equal(admission_row_read(view_of(v.ptr, cut), &row, NULL), ERR_CORRUPT);
		for (uint8_t s = 0; s < 6; s++) { /* another state with these parts */
			frozen[1] = s;
			enum coffer_err err = admission_row_read(v, &row, NULL);
			assert_int_equal(err, s == i + 1 ? ERR_OK : s == 0 || s == 5 ? ERR_VERSION : ERR_CORRUPT);
		}
	}
	assert_int_equal(admission_row_write(&(struct admission_row){ .state = ADMISSION_ASKED }, NULL), ERR_FIELD);
}

/* ---- enrolment ---- */

static void an_enrolment_token_reads_as_it_was_shown(void **state)
{
	AUTO_SECRET struct secret *token = world_token(), *text = NULL, *back = NULL, *key = NULL;
	(void)state;
	assert_int_equal(enrolment_token_text(token, &text), ERR_OK);
	const char *shown = (const char *)secret_bytes(text);
	assert_string_equal(shown, frozen_text("enrolment-token"));
	assert_int_equal(strlen(shown) + 1, ENROLMENT_TEXT_LEN);
	assert_int_equal(enrolment_token_parse(view_str(shown), &back, NULL), ERR_OK);
	assert_true(secret_equal(token, back));
	assert_int_equal(enrolment_key(token, &key), ERR_OK);
	assert_frozen("enrolment-key", secret_bytes(key), secret_len(key));
	for (size_t i = 0; i < ENROLMENT_TEXT_LEN - 1; i++) { /* one character mistyped */
		char bad[ENROLMENT_TEXT_LEN];
		AUTO_SECRET struct secret *none = NULL;
		memcpy(bad, shown, sizeof bad);
		if (bad[i] == '-') continue;
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		assert_int_equal(enrolment_token_parse(view_str(bad), &none, NULL), ERR_INPUT);
		bad[i] = '\0';
		assert_int_equal(enrolment_token_parse(view_str(bad), &none, NULL), ERR_INPUT);
		assert_null(none);
	}
}

static void an_enrolment_proves_its_request_alone(void **state)
{
	struct admission_request q, plain, other;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	AUTO_BUF struct buf ignored = BUF_EMPTY;
	AUTO_SECRET struct secret *token = world_token(), *wrong = rising_secret(0x81, ENROLMENT_TOKEN_LEN), *wrong_key = NULL;
	struct enrolment e = { .made_ms = 1000, .ends_ms = 5000, .principal = "unix:0", .name = "rack 3", .uses = 1 };
	struct reason why[5] = { { "" } };
	(void)state;
	world_request("request-enrolment", &q, &bytes);
	world_request("request", &plain, &ignored);
	assert_int_equal(enrolment_prove(token, &plain), ERR_OK);
	assert_memory_equal(plain.enrolment_mac, q.enrolment_mac, ADMISSION_MAC_LEN);
	assert_memory_equal(plain.enrolment_id, q.enrolment_id, ADMISSION_ENROLMENT_ID_LEN);
	assert_int_equal(enrolment_key(token, &e.key), ERR_OK);
	assert_int_equal(enrolment_check(&e, &q, 1000, NULL), ERR_OK);
	assert_int_equal(enrolment_check(&e, &q, 4999, NULL), ERR_OK);
	assert_int_equal(enrolment_check(&e, &q, 5000, &why[0]), ERR_STATE);
	assert_int_equal(enrolment_check(&e, &q, 999, &why[0]), ERR_BUSY);
	other = q;
	other.nonce[0] ^= 1; /* another request with the same proof */
	assert_int_equal(enrolment_check(&e, &other, 2000, &why[1]), ERR_CONTEXT);
	other = q;
	other.evidence = ADMISSION_BY_FINGERPRINT;
	assert_int_equal(enrolment_check(&e, &other, 2000, &why[1]), ERR_CONTEXT);
	assert_int_equal(enrolment_use(&e, q.node_id), ERR_OK); /* the same node once more: its commit had an unknown outcome */
	assert_int_equal(enrolment_check(&e, &q, 2000, NULL), ERR_OK);
	assert_int_equal(enrolment_use(&e, q.node_id), ERR_OK);
	assert_int_equal(e.used_count, 1);
	e.used_by[0][0] ^= 1;
	assert_int_equal(enrolment_use(&e, q.node_id), ERR_LIMIT);
	assert_int_equal(enrolment_check(&e, &q, 2000, &why[2]), ERR_STATE);
	assert_int_equal(enrolment_check(&e, &q, 9000, &why[2]), ERR_STATE); /* who took it is said rather than that it is over */
	assert_non_null(strstr(why[2].text, "used by node 11111213-"));
	e.uses = 2; /* room for one more */
	assert_int_equal(enrolment_check(&e, &q, 2000, NULL), ERR_OK);
	e.revoked_ms = 1500;
	assert_int_equal(enrolment_check(&e, &q, 2000, &why[4]), ERR_STATE);
	assert_non_null(strstr(why[4].text, "was revoked"));
	e.revoked_ms = 0;
	assert_int_equal(enrolment_key(wrong, &wrong_key), ERR_OK);
	secret_free(e.key);
	e.key = TAKE(wrong_key);
	assert_int_equal(enrolment_check(&e, &q, 2000, &why[3]), ERR_CONTEXT);
	assert_string_not_equal(why[0].text, why[1].text);
	assert_string_not_equal(why[0].text, why[2].text);
	assert_string_not_equal(why[1].text, why[2].text);
	enrolment_clear(&e);
}

static void an_enrolment_is_kept_sealed(void **state)
{
	struct store *store = NULL;
	struct ring *ring = fixture_ring(1);
	struct enrolment e = { .id = { 9 }, .made_ms = 1, .ends_ms = 2, .revoked_ms = 3, .principal = "unix:1000", .name = "rack 3", .uses = 3, .used_count = 2,
		.used_by = { { 7 }, { 8 } } }, back;
	struct store_row row;
	AUTO_SECRET struct secret *token = world_token();
	(void)state;
	assert_int_equal(enrolment_key(token, &e.key), ERR_OK);
	assert_int_equal(store_open_memory(&store), ERR_OK);
	assert_int_equal(store_begin(store, NULL), ERR_OK);
	assert_int_equal(enrolment_get(store, ring, e.id, &back), ERR_NOT_FOUND);
	assert_int_equal(enrolment_put(store, ring, &e), ERR_OK);
	assert_int_equal(enrolment_get(store, ring, e.id, &back), ERR_OK);
	assert_true(secret_equal(e.key, back.key) && back.made_ms == 1 && back.ends_ms == 2 && back.revoked_ms == 3 && back.uses == 3 && back.used_count == 2);
	assert_string_equal(back.principal, "unix:1000");
	assert_string_equal(back.name, "rack 3");
	assert_memory_equal(back.used_by, e.used_by, sizeof e.used_by);
	assert_int_equal(store_get(store, STORE_DOMAIN, view_str("enrolment-09000000000000000000000000000000"), &row), ERR_OK);
	for (size_t at = 0; at + 32 <= row.body.len; at++) assert_memory_not_equal(row.body.ptr + at, secret_bytes(e.key), 32);
	enrolment_clear(&back);
	e.used_count = 4; /* more than it admits */
	assert_int_equal(enrolment_put(store, ring, &e), ERR_FIELD);
	enrolment_clear(&e);
	store_rollback(store);
	store_close(store);
	ring_free(ring);
}

static enum coffer_err count_names(void *arg, const struct enrolment *e)
{
	unsigned *count = arg;
	assert_true(e->name[0] == 'a' + (char)e->id[0]);
	return ++*count == 9 ? ERR_LIMIT : ERR_OK;
}

static void enrolments_are_listed_and_those_that_are_long_over_go(void **state)
{
	struct store *store = NULL;
	struct ring *ring = fixture_ring(1);
	unsigned count = 0;
	(void)state;
	assert_int_equal(store_open_memory(&store), ERR_OK);
	assert_int_equal(store_begin(store, NULL), ERR_OK);
	assert_int_equal(domain_record_put(store, ring, "enrolmentz", view_str("behind them")), ERR_OK);
	for (uint8_t i = 0; i < 5; i++) {
		struct enrolment e = { .id = { i }, .made_ms = 1, .ends_ms = 1000u * i + 1, .principal = "unix:0", .name = { (char)('a' + i) }, .uses = 1, .key = rising_secret(i, 32) };
		assert_int_equal(enrolment_put(store, ring, &e), ERR_OK);
		enrolment_clear(&e);
	}
	assert_int_equal(enrolment_each(store, ring, count_names, &count), ERR_OK);
	assert_int_equal(count, 5);
	assert_int_equal(enrolment_tidy(store, ring, ENROLMENT_KEEP_MS + 2001), ERR_OK);
	count = 0;
	assert_int_equal(enrolment_each(store, ring, count_names, &count), ERR_OK);
	assert_int_equal(count, 2);
	count = 8;
	assert_int_equal(enrolment_each(store, ring, count_names, &count), ERR_LIMIT);
	store_rollback(store);
	store_close(store);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_the_frozen_bytes),
		cmocka_unit_test(a_fingerprint_is_the_frozen_one_and_is_typed_in_any_case),
		cmocka_unit_test(any_other_request_has_another_fingerprint),
		cmocka_unit_test(names_that_deceive_are_refused),
		cmocka_unit_test(a_transport_key_that_is_no_point_is_refused),
		cmocka_unit_test(what_a_request_says_of_itself_is_judged),
		cmocka_unit_test(a_card_is_taken_by_its_fingerprint_alone),
		cmocka_unit_test(rows_have_what_their_state_has),
		cmocka_unit_test(an_enrolment_token_reads_as_it_was_shown),
		cmocka_unit_test(an_enrolment_proves_its_request_alone),
		cmocka_unit_test(an_enrolment_is_kept_sealed),
		cmocka_unit_test(enrolments_are_listed_and_those_that_are_long_over_go),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
