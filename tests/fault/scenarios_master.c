/* A change of the master secret, in the same token and to another one. The tokens are the test's, and hold as many master secrets as they were asked for. Whatever fails: every
 * wrapped data key in the store opens under the master secret that it names, and that one stands; node.id names the same or a restart makes it so; and asked once more, the change succeeds
 * and no master secret is left over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/house_check.h"
#include "fault/masters.h"
#include "fault/scenario.h"
#include "keyring/slot.h"
#include "ops/rotation.h"
#include "ops/rotation_master.h"
#include "unit/store/fault_vfs.h"

#define HERE "tpm2:device"
#define THERE "pkcs11:token=t;object=master"

/* ---- what belongs together ---- */

struct look {
	struct engine *engine;
	uint8_t master; /* that the rows name */
	unsigned rows;
};

static enum coffer_err look_at_slot(void *arg, const struct store_row *row)
{
	struct look *l = arg;
	struct slot slot;
	const struct secret *key;
	MUST_OK(slot_verify(txn_ring(l->engine->txn), row));
	MUST_OK(slot_parse(row, &slot, NULL));
	MUST_OK(ring_data_key(txn_ring(l->engine->txn), slot.generation, &key));
	l->master = slot.binding_data.ptr[0];
	MUST(slot.blob.len == 33 && slot.blob.ptr[0] == l->master && slot.master_secret_id.ptr[0] == l->master);
	for (size_t i = 1; i < slot.blob.len; i++) MUST((slot.blob.ptr[i] ^ l->master) == secret_bytes(key)[i - 1]);
	l->rows++;
	return ERR_OK;
}

static enum coffer_err look_at_rows(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	(void)reason;
	fault_aside();
	enum coffer_err err = store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, 4096, look_at_slot, arg);
	fault_back();
	return err;
}

static bool restart; /* was asked for */

/* What is called destroyed is not there any more, also where its token said of one that it is not there. */
static void check_destroyed(struct yard *y, unsigned in_force)
{
	if (!view_equal_str(house_field(y->house, TAG_COFFER_OLD_MASTER), "destroyed")) return;
	for (unsigned i = 1; i <= masters.count; i++)
		if (i != in_force && masters.all[i].stands && !masters.all[i].adopted) house_die("master secret %u is called destroyed", i);
}

/* Of what was asked just now: what the store names stands in its token. */
static enum coffer_err check_together(struct yard *y, enum coffer_err asked)
{
	struct engine *e = &y->house->daemon.engine;
	struct look l = { .engine = e };
	restart = asked != ERR_OK && house_said("restart the daemon");
	if (y->house->away || e->on_store(e, look_at_rows, &l, NULL) != ERR_OK) return asked;
	MUST(l.rows == 1 && masters.all[l.master].stands);
	if (asked == ERR_OK) check_destroyed(y, l.master);
	if (!restart) MUST(e->identity.binding.data[0] == l.master && strcmp(e->identity.token_uri, masters.all[l.master].uri) == 0);
	return asked;
}

/* ---- the place ---- */

static char in_force[TOKEN_URI_MAX + 1]; /* before the round */
static uint8_t master_before;

static void *open_masters(void)
{
	struct yard *y = masters_open();
	struct engine *e = &y->house->daemon.engine;
	e->rotation = rotation_new();
	MUST(e->rotation);
	MUST_OK(e->on_store(e, rotation_load, NULL, NULL));
	y->house->ring = txn_ring(e->txn);
	return y;
}

static void close_masters(void *place)
{
	struct yard *y = place;
	struct rotation *rotation = y->house->daemon.engine.rotation;
	founding_close(y);
	rotation_free(rotation);
}

static void settle(struct yard *y)
{
	struct engine *e = &y->house->daemon.engine;
	bool was = restart;
	founding_recover(y->house, restart);
	restart = false;
	if (was) MUST_OK(token_proxy_retarget(e->token, e->identity.token_uri, &e->identity.binding, NULL));
}

static void prepare(void *place, unsigned k)
{
	struct yard *y = place;
	const struct identity *id = &y->house->daemon.engine.identity;
	(void)k;
	settle(y);
	master_before = id->binding.data[0];
	snprintf(in_force, sizeof in_force, "%s", id->token_uri);
}

static enum coffer_err change(struct yard *y, const char *uri)
{
	struct ask a;
	if (fault_place() == FAULT_AT_NOTHING) { /* asked again */
		settle(y);
		if (y->house->daemon.engine.identity.binding.data[0] != master_before) return ERR_OK; /* done, though the answer was lost */
	}
	ask_one(&a, OPERATION_COFFER_ROTATE_MASTER);
	if (uri) ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, uri);
	return check_together(y, founding_send_audited(y, &a));
}

/* The one before it still stands: its token kept it. */
static void prepare_second(void *place, unsigned k)
{
	struct yard *y = place;
	prepare(place, k);
	masters.keeps = true;
	MUST_OK(change(y, NULL));
	masters.keeps = false;
	prepare(place, k);
}

static enum coffer_err run_same(void *place, unsigned k)
{
	(void)k;
	return change(place, NULL);
}

static enum coffer_err run_other(void *place, unsigned k)
{
	(void)k;
	return change(place, strncmp(in_force, "tpm2:", 5) == 0 ? THERE : HERE);
}

/* As a start does, what was left is destroyed; then there is one, but for those that were found and not made. */
static void judge(void *place, unsigned k)
{
	struct yard *y = place;
	struct engine *e = &y->house->daemon.engine;
	struct look l = { .engine = e };
	struct identity id;
	(void)k;
	settle(y);
	rotation_master_finish(e, NULL, NULL);
	MUST_OK(e->on_store(e, look_at_rows, &l, NULL));
	MUST(l.rows == 1 && l.master != master_before && e->identity.binding.data[0] == l.master);
	MUST_OK(identity_settled(y->house->dir, &e->identity, NULL));
	MUST_OK(identity_read(y->house->dir, &id, NULL));
	MUST(id.binding.data[0] == l.master);
	for (unsigned i = 1; i <= masters.count; i++) {
		if (i == l.master) MUST(masters.all[i].stands);
		else if (masters.all[i].stands && !masters.all[i].adopted && !masters.all[i].denied)
			house_die("master secret %u is left over; in force is %u", i, l.master);
	}
	house_check_begin(y->house);
	house_judge(y->house);
}

#define MASTERS .each = 1, .rounds = 5, .open = open_masters, .prepare = prepare, .judge = judge, .close = close_masters
const struct scenario master_scenarios[] = {
	{ .name = "master secret, same token", .places = AT_HOUSE | AT(CALL) | AT(TOKEN) | AT(WIRE), .stride = 61, .run = run_same, MASTERS },
	{ .name = "master secret, other token", .places = AT_HOUSE | AT(CALL) | AT(TOKEN) | AT(WIRE), .stride = 61, .run = run_other, MASTERS },
	{ .name = "master secret, one before it stands", .places = AT_HOUSE | AT(CALL) | AT(TOKEN) | AT(WIRE), .stride = 61, .run = run_same, .each = 1, .rounds = 5, .open = open_masters,
	  .prepare = prepare_second, .judge = judge, .close = close_masters },
	{ .name = NULL },
};
