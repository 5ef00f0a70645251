/* Changes of the store, through the dispatcher and the store thread. Each request has a request id: what is asked again has one effect. */
#include <string.h>

#include "fault/house_check.h"
#include "fault/scenario.h"
#include "kmip/keyblock.h"
#include "kmip/values.h"
#include "ops/key_rotation.h"
#include "unit/ops/fixture.h"
#include "unit/store/fault_vfs.h"

static uint8_t request_id[KMIP_REQUEST_ID_LEN];

static const char *named(const char *what, unsigned k)
{
	static char name[64];
	snprintf(name, sizeof name, "%s-%u", what, k);
	return name;
}

/* One item under a request id that belongs to round and step. */
static enum coffer_err send_one(struct house *h, struct ask *a, unsigned k, uint8_t step)
{
	memset(request_id, 0, sizeof request_id);
	memcpy(request_id, &k, sizeof k);
	request_id[15] = step;
	ask_item_end(a, request_id);
	ask_end(a);
	return house_send(h, a);
}

static enum coffer_err create(struct house *h, const char *name, unsigned k, uint8_t step)
{
	struct ask a;
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, &(struct key_wish){ .name = name }, HOUSE_NOW_S);
	return send_one(h, &a, k, step);
}

static char target[UUID_TEXT_LEN + 1]; /* of the round */
static uint64_t objects_before, grants_before;

static void note_counts(void *place, unsigned k)
{
	(void)k;
	objects_before = house_count(place, STORE_OBJECT);
	grants_before = house_count(place, STORE_GRANT);
}

static void make_target(void *place, unsigned k)
{
	MUST_OK(create(place, named("t", k), k, 100));
	house_id(place, target);
	note_counts(place, k);
}

static void *open_house(void)
{
	return house_open();
}

static void end_house(void *place)
{
	house_judge(place);
	house_again(place);
}

static void close_house(void *place)
{
	house_close(place);
}

/* ---- the scenarios ---- */

static enum coffer_err run_create(void *place, unsigned k)
{
	return create(place, named("c", k), k, 1);
}

static void one_more(void *place, unsigned k)
{
	(void)k;
	MUST(house_count(place, STORE_OBJECT) == objects_before + 1);
}

static void judge_create(void *place, unsigned k)
{
	one_more(place, k);
	MUST(house_state(place, named("c", k)) == OBJECT_ACTIVE);
}

static enum coffer_err run_register(void *place, unsigned k)
{
	static const uint8_t material[32] = "material of thirty-two bytes ...";
	struct ask a;
	const struct kmip_managed managed = { .object_type = OBJECT_TYPE_SYMMETRIC_KEY, .block = { .format = KEY_FORMAT_TYPE_RAW, .has_value = true,
		.material = view_of(material, sizeof material), .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .length_bits = 256 } };
	ask_one(&a, OPERATION_REGISTER);
	ask_key(&a, &(struct key_wish){ .name = named("r", k) }, HOUSE_NOW_S);
	kmip_managed_put(&a.w, &managed);
	return send_one(place, &a, k, 1);
}

static void judge_register(void *place, unsigned k)
{
	one_more(place, k);
	MUST(house_state(place, named("r", k)) == OBJECT_ACTIVE);
}

static enum coffer_err run_rekey(void *place, unsigned k)
{
	struct ask a;
	ask_one(&a, OPERATION_RE_KEY);
	ask_id(&a, target);
	return send_one(place, &a, k, 1);
}

static enum coffer_err run_set_rotation(void *place, unsigned k)
{
	struct ask a;
	ask_one(&a, OPERATION_COFFER_SET_ROTATION);
	ask_id(&a, target);
	ttlv_put_interval(&a.w, TAG_COFFER_ROTATE_INTERVAL, 86400);
	return send_one(place, &a, k, 1);
}

/* ---- the step of a schedule, which is no request ---- */

static void *open_clockwork(void)
{
	struct house *h = house_open();
	h->daemon.engine.key_rotation = key_rotation_new();
	MUST(h->daemon.engine.key_rotation);
	return h;
}

static void make_due(void *place, unsigned k)
{
	struct house *h = place;
	struct ask a;
	make_target(place, k);
	ask_one(&a, OPERATION_COFFER_SET_ROTATION);
	ask_id(&a, target);
	ttlv_put_interval(&a.w, TAG_COFFER_ROTATE_INTERVAL, 1);
	MUST_OK(send_one(place, &a, k, 101));
	unsigned ms = 60000;
	for (unsigned i = 0; i < 8 && key_rotation_wants(&h->daemon.engine); i++)
		MUST_OK(h->daemon.engine.on_store(&h->daemon.engine, key_rotation_step, &ms, NULL)); /* the pass of before ends */
	h->now_s += 2;
	house_check_begin(h);
	note_counts(place, k);
}

/* The first step of a pass replaces what is due. */
static enum coffer_err run_schedule(void *place, unsigned k)
{
	struct house *h = place;
	struct engine *e = &h->daemon.engine;
	struct reason reason = { "" };
	enum coffer_err err;
	unsigned ms = 60000;
	(void)k;
	fault_back();
	fault_vfs_pause(false);
	err = e->on_store(e, key_rotation_step, &ms, &reason);
	fault_vfs_pause(true);
	fault_aside();
	if (err && reason.text[0]) house_words(view_str(reason.text));
	if (err && err != ERR_UNKNOWN_OUTCOME) house_check_same(h);
	else house_check_begin(h);
	return err;
}

/* Keys of earlier rounds are due again, too. */
static void some_more(void *place, unsigned k)
{
	(void)k;
	MUST(house_count(place, STORE_OBJECT) > objects_before);
}

static void end_clockwork(void *place)
{
	struct house *h = place;
	key_rotation_free(TAKE(h->daemon.engine.key_rotation)); /* the house begins anew without it */
	end_house(h);
}

static void close_clockwork(void *place)
{
	struct house *h = place;
	key_rotation_free(TAKE(h->daemon.engine.key_rotation));
	house_close(h);
}

static enum coffer_err send_revoke(struct house *h, unsigned k, uint8_t step)
{
	struct ask a;
	ask_one(&a, OPERATION_REVOKE);
	ask_id(&a, target);
	kmip_revocation_put(&a.w, TAG_REVOCATION_REASON, &(struct kmip_revocation){ .code = REVOCATION_REASON_CODE_CESSATION_OF_OPERATION });
	return send_one(h, &a, k, step);
}

static enum coffer_err run_revoke(void *place, unsigned k)
{
	return send_revoke(place, k, 1);
}

static void judge_revoke(void *place, unsigned k)
{
	MUST(house_state(place, named("t", k)) == OBJECT_DEACTIVATED);
}

static void make_revoked(void *place, unsigned k)
{
	make_target(place, k);
	MUST_OK(send_revoke(place, k, 101));
	note_counts(place, k);
}

static enum coffer_err run_destroy(void *place, unsigned k)
{
	struct ask a;
	ask_one(&a, OPERATION_DESTROY);
	ask_id(&a, target);
	return send_one(place, &a, k, 1);
}

static void judge_destroy(void *place, unsigned k)
{
	(void)k;
	MUST(house_count(place, STORE_OBJECT) == objects_before);
	MUST(house_state(place, named("t", k)) == OBJECT_DESTROYED);
}

static enum coffer_err run_grant(void *place, unsigned k)
{
	struct ask a;
	char principal[32];
	snprintf(principal, sizeof principal, "unix:%u", 50000 + k);
	ask_one(&a, OPERATION_COFFER_GRANT);
	ttlv_put_str(&a.w, TAG_COFFER_PRINCIPAL, principal);
	ttlv_put_str(&a.w, TAG_COFFER_ROLE, "auditor");
	return send_one(place, &a, k, 1);
}

static void judge_grant(void *place, unsigned k)
{
	(void)k;
	MUST(house_count(place, STORE_GRANT) == grants_before + 1);
}

/* Three keys in one batch; what the answer says of each is so. */
static enum coffer_err batch(struct house *h, unsigned k, uint32_t continuation)
{
	struct ask a;
	memset(request_id, 0, sizeof request_id);
	memcpy(request_id, &k, sizeof k);
	request_id[15] = 1;
	ask_begin(&a, &(struct ask_header){ .count = 3, .continuation = continuation });
	for (uint8_t i = 0; i < 3; i++) {
		char name[64];
		snprintf(name, sizeof name, "b-%u-%u", k, i);
		ask_item(&a, OPERATION_CREATE, (uint8_t)(i + 1));
		ask_key(&a, &(struct key_wish){ .name = name }, HOUSE_NOW_S);
		ask_item_end(&a, request_id);
	}
	ask_end(&a);
	enum coffer_err err = house_send(h, &a);
	for (uint8_t i = 0; i < h->response.count && !h->away; i++) {
		char name[64];
		const struct kmip_response_item *item = &h->response.items[i];
		snprintf(name, sizeof name, "b-%u-%u", k, i);
		bool there = house_state(h, name) == OBJECT_ACTIVE;
		if (item->status == RESULT_STATUS_SUCCESS) MUST(there);
		if (item->status == RESULT_STATUS_OPERATION_FAILED && item->err != ERR_UNKNOWN_OUTCOME && there)
			house_die("item %u was carried out although the answer says %s", i, err_name(item->err));
	}
	return err;
}

static bool batch_is_whole(struct house *h, unsigned k)
{
	unsigned there = 0;
	for (unsigned i = 0; i < 3; i++) {
		char name[64];
		snprintf(name, sizeof name, "b-%u-%u", k, i);
		there += house_state(h, name) == OBJECT_ACTIVE;
	}
	return there == 3;
}

static enum coffer_err run_undo(void *place, unsigned k)
{
	return batch(place, k, BATCH_ERROR_CONTINUATION_OPTION_UNDO);
}

static void judge_undo(void *place, unsigned k)
{
	MUST(batch_is_whole(place, k) && house_count(place, STORE_OBJECT) == objects_before + 3);
}

/* A part of a batch that stopped stays: it is not asked again as a whole. */
static enum coffer_err run_stop(void *place, unsigned k)
{
	struct house *h = place;
	if (!h->away && house_count(h, STORE_OBJECT) > objects_before) return ERR_OK;
	return batch(h, k, 0);
}

#define HOUSE .places = AT_HOUSE, .rounds = 60, .open = open_house, .end = end_house, .close = close_house
const struct scenario house_scenarios[] = {
	{ .name = "Create", .prepare = note_counts, .run = run_create, .judge = judge_create, HOUSE },
	{ .name = "Register", .prepare = note_counts, .run = run_register, .judge = judge_register, HOUSE },
	{ .name = "Re-key", .prepare = make_target, .run = run_rekey, .judge = one_more, HOUSE },
	{ .name = "Set Rotation", .prepare = make_target, .run = run_set_rotation, HOUSE },
	{ .name = "schedule", .places = AT_HOUSE & ~AT(DISK), .stride = 7, .rounds = 12, .open = open_clockwork, .prepare = make_due, .run = run_schedule, .judge = some_more,
	  .end = end_clockwork, .close = close_clockwork },
	{ .name = "Revoke", .prepare = make_target, .run = run_revoke, .judge = judge_revoke, HOUSE },
	{ .name = "Destroy", .prepare = make_revoked, .run = run_destroy, .judge = judge_destroy, HOUSE },
	{ .name = "grant", .prepare = note_counts, .run = run_grant, .judge = judge_grant, HOUSE },
	{ .name = "batch of three, Stop", .prepare = note_counts, .run = run_stop, HOUSE },
	{ .name = "batch of three, Undo", .prepare = note_counts, .run = run_undo, .judge = judge_undo, HOUSE },
	{ .name = NULL },
};
