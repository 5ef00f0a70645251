/* Node records, and the master server's judgement of a request: what is written when it says yes, and that nothing is when it says no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "domain/admit.h"
#include "unit/domain/world.h"
#include "unit/keyring/fixture.h"
#include "unit/keyring/frozen.h"

#define NOW 1700000001000u

static int start(void **state)
{
	return frozen_start("admission-v1.json", state);
}

/* A domain of one founder, and a request that stands in its store. */
struct house {
	struct store *store;
	struct answer_plan plan;
	struct admission_request q;
	struct buf request, row;
	uint8_t digest[ADMISSION_DIGEST_LEN];
	struct admit_wish wish;
};

static struct node_record founder(void)
{
	struct node_record n = { .node_id = { 0xF0 }, .state = NODE_MEMBER, .name = "founder", .token_kind = "tpm2", .transport_key = { 4, 1 }, .principal = "unix:0",
		.admitted_ms = 1, .joined_ms = 1 };
	return n;
}

/* The row of the request as it is in house->q. */
static void ask(struct house *h)
{
	buf_clear(&h->request);
	buf_clear(&h->row);
	assert_int_equal(admission_request_write(&h->q, &h->request), ERR_OK);
	assert_int_equal(admission_digest(buf_view(&h->request), h->digest), ERR_OK);
	assert_int_equal(admission_row_write(&(struct admission_row){ .state = ADMISSION_ASKED, .request = buf_view(&h->request) }, &h->row), ERR_OK);
	h->wish.row = buf_view(&h->row);
}

static void house_new(struct house *h, const char *request)
{
	struct node_record n = founder();
	*h = (struct house){ .request = BUF_EMPTY, .row = BUF_EMPTY };
	world_plan(&h->plan);
	world_request(request, &h->q, &h->request);
	assert_int_equal(store_open_memory(&h->store), ERR_OK);
	assert_int_equal(store_begin(h->store, NULL), ERR_OK);
	assert_int_equal(node_record_put(h->store, h->plan.ring, &n), ERR_OK);
	assert_int_equal(store_commit(h->store, NULL), ERR_OK);
	assert_int_equal(store_begin(h->store, NULL), ERR_OK);
	h->wish = (struct admit_wish){ .fingerprint = h->digest, .principal = "unix:0", .now_ms = NOW, .date_ms = NOW, .epoch = 7, .roots = h->plan.roots, .root_count = 2 };
	ask(h);
}

static void house_done(struct house *h)
{
	store_rollback(h->store);
	store_close(h->store);
	buf_free(&h->request);
	buf_free(&h->row);
	world_plan_done(&h->plan);
}

static enum coffer_err decide(struct house *h, struct admitted *out, struct buf *row, struct reason *why)
{
	return admit(h->store, h->plan.ring, h->plan.domain_seed, &h->wish, out, row, why);
}

/* Refused with this error and sentence, and no trace of it. */
static void assert_refused(struct house *h, enum coffer_err err, const char *says)
{
	struct admitted out = { .again = true };
	struct reason why = { "" };
	uint64_t before, after;
	AUTO_BUF struct buf row = BUF_EMPTY;
	assert_int_equal(store_count(h->store, STORE_NODE, &before), ERR_OK);
	enum coffer_err found = decide(h, &out, &row, &why);
	if (found != err || !strstr(why.text, says)) fail_msg("%s: %s", err_name(found), why.text);
	assert_int_equal(store_count(h->store, STORE_NODE, &after), ERR_OK);
	assert_true(before == after && row.len == 0 && out.record.name[0] == '\0');
}

/* The new node opens what the master server wrote. */
static void assert_opens(struct house *h, const struct buf *row, const struct secret *enrolment, const struct admitted *out)
{
	struct admission_row answered;
	struct answer_opened opened;
	struct software_key key;
	uint8_t print[DOMAIN_FINGERPRINT_LEN];
	struct ring *ring = world_new_ring();
	software_key_init(&key);
	struct answer_key use = software_key_use(&key);
	assert_int_equal(admission_row_read(buf_view(row), &answered, NULL), ERR_OK);
	assert_int_equal(answered.state, ADMISSION_ANSWERED);
	assert_true(view_equal(answered.request, buf_view(&h->request)));
	assert_int_equal(answer_open(ring, buf_view(&h->request), enrolment, &use, answered.answer, &opened, NULL), ERR_OK);
	assert_int_equal(answer_fingerprint(answered.answer, print), ERR_OK);
	assert_memory_equal(print, out->answer_print, sizeof print);
	ring_free(ring);
	software_key_done(&key);
}

static void an_approved_request_is_answered_and_recorded(void **state)
{
	struct house h;
	struct admitted out;
	struct node_record n;
	AUTO_BUF struct buf row = BUF_EMPTY;
	(void)state;
	house_new(&h, "request");
	assert_int_equal(decide(&h, &out, &row, NULL), ERR_OK);
	assert_false(out.again);
	assert_opens(&h, &row, NULL, &out);
	assert_int_equal(node_record_get(h.store, h.plan.ring, h.q.node_id, &n), ERR_OK);
	assert_int_equal(n.state, NODE_ADMITTED);
	assert_int_equal(n.origin, NODE_BY_FINGERPRINT);
	assert_string_equal(n.name, h.q.name);
	assert_string_equal(n.principal, "unix:0");
	assert_memory_equal(n.request_digest, h.digest, sizeof h.digest);
	assert_memory_equal(n.transport_key, h.q.transport_key, sizeof n.transport_key);
	assert_true(n.admitted_ms == NOW && n.joined_ms == 0 && n.row_version == 1);
	house_done(&h);
}

/* The outcome of the commit was unknown, or an operator is not sure. */
static void the_same_request_is_answered_again_until_its_node_has_joined(void **state)
{
	struct house h;
	struct admitted out;
	struct node_record n;
	uint64_t count;
	AUTO_BUF struct buf first = BUF_EMPTY;
	AUTO_BUF struct buf second = BUF_EMPTY;
	(void)state;
	house_new(&h, "request");
	assert_int_equal(decide(&h, &out, &first, NULL), ERR_OK);
	h.wish.row = buf_view(&first); /* as the row stands now */
	assert_int_equal(decide(&h, &out, &second, NULL), ERR_OK);
	assert_true(out.again);
	assert_opens(&h, &second, NULL, &out);
	assert_false(view_equal(buf_view(&first), buf_view(&second)));
	assert_int_equal(store_count(h.store, STORE_NODE, &count), ERR_OK);
	assert_int_equal(count, 2);
	h.q.nonce[0] ^= 1; /* another request with the id of the first one */
	ask(&h);
	assert_refused(&h, ERR_EXISTS, "another request with this node id was approved");
	h.q.nonce[0] ^= 1;
	ask(&h);
	assert_int_equal(node_record_get(h.store, h.plan.ring, h.q.node_id, &n), ERR_OK);
	n.state = NODE_MEMBER;
	n.joined_ms = NOW;
	assert_int_equal(node_record_put(h.store, h.plan.ring, &n), ERR_OK);
	assert_refused(&h, ERR_EXISTS, "is a member");
	n.state = NODE_REMOVED;
	n.removed_ms = NOW;
	assert_int_equal(node_record_put(h.store, h.plan.ring, &n), ERR_OK);
	assert_refused(&h, ERR_EXISTS, "was removed");
	h.q.node_id[0] ^= 1; /* a new id, and the key of before */
	ask(&h);
	assert_refused(&h, ERR_EXISTS, "the transport key of the request is that of node");
	house_done(&h);
}

static void only_the_typed_fingerprint_approves(void **state)
{
	struct house h;
	uint8_t other[DOMAIN_FINGERPRINT_LEN];
	(void)state;
	house_new(&h, "request");
	memcpy(other, h.digest, sizeof other);
	h.wish.fingerprint = other;
	for (size_t i = 0; i < sizeof other; i++) { /* also one that is alike but for its end */
		other[i] ^= 1;
		assert_refused(&h, ERR_NOT_FOUND, "no request has this fingerprint");
		other[i] ^= 1;
	}
	h.wish.fingerprint = NULL;
	assert_refused(&h, ERR_DENIED, "has no evidence");
	house_done(&h);
}

static void who_the_domain_knows_is_not_taken_twice(void **state)
{
	struct house h;
	struct node_record n = founder();
	(void)state;
	house_new(&h, "request");
	memcpy(h.q.name, "founder", 8);
	memset(h.q.name + 8, 0, sizeof h.q.name - 8);
	ask(&h);
	assert_refused(&h, ERR_EXISTS, "another node has the name 'founder'");
	memcpy(h.q.name, "another", 8);
	memcpy(h.q.node_id, n.node_id, UUID_LEN);
	ask(&h);
	assert_refused(&h, ERR_EXISTS, "is a member");
	memset(h.q.node_id, 0x77, UUID_LEN);
	ask(&h);
	struct store_row slot = { .id = { 0 }, .id_len = UUID_LEN + 4, .version = 1, .state = 1, .generation = 1, .header = view_str("x"), .body = view_str("y") };
	memcpy(slot.id, h.q.node_id, UUID_LEN);
	assert_int_equal(store_put(h.store, STORE_SLOT, &slot, false), ERR_OK);
	assert_refused(&h, ERR_CORRUPT, "no node with it");
	house_done(&h);
}

static void requests_that_say_wrong_things_are_refused_before_anything_else(void **state)
{
	struct house h;
	(void)state;
	house_new(&h, "request");
	h.q.domain_id[0] ^= 1;
	ask(&h);
	assert_refused(&h, ERR_CONTEXT, "for another domain");
	h.q.domain_id[0] ^= 1;
	h.q.created_ms = NOW + 2 * ADMISSION_AGE_MAX_MS;
	ask(&h);
	assert_refused(&h, ERR_STATE, "from the future");
	h.q.created_ms = 0; /* an appliance without a clock */
	ask(&h);
	assert_refused(&h, ERR_STATE, "older than a day by the new node's clock");
	h.q.created_ms = NOW;
	ask(&h);
	AUTO_BUF struct buf refused = BUF_EMPTY;
	assert_int_equal(admit_refusal(h.wish.row, "no", &refused), ERR_OK);
	h.wish.row = buf_view(&refused);
	assert_refused(&h, ERR_STATE, "was refused already");
	h.wish.row = view_str("x");
	assert_refused(&h, ERR_VERSION, "does not know");
	house_done(&h);
}

static void an_enrolment_token_approves_once(void **state)
{
	struct house h;
	struct admitted out;
	struct enrolment e = { .made_ms = NOW - 1, .ends_ms = NOW + 1000, .principal = "unix:1000", .name = "rack 3", .uses = 1 }, kept;
	AUTO_SECRET struct secret *token = world_token();
	AUTO_BUF struct buf row = BUF_EMPTY;
	AUTO_BUF struct buf again = BUF_EMPTY;
	(void)state;
	house_new(&h, "request-enrolment");
	h.wish.fingerprint = NULL;
	assert_refused(&h, ERR_NOT_FOUND, "knows no such enrolment token");
	assert_int_equal(enrolment_key(token, &e.key), ERR_OK);
	assert_int_equal(enrolment_id(token, e.id), ERR_OK);
	assert_int_equal(enrolment_put(h.store, h.plan.ring, &e), ERR_OK);
	h.wish.date_ms = NOW + 1000;
	assert_refused(&h, ERR_STATE, "is over");
	h.wish.date_ms = NOW - 2500; /* the clock of who made it is ahead: asked again */
	assert_refused(&h, ERR_BUSY, "is made in 3 s only");
	h.wish.date_ms = NOW;
	h.q.enrolment_mac[0] ^= 1;
	ask(&h);
	assert_refused(&h, ERR_CONTEXT, "does not show");
	h.wish.fingerprint = h.digest; /* nor does a typed fingerprint make false evidence good */
	assert_refused(&h, ERR_CONTEXT, "does not show");
	h.wish.fingerprint = NULL;
	h.wish.principal = NULL; /* who made the token is who approves */
	h.q.enrolment_mac[0] ^= 1;
	ask(&h);
	assert_int_equal(decide(&h, &out, &row, NULL), ERR_OK);
	assert_int_equal(out.record.origin, NODE_BY_ENROLMENT);
	assert_string_equal(out.evidence, "rack 3");
	assert_opens(&h, &row, e.key, &out);
	assert_int_equal(decide(&h, &out, &again, NULL), ERR_OK); /* the same request once more */
	assert_true(out.again);
	assert_int_equal(enrolment_get(h.store, h.plan.ring, e.id, &kept), ERR_OK);
	assert_true(kept.used_count == 1 && enrolment_is_used_by(&kept, h.q.node_id));
	assert_string_equal(out.record.principal, "unix:1000");
	enrolment_clear(&kept);
	h.q.node_id[15] ^= 1; /* another node with the same token, and a proof of its own */
	memcpy(h.q.name, "other", 6);
	assert_int_equal(enrolment_prove(token, &h.q), ERR_OK);
	ask(&h);
	assert_refused(&h, ERR_STATE, "was used by node");
	house_done(&h);
	enrolment_clear(&e);
}

struct names {
	unsigned count;
	char last[ADMISSION_NAME_MAX + 1];
};

static enum coffer_err note(void *arg, const struct node_record *n)
{
	struct names *names = arg;
	assert_true(strcmp(names->last, n->name) < 0);
	memcpy(names->last, n->name, sizeof names->last);
	names->count++;
	return ERR_OK;
}

static void nodes_are_listed_in_order_also_when_they_are_many(void **state)
{
	struct house h;
	struct names names = { .count = 0 };
	struct node_record n = founder();
	(void)state;
	house_new(&h, "request");
	assert_int_equal(store_erase(h.store, STORE_NODE, view_of(n.node_id, UUID_LEN)), ERR_OK);
	for (unsigned i = 0; i < 128; i++) {
		n = founder();
		n.node_id[0] = (uint8_t)i;
		n.transport_key[1] = (uint8_t)i;
		snprintf(n.name, sizeof n.name, "node-%03u", i);
		assert_int_equal(node_record_put(h.store, h.plan.ring, &n), ERR_OK);
	}
	assert_int_equal(node_record_each(h.store, h.plan.ring, note, &names), ERR_OK);
	assert_int_equal(names.count, 128);
	memset(h.q.node_id, 0xEE, UUID_LEN);
	ask(&h);
	assert_refused(&h, ERR_LIMIT, "at most 128 nodes");
	n.state = NODE_REMOVED; /* makes room */
	n.removed_ms = 5;
	assert_int_equal(node_record_put(h.store, h.plan.ring, &n), ERR_OK);
	struct admitted out;
	AUTO_BUF struct buf row = BUF_EMPTY;
	assert_int_equal(decide(&h, &out, &row, NULL), ERR_OK);
	house_done(&h);
}

static void a_node_record_that_contradicts_itself_is_not_written(void **state)
{
	struct house h;
	(void)state;
	house_new(&h, "request");
	struct node_record cases[6];
	for (size_t i = 0; i < 6; i++) cases[i] = founder();
	cases[0].name[0] = '\0';
	cases[1].principal[0] = '\0';
	cases[2].admitted_ms = 0;
	cases[3].joined_ms = 0;
	cases[4].removed_ms = 1;
	cases[5].token_kind[0] = 'x';
	for (size_t i = 0; i < 6; i++) assert_int_equal(node_record_put(h.store, h.plan.ring, &cases[i]), ERR_FIELD);
	house_done(&h);
}

/* Each allocation fails once, alone and with all that follow: nothing was decided, and a rollback leaves what was there. */
static void any_allocation_may_fail(void **state)
{
	(void)state;
	for (unsigned on = 0; on < 2; on++) {
		enum coffer_err err = ERR_MEMORY;
		for (unsigned n = 1; err != ERR_OK; n++) {
			struct house h;
			struct admitted out = { .again = true };
			uint64_t count;
			AUTO_BUF struct buf row = BUF_EMPTY;
			assert_true(n < 1000);
			house_new(&h, "request");
			world_fail_nth(n, on);
			err = decide(&h, &out, &row, NULL);
			world_fail_nth(0, false);
			if (err) assert_int_equal(err, ERR_MEMORY);
			if (err) assert_int_equal(row.len, 0);
			store_rollback(h.store);
			assert_int_equal(store_count(h.store, STORE_NODE, &count), ERR_OK);
			assert_int_equal(count, 1);
			house_done(&h);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_approved_request_is_answered_and_recorded),
		cmocka_unit_test(the_same_request_is_answered_again_until_its_node_has_joined),
		cmocka_unit_test(only_the_typed_fingerprint_approves),
		cmocka_unit_test(who_the_domain_knows_is_not_taken_twice),
		cmocka_unit_test(requests_that_say_wrong_things_are_refused_before_anything_else),
		cmocka_unit_test(an_enrolment_token_approves_once),
		cmocka_unit_test(nodes_are_listed_in_order_also_when_they_are_many),
		cmocka_unit_test(a_node_record_that_contradicts_itself_is_not_written),
		cmocka_unit_test(any_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
