/* Two administrators are asked for, and not any more. Whatever fails: memory, record and version root say the same. */
#include <string.h>

#include "access/quorum_record.h"
#include "fault/scenario.h"
#include "keyring/rooted_store.h"
#include "unit/ops/fixture.h"

#define SECOND 4002u

static uint8_t request_id[KMIP_REQUEST_ID_LEN];
static unsigned wanted; /* of the round */

static enum coffer_err send_one(struct house *h, struct ask *a, unsigned k, uint8_t step)
{
	memset(request_id, 0, sizeof request_id);
	memcpy(request_id, &k, sizeof k);
	request_id[15] = step;
	ask_item_end(a, request_id);
	ask_end(a);
	return house_send(h, a);
}

static struct engine *engine_of(void *place)
{
	return &((struct house *)place)->daemon.engine;
}

/* ---- two administrators ---- */

static void *open_two(void)
{
	struct house *h = house_open();
	struct ask a;
	engine_of(h)->quorum = quorum_new();
	MUST(engine_of(h)->quorum);
	ask_one(&a, OPERATION_COFFER_GRANT);
	ttlv_put_str(&a.w, TAG_COFFER_PRINCIPAL, "unix:4002");
	ttlv_put_str(&a.w, TAG_COFFER_ROLE, "administrator");
	MUST_OK(send_one(h, &a, 0, 200));
	return h;
}

static void close_two(void *place)
{
	struct quorum *q = engine_of(place)->quorum;
	house_close(place);
	quorum_free(q);
}

static void choose(void *place, unsigned k)
{
	(void)k;
	wanted = quorum_needed(engine_of(place)->quorum) == 1 ? 2 : 1;
}

static enum coffer_err set_needed(struct house *h, unsigned needed, unsigned k, uint8_t step)
{
	struct ask a;
	ask_one(&a, OPERATION_COFFER_SET_QUORUM);
	ttlv_put_i32(&a.w, TAG_COFFER_QUORUM_NEEDED, (int32_t)needed);
	return send_one(h, &a, k, step);
}

static enum coffer_err approve(struct house *h, unsigned k, uint8_t step)
{
	struct quorum_act act;
	struct ask a;
	if (!quorum_at(engine_of(h)->quorum, 0, &act) || act.approver[0]) return ERR_OK;
	ask_one(&a, OPERATION_COFFER_APPROVE);
	ttlv_put_str(&a.w, TAG_COFFER_APPROVAL_ID, act.id);
	h->uid = SECOND;
	enum coffer_err err = send_one(h, &a, k, step);
	h->uid = HOUSE_ADMIN;
	return err;
}

/* Each try has request ids of its own: a refusal is an answer that would be given again. */
static enum coffer_err run_quorum(void *place, unsigned k)
{
	static uint8_t step;
	struct house *h = place;
	if (quorum_needed(engine_of(h)->quorum) == wanted) return ERR_OK;
	enum coffer_err err = set_needed(h, wanted, k, ++step);
	if (err != ERR_DENIED) return err;
	TRY(approve(h, k, ++step));
	return set_needed(h, wanted, k, ++step);
}

static enum coffer_err look_quorum(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct rooted_facts root;
	unsigned needed = 1;
	(void)arg;
	(void)reason;
	enum coffer_err err = quorum_record_get(txn, &needed);
	rooted_store_facts(engine->store, &root);
	MUST(!err && needed == wanted && root.two_administrators == (wanted == 2));
	return ERR_OK;
}

static void judge_quorum(void *place, unsigned k)
{
	struct engine *e = engine_of(place);
	(void)k;
	MUST(quorum_needed(e->quorum) == wanted);
	MUST_OK(e->on_store(e, look_quorum, NULL, NULL));
}

const struct scenario quorum_scenarios[] = {
	{ .name = "two administrators", .places = AT_HOUSE, .rounds = 60, .stride = 11, .open = open_two, .prepare = choose, .run = run_quorum, .judge = judge_quorum,
	  .close = close_two },
	{ .name = NULL },
};
