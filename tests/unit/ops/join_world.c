/* The world of a join. */
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
#include "unit/ops/join_world.h"
#include "unit/ops/vendor.h"

int join_fail_at;

static enum coffer_err on_call(void)
{
	return join_fail_at && --join_fail_at == 0 ? ERR_TOKEN : ERR_OK;
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

void join_open(struct join_world *w)
{
	founded_reset();
	join_fail_at = 0;
	w->a = founded_new();
	share(w->a, "first");
	founded_init(w->a);
	lead(w->a);
	domain_fingerprint_text(&w->a->fix.engine.domain, w->domain);
	w->b = founded_over(w->a->inner);
	share(w->b, "second");
	w->b->token.on_call = on_call;
}

void join_close(struct join_world *w)
{
	join_drop(&w->b->fix.engine);
	seat_free(TAKE(w->b->fix.engine.seat));
	seat_free(TAKE(w->a->fix.engine.seat));
	rooted_of(w->b->fix.engine.store)->inner = NULL; /* the founder's */
	founded_free(w->b);
	founded_free(w->a);
}

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

static void take_why(const struct answer *answer, struct join_said *out)
{
	struct view text = answer->response.items[0].message;
	snprintf(out->why, sizeof out->why, "%.*s", (int)text.len, (const char *)text.ptr);
}

enum coffer_err join_ask(struct join_world *w, const struct join_ask *wish, struct join_said *out)
{
	struct answer answer;
	struct ask a;
	*out = (struct join_said){ .state = "" };
	ask_one(&a, OPERATION_COFFER_NODE_JOIN);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, wish->token ? wish->token : "tpm2:device");
	ttlv_put_str(&a.w, TAG_COFFER_FINGERPRINT, wish->domain ? wish->domain : w->domain);
	if (wish->name) ttlv_put_str(&a.w, TAG_COFFER_NODE_NAME, wish->name);
	if (wish->answer) ttlv_put_str(&a.w, TAG_COFFER_ANSWER_PRINT, wish->answer);
	if (wish->anew) ttlv_put_bool(&a.w, TAG_COFFER_ANEW, true);
	if (wish->enrolment) ttlv_put_bytes(&a.w, TAG_COFFER_ENROLMENT_TOKEN, view_str(wish->enrolment));
	if (wish->endorsement) ttlv_put_bool(&a.w, TAG_COFFER_ENDORSEMENT, true);
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

enum coffer_err join_approve(struct join_world *w, const char *print, char answer_print[static DOMAIN_FINGERPRINT_TEXT], struct join_said *out)
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

void join_approve_well(struct join_world *w, const char *print)
{
	char answer[DOMAIN_FINGERPRINT_TEXT];
	struct join_said said = { .why = "" };
	if (join_approve(w, print, answer, &said) != ERR_OK) fail_msg("%s", said.why);
}

/* As after the process was killed: what is in memory is gone. */
void join_kill(struct join_world *w)
{
	join_drop(&w->b->fix.engine);
}

void join_expect_member(struct join_world *w)
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
