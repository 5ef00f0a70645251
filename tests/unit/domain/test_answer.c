/* Answers and later generations: frozen ones, both sides with each other, and every refusal by a sentence of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "crypto/sign.h"
#include "unit/domain/world.h"
#include "unit/keyring/fixture.h"
#include "unit/keyring/frozen.h"

#define REFUSALS_MAX 32u

static int start(void **state)
{
	return frozen_start("admission-v1.json", state);
}

/* Sentences of refusals, to be told apart. */
static char sentences[REFUSALS_MAX][REASON_MAX];
static size_t sentence_count;

static void remember(const struct reason *why)
{
	assert_true(why->text[0] != '\0' && sentence_count < REFUSALS_MAX);
	for (size_t i = 0; i < sentence_count; i++) assert_string_not_equal(sentences[i], why->text);
	memcpy(sentences[sentence_count++], why->text, REASON_MAX);
}

static void assert_ring(struct ring *ring, unsigned generations)
{
	struct ring *expected = fixture_ring(generations);
	assert_int_equal(ring_count(ring), generations);
	for (unsigned g = 1; g <= generations; g++) {
		const struct secret *a, *b;
		assert_int_equal(ring_data_key(ring, g, &a), ERR_OK);
		assert_int_equal(ring_data_key(expected, g, &b), ERR_OK);
		assert_true(secret_equal(a, b));
	}
	ring_free(expected);
}

static void frozen_answers_open(void **state)
{
	(void)state;
	for (unsigned by_token = 0; by_token < 2; by_token++) {
		struct admission_request q;
		struct answer_opened opened;
		struct software_key key;
		uint8_t frozen[ANSWER_MAX], print[DOMAIN_FINGERPRINT_LEN], bytes[ANSWER_MAX];
		char text[DOMAIN_FINGERPRINT_TEXT];
		AUTO_BUF struct buf request = BUF_EMPTY;
		AUTO_SECRET struct secret *enrolment = NULL;
		struct view answer = frozen_bytes(by_token ? "answer-enrolment" : "answer", frozen);
		struct ring *ring = world_new_ring();
		software_key_init(&key);
		struct answer_key use = software_key_use(&key);
		world_request(by_token ? "request-enrolment" : "request", &q, &request);
		if (by_token) enrolment = secret_copy(frozen_bytes("enrolment-key", bytes).ptr, 32);
		assert_int_equal(answer_open(ring, buf_view(&request), enrolment, &use, answer, &opened, NULL), ERR_OK);
		assert_ring(ring, 2);
		assert_int_equal(key.asked, 2);
		assert_int_equal(opened.epoch, 7);
		assert_int_equal(opened.generation_count, 2);
		assert_int_equal(opened.root_count, 2);
		assert_true(opened.roots[0].version == 11 && opened.roots[1].version == 12 && opened.roots[1].node_id[0] == 0x90);
		assert_int_equal(answer_fingerprint(answer, print), ERR_OK);
		domain_fingerprint_format(print, text);
		if (!by_token) assert_string_equal(text, frozen_text("answer-fingerprint"));
		software_key_done(&key);
		ring_free(ring);
	}
}

/* The master server's answer to a request, made here. */
static void make_answer(const struct buf *request, const struct secret *enrolment, struct buf *out)
{
	struct answer_plan plan;
	world_plan(&plan);
	plan.enrolment_key = enrolment;
	assert_int_equal(answer_make(&plan, buf_view(request), out, NULL), ERR_OK);
	world_plan_done(&plan);
}

/* Opens with the vectors' key; the ring has two generations or none. */
static enum coffer_err open_with(struct software_key *key, struct view request, const struct secret *enrolment, struct view answer, struct reason *why)
{
	struct answer_opened opened = { .epoch = 99 };
	struct answer_key use = software_key_use(key);
	struct ring *ring = world_new_ring();
	enum coffer_err err = answer_open(ring, request, enrolment, &use, answer, &opened, why);
	if (err) assert_int_equal(ring_count(ring), 0);
	if (err) assert_int_equal(opened.epoch, 99);
	else assert_ring(ring, 2);
	ring_free(ring);
	return err;
}

static void what_the_master_server_makes_opens_for_that_request_alone(void **state)
{
	struct admission_request q;
	struct software_key key;
	AUTO_BUF struct buf request = BUF_EMPTY;
	AUTO_BUF struct buf other = BUF_EMPTY;
	AUTO_BUF struct buf answer = BUF_EMPTY;
	struct reason why = { "" };
	(void)state;
	software_key_init(&key);
	world_request("request", &q, &request);
	make_answer(&request, NULL, &answer);
	assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), NULL), ERR_OK);
	q.nonce[31] ^= 1; /* the same node's second try */
	assert_int_equal(admission_request_write(&q, &other), ERR_OK);
	key.asked = 0;
	assert_int_equal(open_with(&key, buf_view(&other), NULL, buf_view(&answer), &why), ERR_CONTEXT);
	assert_non_null(strstr(why.text, "signed for this request"));
	assert_int_equal(key.asked, 0); /* the token is not bothered with what nobody signed */
	software_key_done(&key);
}

/* No bit of an answer may be another one, and no byte may be missing. */
static void an_answer_that_was_altered_anywhere_is_refused(void **state)
{
	struct admission_request q;
	struct software_key key;
	AUTO_BUF struct buf request = BUF_EMPTY;
	uint8_t frozen[ANSWER_MAX];
	(void)state;
	software_key_init(&key);
	world_request("request", &q, &request);
	struct view answer = frozen_bytes("answer", frozen);
	for (size_t i = 0; i < answer.len; i++) {
		frozen[i] ^= (uint8_t)(1u << (i % 8));
		assert_int_not_equal(open_with(&key, buf_view(&request), NULL, answer, NULL), ERR_OK);
		frozen[i] ^= (uint8_t)(1u << (i % 8));
		if (i % 16 == 0) assert_int_not_equal(open_with(&key, buf_view(&request), NULL, view_of(frozen, i), NULL), ERR_OK);
	}
	assert_int_equal(key.asked, 0);
	assert_int_equal(open_with(&key, buf_view(&request), NULL, answer, NULL), ERR_OK);
	software_key_done(&key);
}

/* ---- what only somebody with the domain key could do ---- */

/* Signs the bytes before the signature anew. */
static void sign_again(struct buf *answer, const struct buf *request)
{
	uint8_t digest[ADMISSION_DIGEST_LEN], signature[SIGN_SIGNATURE_LEN];
	AUTO_BUF struct buf message = BUF_EMPTY;
	AUTO_SECRET struct secret *seed = fixture_seed();
	size_t len = answer->len - SIGN_SIGNATURE_LEN;
	uint8_t head[4] = { 0, 0, (uint8_t)(len >> 8), (uint8_t)len };
	assert_int_equal(admission_digest(buf_view(request), digest), ERR_OK);
	assert_int_equal(buf_append(&message, view_str("\x1a" "coffer v1 admission-answer")), ERR_OK);
	assert_int_equal(buf_append(&message, view_of(digest, sizeof digest)), ERR_OK);
	assert_int_equal(buf_append(&message, view_of(head, sizeof head)), ERR_OK);
	assert_int_equal(buf_append(&message, view_of(answer->ptr, len)), ERR_OK);
	assert_int_equal(sign_ed25519(seed, buf_view(&message), signature), ERR_OK);
	memcpy(answer->ptr + len, signature, sizeof signature);
}

/* Offsets in the frozen answer: the first generation behind format, public key and count. */
enum { AT_COUNT = 33, AT_GENERATION = 35, AT_CHECK = 39, AT_SIGNATURE = 71, AT_ENC = 135, AT_CT = 200, WRAP = 213 };

static const struct {
	size_t at;
	uint8_t flip;
	enum coffer_err err;
	const char *says;
} inner[] = {
	{ AT_CT, 1, ERR_CONTEXT, "does not open with this node's transport key" },
	{ AT_ENC + 64, 1, ERR_FIELD, "no point of P-256" },
	{ AT_CHECK, 1, ERR_CORRUPT, "key check" },
	{ AT_SIGNATURE, 1, ERR_CORRUPT, "generation signature" },
	{ 1, 1, ERR_CONTEXT, "another domain" },
	{ 0, 3, ERR_VERSION, "does not know" },
	{ AT_COUNT + 1, 2, ERR_CORRUPT, "is damaged" },
};

static void each_refusal_of_an_answer_has_its_own_sentence(void **state)
{
	struct admission_request q;
	struct software_key key;
	struct reason why = { "" };
	AUTO_BUF struct buf request = BUF_EMPTY;
	uint8_t bytes[ANSWER_MAX];
	(void)state;
	sentence_count = 0;
	software_key_init(&key);
	world_request("request", &q, &request);
	for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
		AUTO_BUF struct buf answer = BUF_EMPTY;
		assert_int_equal(buf_append(&answer, frozen_bytes("answer", bytes)), ERR_OK);
		answer.ptr[inner[i].at] ^= inner[i].flip;
		sign_again(&answer, &request);
		assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), &why), inner[i].err);
		if (!strstr(why.text, inner[i].says)) fail_msg("%s", why.text);
		remember(&why);
	}
	AUTO_BUF struct buf answer = BUF_EMPTY;
	assert_int_equal(buf_append(&answer, frozen_bytes("answer", bytes)), ERR_OK);
	sign_again(&answer, &request); /* the control: what sign_again makes is taken */
	assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), NULL), ERR_OK);
	answer.ptr[answer.len - 1] ^= 1;
	assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), &why), ERR_CONTEXT);
	remember(&why);
	answer.ptr[answer.len - 1] ^= 1;
	key.err = ERR_TOKEN_GONE;
	why.text[0] = '\0'; /* the token's own sentence would stay */
	assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), &why), ERR_TOKEN_GONE);
	remember(&why);
	software_key_done(&key);
}

/* The second generation put in front of the first, or twice: the order is checked, and each wrap names its generation. */
static void generations_that_were_swapped_are_refused(void **state)
{
	struct admission_request q;
	struct software_key key;
	AUTO_BUF struct buf request = BUF_EMPTY;
	AUTO_BUF struct buf answer = BUF_EMPTY;
	uint8_t bytes[ANSWER_MAX];
	(void)state;
	software_key_init(&key);
	world_request("request", &q, &request);
	assert_int_equal(buf_append(&answer, frozen_bytes("answer", bytes)), ERR_OK);
	uint8_t *at = answer.ptr + AT_GENERATION;
	memcpy(at, bytes + AT_GENERATION + WRAP, WRAP);
	memcpy(at + WRAP, bytes + AT_GENERATION, WRAP);
	sign_again(&answer, &request);
	assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), NULL), ERR_CORRUPT);
	memcpy(at + WRAP, bytes + AT_GENERATION + WRAP, WRAP);
	sign_again(&answer, &request);
	assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), NULL), ERR_CORRUPT);
	at[3] = 1; /* the second one's wrap under the first one's number */
	sign_again(&answer, &request);
	assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), NULL), ERR_CONTEXT);
	software_key_done(&key);
}

static void an_answer_shows_that_it_knows_the_enrolment_token(void **state)
{
	struct admission_request q, plain;
	struct software_key key;
	struct reason why = { "" };
	AUTO_BUF struct buf request = BUF_EMPTY;
	AUTO_BUF struct buf plain_request = BUF_EMPTY;
	AUTO_BUF struct buf answer = BUF_EMPTY;
	AUTO_BUF struct buf by_other = BUF_EMPTY;
	AUTO_SECRET struct secret *token = world_token(), *enrolment = NULL, *other = rising_secret(3, 32);
	(void)state;
	sentence_count = 0;
	software_key_init(&key);
	assert_int_equal(enrolment_key(token, &enrolment), ERR_OK);
	world_request("request-enrolment", &q, &request);
	world_request("request", &plain, &plain_request);
	make_answer(&request, enrolment, &answer);
	assert_int_equal(open_with(&key, buf_view(&request), enrolment, buf_view(&answer), NULL), ERR_OK);
	make_answer(&request, other, &by_other); /* a removed node has the domain key, and not what was enrolled after it left */
	key.asked = 0;
	assert_int_equal(open_with(&key, buf_view(&request), enrolment, buf_view(&by_other), &why), ERR_CONTEXT);
	remember(&why);
	assert_int_equal(open_with(&key, buf_view(&request), NULL, buf_view(&answer), &why), ERR_CORRUPT);
	remember(&why);
	buf_clear(&answer);
	make_answer(&plain_request, NULL, &answer);
	assert_int_equal(open_with(&key, buf_view(&plain_request), enrolment, buf_view(&answer), &why), ERR_CONTEXT);
	assert_int_equal(key.asked, 0);
	software_key_done(&key);
}

static void too_many_generations_or_nodes_are_said_before_anything_is_wrapped(void **state)
{
	struct admission_request q;
	struct answer_plan plan;
	struct reason why = { "" };
	AUTO_BUF struct buf request = BUF_EMPTY;
	AUTO_BUF struct buf out = BUF_EMPTY;
	(void)state;
	sentence_count = 0;
	world_request("request", &q, &request);
	world_plan(&plan);
	plan.root_count = ANSWER_ROOTS_MAX + 1;
	assert_int_equal(answer_make(&plan, buf_view(&request), &out, &why), ERR_LIMIT);
	remember(&why);
	plan.root_count = 0;
	ring_free(plan.ring);
	plan.ring = fixture_ring(ANSWER_GENERATIONS_MAX + 1);
	assert_int_equal(answer_make(&plan, buf_view(&request), &out, &why), ERR_LIMIT);
	remember(&why);
	assert_int_equal(out.len, 0);
	ring_remove(plan.ring, 1); /* the largest that may be fits */
	struct answer_root roots[ANSWER_ROOTS_MAX];
	for (size_t i = 0; i < ANSWER_ROOTS_MAX; i++) roots[i] = (struct answer_root){ .node_id = { (uint8_t)i }, .version = i };
	plan.roots = roots;
	plan.root_count = ANSWER_ROOTS_MAX;
	assert_int_equal(answer_make(&plan, buf_view(&request), &out, NULL), ERR_OK);
	struct admission_row row = { .state = ADMISSION_ANSWERED, .request = buf_view(&request), .answer = buf_view(&out) };
	AUTO_BUF struct buf written = BUF_EMPTY;
	assert_int_equal(admission_row_write(&row, &written), ERR_OK);
	struct software_key key;
	struct answer_opened opened;
	software_key_init(&key);
	struct answer_key use = software_key_use(&key);
	struct ring *ring = world_new_ring();
	assert_int_equal(answer_open(ring, buf_view(&request), NULL, &use, buf_view(&out), &opened, NULL), ERR_OK);
	assert_int_equal(ring_count(ring), ANSWER_GENERATIONS_MAX);
	assert_int_equal(opened.roots[127].version, 127);
	ring_free(ring);
	software_key_done(&key);
	world_plan_done(&plan);
}

/* ---- later generations ---- */

static enum coffer_err refresh_with(struct ring *ring, uint32_t generation, struct software_key *key, struct view body, struct reason *why)
{
	struct refresh_opened opened = { .key = NULL };
	struct answer_key use = software_key_use(key);
	enum coffer_err err = refresh_open(ring, generation, &use, body, &opened, why);
	if (err) assert_null(opened.key);
	if (!err) assert_int_equal(ring_add(ring, generation, &opened.key), ERR_OK);
	return err;
}

static void a_later_generation_opens_in_order_for_its_node_alone(void **state)
{
	struct software_key key;
	struct reason why = { "" };
	uint8_t frozen[ANSWER_MAX], node[UUID_LEN], other_node[UUID_LEN] = { 1 };
	AUTO_SECRET struct secret *seed = fixture_seed();
	struct ring *master = fixture_ring(3), *member = fixture_ring(1);
	AUTO_BUF struct buf third = BUF_EMPTY;
	AUTO_BUF struct buf of_other = BUF_EMPTY;
	(void)state;
	sentence_count = 0;
	rising(0x10, node, sizeof node);
	software_key_init(&key);
	struct view second = frozen_bytes("refresh-2", frozen);
	assert_int_equal(second.len, REFRESH_LEN);
	assert_int_equal(refresh_make(master, seed, node, key.public_key, 3, 9, &third), ERR_OK);
	assert_int_equal(refresh_make(master, seed, other_node, key.public_key, 2, 9, &of_other), ERR_OK);
	assert_int_equal(refresh_make(master, seed, node, key.public_key, 4, 9, &third), ERR_NOT_FOUND);
	assert_int_equal(refresh_make(master, seed, node, key.public_key, 1, 9, &third), ERR_NOT_FOUND);
	assert_int_equal(refresh_with(member, 3, &key, buf_view(&third), &why), ERR_STATE); /* the second one was held back */
	remember(&why);
	assert_int_equal(refresh_with(member, 2, &key, buf_view(&third), &why), ERR_CONTEXT); /* under another number */
	remember(&why);
	assert_int_equal(refresh_with(member, 2, &key, buf_view(&of_other), &why), ERR_CONTEXT);
	assert_int_equal(key.asked, 0);
	assert_int_equal(refresh_with(member, 2, &key, second, NULL), ERR_OK);
	assert_int_equal(refresh_with(member, 2, &key, second, &why), ERR_STATE); /* replayed */
	assert_int_equal(refresh_with(member, 3, &key, buf_view(&third), NULL), ERR_OK);
	assert_ring(member, 3);
	ring_remove(member, 1);
	ring_remove(member, 2);
	assert_int_equal(refresh_with(member, 2, &key, second, NULL), ERR_STATE); /* one that left does not come back */
	ring_free(master);
	ring_free(member);
	software_key_done(&key);
}

static void a_later_generation_that_was_altered_is_refused_before_the_token_is_asked(void **state)
{
	struct software_key key;
	struct ring *member = fixture_ring(1);
	uint8_t frozen[ANSWER_MAX];
	(void)state;
	software_key_init(&key);
	struct view body = frozen_bytes("refresh-2", frozen);
	for (size_t i = 0; i < body.len; i++) {
		frozen[i] ^= 1;
		assert_int_not_equal(refresh_with(member, 2, &key, body, NULL), ERR_OK);
		frozen[i] ^= 1;
		assert_int_not_equal(refresh_with(member, 2, &key, view_of(frozen, i), NULL), ERR_OK);
	}
	assert_int_equal(key.asked, 0);
	assert_int_equal(refresh_with(member, 2, &key, body, NULL), ERR_OK);
	ring_free(member);
	software_key_done(&key);
}

/* Who left with generation 1 has the domain key, and makes a generation of his own. */
static void a_node_that_was_removed_hands_nothing_to_those_who_went_on(void **state)
{
	struct software_key key;
	struct reason why = { "" };
	uint8_t node[UUID_LEN];
	struct domain_id domain;
	AUTO_SECRET struct secret *seed = fixture_seed(), *his = rising_secret(0x99, 32), *his_next = rising_secret(0x9a, 32);
	AUTO_BUF struct buf row = BUF_EMPTY;
	(void)state;
	rising(0x10, node, sizeof node);
	fixture_domain(&domain);
	software_key_init(&key);
	struct ring *removed = ring_new(&domain), *member = fixture_ring(2);
	assert_int_equal(ring_add(removed, 2, &his), ERR_OK);
	assert_int_equal(ring_add(removed, 3, &his_next), ERR_OK);
	assert_int_equal(refresh_make(removed, seed, node, key.public_key, 3, 9, &row), ERR_OK);
	assert_int_equal(refresh_with(member, 3, &key, buf_view(&row), &why), ERR_CONTEXT);
	assert_non_null(strstr(why.text, "was not handed over by who has the generation before it"));
	assert_int_equal(key.asked, 0);
	ring_free(removed);
	ring_free(member);
	software_key_done(&key);
}

/* ---- memory ---- */

/* Each allocation fails once, alone and with all that follow: the call fails, nothing is half done, nothing is lost. */
static void any_allocation_may_fail(void **state)
{
	struct admission_request q;
	struct software_key key;
	uint8_t frozen[ANSWER_MAX];
	AUTO_BUF struct buf request = BUF_EMPTY;
	(void)state;
	software_key_init(&key);
	world_request("request", &q, &request);
	struct view answer = frozen_bytes("answer", frozen);
	struct answer_plan plan;
	world_plan(&plan);
	for (unsigned on = 0; on < 2; on++) {
		enum coffer_err err = ERR_MEMORY;
		for (unsigned n = 1; err != ERR_OK; n++) {
			struct arena_stats before, after;
			struct answer_opened opened;
			struct answer_key use = software_key_use(&key);
			struct ring *ring = world_new_ring();
			assert_true(n < 1000);
			arena_stats(&before);
			world_fail_nth(n, on);
			err = answer_open(ring, buf_view(&request), NULL, &use, answer, &opened, NULL);
			world_fail_nth(0, false);
			if (err) assert_int_equal(err, ERR_MEMORY);
			if (err) assert_int_equal(ring_count(ring), 0);
			arena_stats(&after);
			if (err) assert_int_equal(after.used, before.used);
			ring_free(ring);
		}
		err = ERR_MEMORY;
		for (unsigned n = 1; err != ERR_OK; n++) {
			AUTO_BUF struct buf out = BUF_EMPTY;
			AUTO_BUF struct buf refresh = BUF_EMPTY;
			assert_true(n < 1000);
			world_fail_nth(n, on);
			err = answer_make(&plan, buf_view(&request), &out, NULL);
			if (!err) err = refresh_make(plan.ring, plan.domain_seed, q.node_id, q.transport_key, 2, 1, &refresh);
			world_fail_nth(0, false);
			if (err) assert_int_equal(err, ERR_MEMORY);
			if (err) assert_int_equal(refresh.len, 0);
		}
	}
	world_plan_done(&plan);
	software_key_done(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frozen_answers_open),
		cmocka_unit_test(what_the_master_server_makes_opens_for_that_request_alone),
		cmocka_unit_test(an_answer_that_was_altered_anywhere_is_refused),
		cmocka_unit_test(each_refusal_of_an_answer_has_its_own_sentence),
		cmocka_unit_test(generations_that_were_swapped_are_refused),
		cmocka_unit_test(an_answer_shows_that_it_knows_the_enrolment_token),
		cmocka_unit_test(too_many_generations_or_nodes_are_said_before_anything_is_wrapped),
		cmocka_unit_test(a_later_generation_opens_in_order_for_its_node_alone),
		cmocka_unit_test(a_later_generation_that_was_altered_is_refused_before_the_token_is_asked),
		cmocka_unit_test(a_node_that_was_removed_hands_nothing_to_those_who_went_on),
		cmocka_unit_test(any_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
