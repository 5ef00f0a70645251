/* A node joins a domain over one store: the whole way, what is refused, and a failure of every call of its token, after which the same command goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "domain/node_record.h"
#include "domain/transport_record.h"
#include "domain/waiting.h"
#include "keyring/generation.h"
#include "keyring/rooted_internal.h"
#include "keyring/slot.h"
#include "ops/join.h"
#include "ops/seat.h"
#include "unit/ops/founded.h"
#include "unit/ops/vendor.h"

struct world {
	struct founded *a, *b; /* the founder, and who joins */
	char domain[DOMAIN_FINGERPRINT_TEXT];
};

static int fail_at; /* the token's call that fails; 0: none */

static enum coffer_err on_call(void)
{
	return fail_at && --fail_at == 0 ? ERR_TOKEN : ERR_OK;
}

static void share(struct founded *n, const char *name)
{
	struct engine *e = &n->fix.engine;
	n->fix.config.node_name = (char *)(uintptr_t)name;
	n->fix.config.lease_time_ms = 15000;
	assert_int_equal(rooted_store_share(e->store), ERR_OK);
	e->seat = seat_new(&n->fix.config);
	assert_non_null(e->seat);
}

static enum coffer_err take_lease(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct lease none = { .version = 0 }, found, *next = arg;
	(void)engine;
	return lease_write(txn_store(txn), txn_ring(txn), &none, next, &found, reason);
}

/* The founder is master server for as long as the test lasts. */
static void lead(struct founded *n)
{
	struct engine *e = &n->fix.engine;
	struct lease next = { .held = true, .epoch = 5, .life = { 1 }, .holds_ms = 9000 };
	memcpy(next.holder, e->domain.node_id, UUID_LEN);
	assert_int_equal(e->on_store(e, seat_take, NULL, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, take_lease, &next, NULL), ERR_OK);
	e->seat->role.mine = next;
	e->seat->master_until_ms = UINT64_MAX;
}

static void open_world(struct world *w)
{
	founded_reset();
	fail_at = 0;
	w->a = founded_new();
	share(w->a, "first");
	founded_init(w->a);
	lead(w->a);
	domain_fingerprint_text(&w->a->fix.engine.domain, w->domain);
	w->b = founded_over(w->a->inner);
	share(w->b, "second");
	w->b->token.on_call = on_call;
}

static void close_world(struct world *w)
{
	join_drop(&w->b->fix.engine);
	seat_free(TAKE(w->b->fix.engine.seat));
	seat_free(TAKE(w->a->fix.engine.seat));
	rooted_of(w->b->fix.engine.store)->inner = NULL; /* the founder's */
	founded_free(w->b);
	founded_free(w->a);
}

struct wish { const char *domain, *token, *name, *answer; bool anew; };
struct said { char state[16], print[DOMAIN_FINGERPRINT_TEXT], node[UUID_TEXT_LEN + 1], why[512]; };

static void take_text(struct view json, const char *name, char *out, size_t cap)
{
	char key[32];
	snprintf(key, sizeof key, "\"%s\":\"", name);
	const char *at = memmem(json.ptr, json.len, key, strlen(key));
	assert_non_null(at);
	at += strlen(key);
	size_t len = (size_t)((const char *)memchr(at, '"', 200) - at);
	assert_true(len < cap);
	memcpy(out, at, len);
	out[len] = '\0';
}

static void take_why(const struct answer *answer, struct said *out)
{
	struct view text = answer->response.items[0].message;
	snprintf(out->why, sizeof out->why, "%.*s", (int)text.len, (const char *)text.ptr);
}

static enum coffer_err join(struct world *w, const struct wish *wish, struct said *out)
{
	struct answer answer;
	struct ask a;
	*out = (struct said){ .state = "" };
	ask_one(&a, OPERATION_COFFER_NODE_JOIN);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, wish->token ? wish->token : "tpm2:device");
	ttlv_put_str(&a.w, TAG_COFFER_FINGERPRINT, wish->domain ? wish->domain : w->domain);
	if (wish->name) ttlv_put_str(&a.w, TAG_COFFER_NODE_NAME, wish->name);
	if (wish->answer) ttlv_put_str(&a.w, TAG_COFFER_ANSWER_PRINT, wish->answer);
	if (wish->anew) ttlv_put_bool(&a.w, TAG_COFFER_ANEW, true);
	enum coffer_err err = vendor_send(&w->b->fix, geteuid(), &a, &answer);
	if (err) {
		take_why(&answer, out);
	} else {
		struct view json = vendor_text(&answer, TAG_COFFER_JSON);
		take_text(json, "state", out->state, sizeof out->state);
		take_text(json, "fingerprint", out->print, sizeof out->print);
		take_text(json, "node", out->node, sizeof out->node);
	}
	answer_free(&answer);
	return err;
}

static enum coffer_err approve(struct world *w, const char *print, char answer_print[static DOMAIN_FINGERPRINT_TEXT], struct said *out)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_APPROVE);
	ttlv_put_str(&a.w, TAG_COFFER_FINGERPRINT, print);
	enum coffer_err err = vendor_send(&w->a->fix, ADMIN, &a, &answer);
	if (err) take_why(&answer, out);
	else snprintf(answer_print, DOMAIN_FINGERPRINT_TEXT, "%.*s", (int)vendor_text(&answer, TAG_COFFER_ANSWER_PRINT).len, (const char *)vendor_text(&answer, TAG_COFFER_ANSWER_PRINT).ptr);
	answer_free(&answer);
	return err;
}

static void approve_well(struct world *w, const char *print)
{
	char answer[DOMAIN_FINGERPRINT_TEXT];
	struct said said = { .why = "" };
	if (approve(w, print, answer, &said) != ERR_OK) fail_msg("%s", said.why);
}

/* As after the process was killed: what is in memory is gone. */
static void kill_it(struct world *w)
{
	join_drop(&w->b->fix.engine);
}

static void expect_member(struct world *w)
{
	struct engine *a = &w->a->fix.engine, *b = &w->b->fix.engine;
	struct node_record n;
	struct transport_record transport;
	struct joining kept = JOINING_NONE;
	AUTO_SECRET struct secret *seed = NULL;
	AUTO_BUF struct buf row = BUF_EMPTY;
	bool slots = false;
	assert_int_equal(b->state, ENGINE_OPEN);
	assert_memory_equal(a->domain.id, b->domain.id, UUID_LEN);
	assert_int_equal(node_record_get(b->store, w->b->fix.ring, b->domain.node_id, &n), ERR_OK);
	assert_int_equal(n.state, NODE_MEMBER);
	assert_int_equal(transport_record_get(b->store, w->b->fix.ring, &transport), ERR_OK);
	assert_memory_equal(transport.public_key, n.transport_key, sizeof n.transport_key);
	assert_memory_equal(secret_bytes(transport.auth), w->b->token.transport_auth, TOKEN_TRANSPORT_AUTH_LEN);
	transport_record_clear(&transport);
	assert_int_equal(generation_get_domain_key(b->store, w->b->fix.ring, &seed), ERR_OK);
	assert_int_equal(slot_any(b->store, b->domain.node_id, &slots), ERR_OK);
	assert_true(slots);
	assert_int_equal(waiting_get(b->store, b->domain.node_id, &row), ERR_NOT_FOUND);
	assert_int_equal(joining_read(w->b->dir, &kept, NULL), ERR_NOT_FOUND);
	assert_null(b->join);
	assert_int_equal(rooted_store_epoch(b->store), 5);
	assert_int_equal(b->on_store(b, seat_take, NULL, NULL), ERR_OK);
}

static void a_node_joins_when_its_fingerprint_was_typed(void **state)
{
	struct world w;
	struct said said, again;
	char answer[DOMAIN_FINGERPRINT_TEXT];
	(void)state;
	open_world(&w);
	assert_int_equal(w.a->fix.engine.on_store(&w.a->fix.engine, seat_take, NULL, NULL), ERR_OK);
	assert_int_equal(join(&w, &(struct wish){ 0 }, &said), ERR_OK);
	assert_string_equal(said.state, "waiting");
	assert_int_equal(join(&w, &(struct wish){ 0 }, &again), ERR_OK);
	assert_string_equal(said.print, again.print);
	char wrong[DOMAIN_FINGERPRINT_TEXT];
	memcpy(wrong, said.print, sizeof wrong);
	wrong[sizeof wrong - 2] = wrong[sizeof wrong - 2] == 'A' ? 'B' : 'A';
	assert_int_equal(approve(&w, wrong, answer, &again), ERR_NOT_FOUND);
	approve_well(&w, said.print);
	assert_int_equal(approve(&w, said.print, answer, &again), ERR_OK); /* twice: answered anew */
	assert_int_equal(join(&w, &(struct wish){ .answer = w.domain }, &again), ERR_CONTEXT);
	assert_int_equal(join(&w, &(struct wish){ .answer = answer }, &again), ERR_OK);
	assert_string_equal(again.state, "member");
	expect_member(&w);
	assert_int_equal(approve(&w, said.print, answer, &again), ERR_NOT_FOUND);
	assert_int_equal(join(&w, &(struct wish){ 0 }, &again), ERR_OK); /* the answer to it was lost */
	assert_string_equal(again.state, "member");
	assert_int_equal(join(&w, &(struct wish){ .token = "tpm2:other" }, &again), ERR_EXISTS);
	close_world(&w);
}

/* The rows are written, and the node did not open: a start of the daemon goes on from there. */
static void expect_written(struct world *w)
{
	struct engine *b = &w->b->fix.engine;
	struct identity identity;
	bool slots = false;
	assert_int_equal(slot_any(b->store, b->domain.node_id, &slots), ERR_OK);
	assert_true(slots);
	assert_int_equal(identity_read(w->b->dir, &identity, NULL), ERR_OK);
	assert_memory_equal(identity.domain.node_id, b->domain.node_id, UUID_LEN);
	assert_int_equal(joining_erase(w->b->dir, NULL), ERR_OK);
}

/* Once more, in a new process where it failed. False: what failed came behind the last step. */
static bool finish(struct world *w, const struct said *said, bool *out_failed)
{
	struct said later;
	bool failed = join(w, &(struct wish){ 0 }, &later) != ERR_OK;
	*out_failed = *out_failed || failed;
	if (failed && w->b->fix.engine.state == ENGINE_FAULT) return false;
	kill_it(w);
	if (failed) assert_int_equal(join(w, &(struct wish){ 0 }, &later), ERR_OK);
	assert_string_equal(later.state, "member");
	assert_string_equal(later.node, said->node);
	return true;
}

/* Fails the n-th call of the token for each n, with a new process behind it: one node id, one key pair, and a member in the end. */
static void whatever_fails_the_same_command_goes_on(void **state)
{
	unsigned failures = 0;
	bool over = false;
	(void)state;
	for (int n = 1; n < 40 && !over; n++) {
		struct world w;
		struct said said;
		open_world(&w);
		fail_at = n;
		bool failed = join(&w, &(struct wish){ 0 }, &said) != ERR_OK;
		kill_it(&w);
		if (failed) assert_int_equal(join(&w, &(struct wish){ 0 }, &said), ERR_OK);
		kill_it(&w);
		approve_well(&w, said.print);
		if (finish(&w, &said, &failed)) expect_member(&w);
		else expect_written(&w);
		assert_int_equal(w.b->token.transports, 1);
		failures += failed;
		over = fail_at > 0;
		close_world(&w);
	}
	assert_true(over && failures >= 8);
}

static void nothing_is_made_for_another_domain(void **state)
{
	struct world w;
	struct said said;
	struct joining kept = JOINING_NONE;
	(void)state;
	open_world(&w);
	assert_int_equal(join(&w, &(struct wish){ .domain = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH" }, &said), ERR_CONTEXT);
	assert_int_equal(join(&w, &(struct wish){ .domain = "AAAA-BBBB" }, &said), ERR_INPUT);
	assert_int_equal(w.b->token.provisions, 0);
	assert_int_equal(joining_read(w.b->dir, &kept, NULL), ERR_NOT_FOUND);
	close_world(&w);
}

static void what_was_begun_is_not_mixed_with_something_else(void **state)
{
	struct world w;
	struct said first, said, anew;
	(void)state;
	open_world(&w);
	assert_int_equal(join(&w, &(struct wish){ 0 }, &first), ERR_OK);
	assert_int_equal(join(&w, &(struct wish){ .token = "tpm2:other" }, &said), ERR_STATE);
	assert_int_equal(join(&w, &(struct wish){ .domain = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH" }, &said), ERR_STATE);
	assert_int_equal(join(&w, &(struct wish){ .name = "first" }, &said), ERR_OK); /* another request of the same node */
	assert_string_equal(said.node, first.node);
	assert_string_not_equal(said.print, first.print);
	char answer[DOMAIN_FINGERPRINT_TEXT];
	assert_int_equal(approve(&w, first.print, answer, &anew), ERR_NOT_FOUND);
	assert_int_equal(approve(&w, said.print, answer, &anew), ERR_EXISTS);
	assert_non_null(strstr(anew.why, "another node has the name 'first'"));
	assert_int_equal(join(&w, &(struct wish){ .anew = true }, &anew), ERR_OK);
	assert_string_not_equal(anew.node, first.node);
	assert_int_equal(w.b->token.transports, 2);
	approve_well(&w, anew.print);
	assert_int_equal(join(&w, &(struct wish){ 0 }, &said), ERR_OK);
	assert_string_equal(said.state, "member");
	expect_member(&w);
	close_world(&w);
}

static enum coffer_err send_remove(struct world *w, const char *node)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_REMOVE);
	ttlv_put_str(&a.w, TAG_COFFER_NODE_NAME, node);
	enum coffer_err err = vendor_send(&w->a->fix, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

static void who_was_removed_before_it_joined_is_told_so(void **state)
{
	struct world w;
	struct said said, later;
	(void)state;
	open_world(&w);
	assert_int_equal(join(&w, &(struct wish){ 0 }, &said), ERR_OK);
	approve_well(&w, said.print);
	assert_int_equal(send_remove(&w, "nobody"), ERR_NOT_FOUND);
	assert_int_equal(send_remove(&w, "first"), ERR_STATE); /* itself */
	assert_int_equal(send_remove(&w, said.node), ERR_OK);
	assert_int_equal(send_remove(&w, said.node), ERR_STATE);
	assert_int_equal(join(&w, &(struct wish){ 0 }, &later), ERR_DENIED);
	assert_non_null(strstr(later.why, "an administrator removed this node"));
	assert_int_equal(join(&w, &(struct wish){ 0 }, &later), ERR_OK); /* as a new one */
	assert_string_not_equal(later.node, said.node);
	approve_well(&w, later.print);
	assert_int_equal(join(&w, &(struct wish){ 0 }, &later), ERR_OK);
	expect_member(&w);
	close_world(&w);
}

static void a_member_that_is_removed_loses_its_slots_and_writes_nothing(void **state)
{
	struct world w;
	struct said said;
	struct reason why = { "" };
	bool slots = true;
	(void)state;
	open_world(&w);
	struct engine *b = &w.b->fix.engine;
	assert_int_equal(join(&w, &(struct wish){ 0 }, &said), ERR_OK);
	approve_well(&w, said.print);
	assert_int_equal(join(&w, &(struct wish){ 0 }, &said), ERR_OK);
	expect_member(&w);
	bool everything;
	assert_int_equal(rooted_store_refresh(w.a->fix.engine.store, NULL, NULL, &everything, NULL), ERR_OK);
	assert_int_equal(send_remove(&w, "second"), ERR_OK);
	assert_int_equal(slot_any(b->store, b->domain.node_id, &slots), ERR_OK);
	assert_false(slots);
	assert_int_equal(store_begin(b->store, NULL), ERR_OK);
	assert_int_equal(seat_check_member(b, &why), ERR_DENIED);
	store_rollback(b->store);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_joins_when_its_fingerprint_was_typed),
		cmocka_unit_test(whatever_fails_the_same_command_goes_on),
		cmocka_unit_test(nothing_is_made_for_another_domain),
		cmocka_unit_test(what_was_begun_is_not_mixed_with_something_else),
		cmocka_unit_test(who_was_removed_before_it_joined_is_told_so),
		cmocka_unit_test(a_member_that_is_removed_loses_its_slots_and_writes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
