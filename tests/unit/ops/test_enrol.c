/* Enrolment tokens from the operation that makes one to the node that joined by it: answered without anybody, and every refusal written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "domain/node_record.h"
#include "domain/waiting.h"
#include "ops/admit_answer.h"
#include "ops/join.h"
#include "ops/seat.h"
#include "unit/ops/join_world.h"
#include "unit/ops/vendor.h"

#define TOKEN_TEXT 80u

#define SECOND 4021u /* another administrator */

/* Node Enrol; name NULL, uses and life_s 0: not said. The token's text. */
static enum coffer_err enrol_as(struct join_world *w, unsigned uid, const char *name, int32_t uses, int32_t life_s, char out[static TOKEN_TEXT])
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_ENROL);
	if (name) ttlv_put_str(&a.w, TAG_COFFER_ENROLMENT_NAME, name);
	if (uses) ttlv_put_i32(&a.w, TAG_COFFER_ENROLMENT_USES, uses);
	if (life_s) ttlv_put_i32(&a.w, TAG_COFFER_ENROLMENT_LIFE, life_s);
	enum coffer_err err = vendor_send(&w->a->fix, uid, &a, &answer);
	if (!err) {
		struct view text = vendor_bytes(&answer, TAG_COFFER_ENROLMENT_TOKEN);
		assert_true(text.len == 69);
		snprintf(out, TOKEN_TEXT, "%.*s", (int)text.len, (const char *)text.ptr);
		assert_false(vendor_holds(vendor_text(&answer, TAG_COFFER_JSON), out));
	}
	answer_free(&answer);
	return err;
}

static enum coffer_err enrol(struct join_world *w, const char *name, int32_t uses, int32_t life_s, char out[static TOKEN_TEXT])
{
	return enrol_as(w, ADMIN, name, uses, life_s, out);
}

static enum coffer_err take_back(struct join_world *w, const char *name)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_ENROL_REVOKE);
	ttlv_put_str(&a.w, TAG_COFFER_ENROLMENT_NAME, name);
	enum coffer_err err = vendor_send(&w->a->fix, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

/* The list has this part. */
static bool lists(struct join_world *w, const char *part)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_ENROLMENTS);
	assert_int_equal(vendor_send(&w->a->fix, ADMIN, &a, &answer), ERR_OK);
	bool found = vendor_holds(vendor_text(&answer, TAG_COFFER_JSON), part);
	answer_free(&answer);
	return found;
}

/* What the master server does by itself. False: nothing waits for it. */
static bool look(struct join_world *w, struct admit_one *one)
{
	struct engine *e = &w->a->fix.engine;
	struct reason why = { "" };
	bool waits = false;
	assert_int_equal(admit_waits(e->store, one->node_id, &waits), ERR_OK);
	if (!waits) return false;
	if (e->on_store(e, admit_one, one, &why) != ERR_OK) fail_msg("%s", why.text);
	return true;
}

/* The next call of the node that joins is refused so. */
static void expect_refused(struct join_world *w, const char *says)
{
	struct admit_one one = { .done = false };
	struct join_said said;
	assert_true(look(w, &one) && one.refused && !one.done);
	assert_non_null(strstr(one.said, says));
	assert_false(look(w, &one)); /* said once */
	assert_int_equal(join_ask(w, &(struct join_ask){ 0 }, &said), ERR_DENIED);
	assert_non_null(strstr(said.why, says));
}

static void a_node_with_a_token_joins_without_anybody(void **state)
{
	struct join_world w;
	struct join_said said, again;
	struct admit_one one = { .done = false };
	struct node_record n;
	char token[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	assert_int_equal(enrol(&w, "rack 3", 0, 0, token), ERR_OK);
	assert_true(lists(&w, "\"name\":\"rack 3\",\"state\":\"open\""));
	assert_false(lists(&w, token));
	assert_false(look(&w, &one));
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = token }, &said), ERR_OK);
	assert_string_equal(said.state, "waiting");
	join_kill(&w); /* it goes on without being told the token again */
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &again), ERR_OK);
	assert_string_equal(again.print, said.print);
	assert_true(look(&w, &one) && one.done && !one.refused);
	assert_non_null(strstr(one.said, "'second' may join by enrolment token 'rack 3'"));
	assert_false(look(&w, &one));
	join_kill(&w);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &again), ERR_OK);
	assert_string_equal(again.state, "member");
	assert_string_equal(again.node, said.node);
	join_expect_member(&w);
	assert_int_equal(node_record_get(w.b->fix.engine.store, w.b->fix.ring, w.b->fix.engine.domain.node_id, &n), ERR_OK);
	assert_int_equal(n.origin, NODE_BY_ENROLMENT);
	assert_string_equal(n.principal, "unix:4001"); /* who made the token */
	assert_true(lists(&w, "\"state\":\"used up\"") && lists(&w, said.node));
	join_close(&w);
}

/* Fails the n-th call of the token for each n: the same command goes on, one request has one effect. */
static void whatever_fails_the_same_command_goes_on(void **state)
{
	unsigned failures = 0;
	bool over = false;
	(void)state;
	for (int n = 1; n < 40 && !over; n++) {
		struct join_world w;
		struct join_said said;
		struct admit_one one = { .done = false };
		char token[TOKEN_TEXT];
		join_open(&w);
		assert_int_equal(enrol(&w, NULL, 0, 0, token), ERR_OK);
		join_fail_at = n;
		bool failed = join_ask(&w, &(struct join_ask){ .enrolment = token }, &said) != ERR_OK;
		if (n % 2) join_kill(&w);
		if (failed) assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = token }, &said), ERR_OK);
		assert_true(look(&w, &one) && one.done);
		bool later = join_ask(&w, &(struct join_ask){ 0 }, &said) != ERR_OK;
		if (later && w.b->fix.engine.state != ENGINE_FAULT) {
			join_kill(&w);
			assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
		}
		if (w.b->fix.engine.state != ENGINE_FAULT) join_expect_member(&w);
		assert_int_equal(w.b->token.transports, 1);
		failures += failed || later;
		over = join_fail_at > 0;
		join_close(&w);
	}
	assert_true(over && failures >= 10);
}

static void what_a_token_does_not_allow_is_refused_and_said(void **state)
{
	struct join_world w;
	struct join_said said;
	char token[TOKEN_TEXT], other[TOKEN_TEXT], wrong[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	assert_int_equal(enrol(&w, "first", 0, 60, token), ERR_OK);
	assert_int_equal(enrol(&w, "second", 0, 0, other), ERR_OK);
	memcpy(wrong, token, sizeof wrong);
	wrong[0] = wrong[0] == 'A' ? 'B' : 'A';
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = wrong }, &said), ERR_INPUT);
	assert_int_equal(w.b->token.provisions, 0); /* mistyped: nothing was made */
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = token }, &said), ERR_OK);
	assert_int_equal(take_back(&w, "first"), ERR_OK);
	assert_int_equal(take_back(&w, "first"), ERR_OK);
	assert_int_equal(take_back(&w, "nothing"), ERR_NOT_FOUND);
	expect_refused(&w, "was revoked");
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = other, .name = "first" }, &said), ERR_OK);
	expect_refused(&w, "another node has the name 'first'");
	assert_true(lists(&w, "\"name\":\"second\",\"state\":\"open\"")); /* a refusal uses nothing up */
	join_close(&w);
}

/* A token of another domain, and one of which the record is gone. */
static void a_token_that_the_domain_does_not_know_admits_nobody(void **state)
{
	struct join_world w, elsewhere;
	struct join_said said;
	char token[TOKEN_TEXT];
	(void)state;
	join_open(&elsewhere);
	assert_int_equal(enrol(&elsewhere, NULL, 0, 0, token), ERR_OK);
	join_close(&elsewhere);
	join_open(&w);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = token }, &said), ERR_OK);
	expect_refused(&w, "knows no such enrolment token");
	join_close(&w);
}

/* ---- rights that end ---- */

/* Whoever was a member can read the record of every token. */
static void a_node_that_is_removed_has_no_token_left(void **state)
{
	struct join_world w;
	struct join_said said;
	struct answer answer;
	struct ask a;
	char open[TOKEN_TEXT], later[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	assert_int_equal(enrol(&w, "open", 3, 604800, open), ERR_OK);
	assert_int_equal(enrol(&w, "gone", 0, 0, later), ERR_OK);
	assert_int_equal(take_back(&w, "gone"), ERR_OK);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_approve_well(&w, said.print);
	ask_one(&a, OPERATION_COFFER_NODE_REMOVE);
	ttlv_put_str(&a.w, TAG_COFFER_NODE_NAME, "second");
	assert_int_equal(vendor_send(&w.a->fix, ADMIN, &a, &answer), ERR_OK);
	assert_int_equal(vendor_i32(&answer, TAG_COFFER_ENROLMENTS_REVOKED), 1);
	answer_free(&answer);
	assert_true(lists(&w, "\"name\":\"open\",\"state\":\"revoked\""));
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_DENIED); /* it hears that it was removed */
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = open }, &said), ERR_OK); /* a new node id, a new transport key */
	expect_refused(&w, "was revoked");
	assert_int_equal(enrol(&w, "later", 0, 0, later), ERR_OK);
	assert_true(lists(&w, "\"name\":\"later\",\"state\":\"open\""));
	join_close(&w);
}

/* Who writes the database puts a row in front of the tokens' records: where it hid them, they would outlive the removal. */
static void a_row_that_is_no_token_hides_none(void **state)
{
	struct join_world w;
	struct join_said said;
	struct answer answer;
	struct ask a;
	char open[TOKEN_TEXT];
	struct store_row row = { .id = "enrolment-0", .id_len = 11, .version = 1, .generation = 1, .header = view_str("1"), .body = view_str("nothing") };
	(void)state;
	join_open(&w);
	assert_int_equal(enrol(&w, "open", 0, 0, open), ERR_OK);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_approve_well(&w, said.print);
	assert_int_equal(store_begin(w.a->inner, NULL), ERR_OK);
	assert_int_equal(store_put(w.a->inner, STORE_DOMAIN, &row, false), ERR_OK);
	assert_int_equal(store_commit(w.a->inner, NULL), ERR_OK);
	ask_one(&a, OPERATION_COFFER_NODE_REMOVE);
	ttlv_put_str(&a.w, TAG_COFFER_NODE_NAME, "second");
	assert_int_equal(vendor_send(&w.a->fix, ADMIN, &a, &answer), ERR_CORRUPT);
	answer_free(&answer);
	assert_int_equal(store_begin(w.a->inner, NULL), ERR_OK);
	assert_int_equal(store_erase(w.a->inner, STORE_DOMAIN, view_of(row.id, row.id_len)), ERR_OK);
	assert_int_equal(store_commit(w.a->inner, NULL), ERR_OK);
	assert_true(lists(&w, "\"name\":\"open\",\"state\":\"open\"")); /* nothing of it was done */
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	assert_string_equal(said.state, "member");
	join_close(&w);
}

static enum coffer_err take_role(struct join_world *w, const char *principal)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_REVOKE_GRANT);
	ttlv_put_str(&a.w, TAG_COFFER_PRINCIPAL, principal);
	ttlv_put_str(&a.w, TAG_COFFER_ROLE, "administrator");
	enum coffer_err err = vendor_send(&w->a->fix, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

static void tokens_end_with_the_role_of_who_made_them(void **state)
{
	struct join_world w;
	struct join_said said;
	char mine[TOKEN_TEXT], theirs[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	fix_give(&w.a->fix, SECOND, ROLE_ADMINISTRATOR, "");
	assert_int_equal(enrol(&w, "mine", 0, 0, mine), ERR_OK);
	assert_int_equal(enrol_as(&w, SECOND, "theirs", 0, 0, theirs), ERR_OK);
	assert_int_equal(take_role(&w, "unix:4021"), ERR_OK);
	assert_true(lists(&w, "\"name\":\"theirs\",\"state\":\"revoked\""));
	assert_true(lists(&w, "\"name\":\"mine\",\"state\":\"open\""));
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = theirs }, &said), ERR_OK);
	expect_refused(&w, "was revoked");
	join_close(&w);
}

static void tokens_that_one_made_end_when_two_are_needed(void **state)
{
	struct join_world w;
	struct answer answer;
	struct ask a;
	char token[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	fix_give(&w.a->fix, SECOND, ROLE_ADMINISTRATOR, "");
	assert_int_equal(enrol(&w, "alone", 0, 0, token), ERR_OK);
	ask_one(&a, OPERATION_COFFER_SET_QUORUM);
	ttlv_put_i32(&a.w, TAG_COFFER_QUORUM_NEEDED, 2);
	assert_int_equal(vendor_send(&w.a->fix, ADMIN, &a, &answer), ERR_OK);
	answer_free(&answer);
	assert_true(lists(&w, "\"name\":\"alone\",\"state\":\"revoked\""));
	join_close(&w);
}

/* ---- what others wrote ---- */

struct put { uint8_t id[UUID_LEN]; struct buf row; };

static enum coffer_err put_row(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct put *p = arg;
	(void)engine;
	(void)reason;
	return waiting_put(txn_store(txn), p->id, buf_view(&p->row));
}

static enum coffer_err erase_row(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	(void)reason;
	return waiting_erase(txn_store(txn), ((const struct put *)arg)->id);
}

/* What waits, once more under the name and id of a thief: evidence that does not hold. */
static void put_other(struct join_world *w, const uint8_t *node_id, struct put *p)
{
	struct engine *a = &w->a->fix.engine;
	struct admission_row row;
	struct admission_request q;
	AUTO_BUF struct buf first = BUF_EMPTY;
	AUTO_BUF struct buf forged = BUF_EMPTY;
	assert_int_equal(waiting_get(a->store, node_id, &first), ERR_OK);
	assert_int_equal(admission_row_read(buf_view(&first), &row, NULL), ERR_OK);
	assert_int_equal(admission_request_read(row.request, &q, NULL), ERR_OK);
	memset(p->id, 0x77, UUID_LEN);
	memcpy(q.node_id, p->id, UUID_LEN);
	snprintf(q.name, sizeof q.name, "thief");
	assert_int_equal(admission_request_write(&q, &forged), ERR_OK);
	buf_clear(&p->row);
	assert_int_equal(admission_row_write(&(struct admission_row){ .state = ADMISSION_ASKED, .request = buf_view(&forged) }, &p->row), ERR_OK);
	assert_int_equal(a->on_store(a, put_row, p, NULL), ERR_OK);
}

/* Who writes the database copies a request that was proven: under another id it is nobody's, in another request the proof does not hold. */
static void a_request_that_was_copied_is_not_taken(void **state)
{
	struct join_world w;
	struct join_said said;
	struct admit_one one = { .done = false };
	struct put p = { .id = { 0x77 }, .row = BUF_EMPTY };
	AUTO_BUF struct buf first = BUF_EMPTY;
	char token[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	struct engine *a = &w.a->fix.engine;
	assert_int_equal(enrol(&w, NULL, 2, 0, token), ERR_OK);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = token }, &said), ERR_OK);
	assert_int_equal(waiting_get(a->store, w.b->fix.engine.join->kept.domain.node_id, &first), ERR_OK);
	assert_int_equal(buf_append(&p.row, buf_view(&first)), ERR_OK);
	assert_int_equal(a->on_store(a, put_row, &p, NULL), ERR_OK); /* the very same row, another node id */
	assert_true(look(&w, &one) && one.done);
	assert_false(look(&w, &one));
	put_other(&w, w.b->fix.engine.join->kept.domain.node_id, &p);
	assert_true(look(&w, &one) && one.refused);
	assert_non_null(strstr(one.said, "does not show that its node has the enrolment token"));
	assert_true(lists(&w, "\"uses\":2,\"used\":1"));
	buf_free(&p.row);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	assert_string_equal(said.state, "member"); /* who has the token */
	join_close(&w);
}

/* The clock of the master server that is asked is behind the one of who made the token: nothing is decided before, and nobody else waits for it. */
static void a_token_that_is_too_new_waits(void **state)
{
	struct join_world w;
	struct join_said said;
	struct admit_one one = { .done = false };
	struct reason why = { "" };
	uint8_t next[UUID_LEN] = { 0 }, seen[UUID_LEN];
	bool waits;
	char token[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	struct engine *a = &w.a->fix.engine;
	struct put p = { .id = { 0 }, .row = BUF_EMPTY };
	assert_int_equal(enrol(&w, NULL, 0, 0, token), ERR_OK);
	w.b->fix.now_s -= 5; /* of both */
	clock_set_known_s(0);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = token }, &said), ERR_OK);
	assert_int_equal(admit_waits(a->store, one.node_id, &waits), ERR_OK);
	assert_true(waits);
	assert_int_equal(a->on_store(a, admit_one, &one, &why), ERR_BUSY);
	assert_non_null(strstr(why.text, "is made in 5 s only"));
	assert_false(one.done || one.refused);
	put_other(&w, one.node_id, &p);
	for (int i = 0; i < 4; i++) {
		memcpy(seen, next, UUID_LEN);
		assert_int_equal(admit_waits(a->store, next, &waits), ERR_OK);
		assert_true(waits && memcmp(seen, next, UUID_LEN) != 0);
	}
	assert_int_equal(a->on_store(a, erase_row, &p, NULL), ERR_OK);
	w.b->fix.now_s += 5;
	assert_true(look(&w, &one) && one.done);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	assert_string_equal(said.state, "member");
	buf_free(&p.row);
	join_close(&w);
}

/* What another node says of the time. */
static enum coffer_err put_sign(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct node_sign sign = { .count = 1, .written_ms = *(const uint64_t *)arg, .generation = 1, .role = SIGN_STANDBY, .version = "1" };
	uint8_t body[SIGN_BODY_MAX];
	struct store_row row;
	(void)engine;
	(void)reason;
	memset(sign.node_id, 0x77, UUID_LEN);
	TRY(sign_to_row(txn_ring(txn), &sign, &row, body));
	return store_put(txn_store(txn), STORE_LEASE, &row, true);
}

static void a_token_that_is_over_by_another_nodes_clock_is_over(void **state)
{
	struct join_world w;
	struct join_said said;
	char token[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	struct engine *a = &w.a->fix.engine;
	uint64_t later_ms = (clock_wall_s() + 3600) * 1000;
	assert_int_equal(enrol(&w, NULL, 0, 0, token), ERR_OK);
	assert_int_equal(a->on_store(a, put_sign, &later_ms, NULL), ERR_OK);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = token }, &said), ERR_OK);
	expect_refused(&w, "by the clock of another node the enrolment token is over");
	later_ms -= 1000;
	assert_int_equal(a->on_store(a, put_sign, &later_ms, NULL), ERR_OK);
	struct admit_one one = { .done = false };
	assert_int_equal(join_ask(&w, &(struct join_ask){ .enrolment = token, .anew = true }, &said), ERR_OK);
	assert_true(look(&w, &one) && one.done && !one.refused);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_expect_member(&w);
	join_close(&w);
}

static void only_the_master_server_makes_and_takes_them(void **state)
{
	struct join_world w;
	struct admit_one one = { .done = false };
	struct reason why = { "" };
	char token[TOKEN_TEXT];
	(void)state;
	join_open(&w);
	struct engine *a = &w.a->fix.engine;
	assert_int_equal(enrol(&w, "only", 65, 0, token), ERR_FIELD);
	assert_int_equal(enrol(&w, "only", -1, 0, token), ERR_FIELD);
	assert_int_equal(enrol(&w, "only", 0, 59, token), ERR_FIELD);
	assert_int_equal(enrol(&w, "two\nlines", 0, 0, token), ERR_FIELD);
	assert_int_equal(enrol(&w, "only", 64, 604800, token), ERR_OK);
	assert_int_equal(enrol(&w, "only", 0, 0, token), ERR_EXISTS);
	a->seat->master_until_ms = 0;
	assert_int_equal(enrol(&w, "later", 0, 0, token), ERR_STATE);
	assert_int_equal(take_back(&w, "only"), ERR_STATE);
	assert_int_equal(a->on_store(a, admit_one, &one, &why), ERR_STATE);
	join_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_with_a_token_joins_without_anybody),
		cmocka_unit_test(whatever_fails_the_same_command_goes_on),
		cmocka_unit_test(what_a_token_does_not_allow_is_refused_and_said),
		cmocka_unit_test(a_token_that_the_domain_does_not_know_admits_nobody),
		cmocka_unit_test(a_node_that_is_removed_has_no_token_left),
		cmocka_unit_test(a_row_that_is_no_token_hides_none),
		cmocka_unit_test(tokens_end_with_the_role_of_who_made_them),
		cmocka_unit_test(tokens_that_one_made_end_when_two_are_needed),
		cmocka_unit_test(a_request_that_was_copied_is_not_taken),
		cmocka_unit_test(a_token_that_is_too_new_waits),
		cmocka_unit_test(a_token_that_is_over_by_another_nodes_clock_is_over),
		cmocka_unit_test(only_the_master_server_makes_and_takes_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
