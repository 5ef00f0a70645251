/* A change of the master secret, in the same token and to another one. The tokens are the test's, and hold as many master secrets as they were asked for. Whatever fails: every
 * wrapped data key in the store opens under the master secret that it names, and that one stands; node.id names the same or a restart makes it so; and asked once more, the change succeeds
 * and no master secret is left over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/founding.h"
#include "fault/house_check.h"
#include "fault/scenario.h"
#include "keyring/slot.h"
#include "ops/rotation.h"
#include "ops/rotation_master.h"
#include "unit/store/fault_vfs.h"

#define MASTERS_MAX 250u
#define URI_MAX 128u
#define HERE "tpm2:device"
#define THERE "pkcs11:token=t;object=master"

/* ---- the tokens: a place holds one master secret at most ---- */

struct master {
	char uri[URI_MAX];
	bool stands, adopted; /* adopted: taken up where it was found, so that nobody may destroy it */
	bool denied;          /* its token said that it is not there: nobody looks for it any more */
};
static struct tokens {
	struct master all[MASTERS_MAX + 1]; /* from 1: its number is the first byte of what it wraps */
	unsigned count;
	char uri[FAKE_HELPERS_MAX][URI_MAX]; /* of each helper */
	unsigned at[FAKE_HELPERS_MAX];      /* the master secret that it is attached to; 0: none */
	bool keeps;                         /* none lets itself be destroyed now */
} tokens;

static unsigned find_at(const char *uri)
{
	for (unsigned i = 1; i <= tokens.count; i++)
		if (tokens.all[i].stands && strcmp(tokens.all[i].uri, uri) == 0) return i;
	return 0;
}

static void provision(unsigned helper, struct channel_reply *r)
{
	unsigned m = find_at(tokens.uri[helper]);
	if (m) tokens.all[m].adopted = true;
	else {
		MUST(tokens.count < MASTERS_MAX);
		m = ++tokens.count;
		tokens.all[m].stands = true;
		memcpy(tokens.all[m].uri, tokens.uri[helper], URI_MAX);
	}
	tokens.at[helper] = m;
	r->binding = (struct token_binding){ .mechanism = "fake-xor", .data = { (uint8_t)m, tokens.all[m].adopted }, .data_len = 2 };
	memset(r->binding.master_secret_id, (int)m, sizeof r->binding.master_secret_id);
}

static void attach(unsigned helper, const struct channel_request *q, struct channel_reply *r)
{
	unsigned m = find_at(tokens.uri[helper]);
	tokens.at[helper] = 0;
	if (!m) r->err = ERR_TOKEN_KEY_MISSING;
	else if (q->binding.data[0] != m) r->err = ERR_TOKEN_OTHER;
	else tokens.at[helper] = m;
}

static void describe(unsigned helper, struct channel_reply *r)
{
	unsigned m = tokens.at[helper];
	snprintf(r->info.kind, sizeof r->info.kind, "%s", strncmp(tokens.uri[helper], "tpm2:", 5) == 0 ? "tpm2" : "pkcs11");
	snprintf(r->info.model, sizeof r->info.model, "Model");
	snprintf(r->info.serial, sizeof r->info.serial, "1");
	snprintf(r->info.master_secret, sizeof r->info.master_secret, "master secret %u", m);
	snprintf(r->info.mechanism, sizeof r->info.mechanism, "fake-xor");
	r->info.made_here = !tokens.all[m].adopted;
}

static void put(struct buf *out, uint8_t byte)
{
	MUST_OK(buf_append(out, view_of(&byte, 1)));
}

static void wrap(unsigned m, const struct channel_request *q, struct buf *bytes)
{
	put(bytes, (uint8_t)m);
	for (size_t i = 0; i < q->bytes.len; i++) put(bytes, q->bytes.ptr[i] ^ (uint8_t)m);
}

static void unwrap(unsigned m, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	if (q->bytes.len != 33 || q->bytes.ptr[0] != m) r->err = ERR_CORRUPT;
	for (size_t i = 1; !r->err && i < q->bytes.len; i++) put(bytes, q->bytes.ptr[i] ^ (uint8_t)m);
}

static void strike(unsigned helper, const struct channel_request *q, struct channel_reply *r)
{
	r->err = (enum coffer_err)fault_code();
	unsigned m = find_at(q->op == CHANNEL_OPEN ? q->uri : tokens.uri[helper]);
	if (r->err == ERR_TOKEN_KEY_MISSING && m) tokens.all[m].denied = true;
}

/* A call fails before it took effect, or behind it; but for a place that is refused. */
static void on_request(unsigned helper, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	static unsigned turns;
	bool fails = fault_strikes(FAULT_AT_TOKEN);
	if (fails) strike(helper, q, r);
	bool refused = q->op == CHANNEL_PROVISION && r->err == ERR_TOKEN_REFUSED;
	if (fails && (++turns % 2 || refused)) return;
	struct channel_reply done = { .sequence = q->sequence };
	unsigned m = tokens.at[helper];
	switch (q->op) {
	case CHANNEL_OPEN:
		MUST(strlen(q->uri) < URI_MAX);
		memcpy(tokens.uri[helper], q->uri, URI_MAX);
		break;
	case CHANNEL_PROVISION: provision(helper, &done); break;
	case CHANNEL_ATTACH: attach(helper, q, &done); break;
	case CHANNEL_DESCRIBE: describe(helper, &done); break;
	case CHANNEL_WRAP: wrap(m, q, bytes); break;
	case CHANNEL_UNWRAP: unwrap(m, q, &done, bytes); break;
	case CHANNEL_RANDOM: for (uint32_t i = 0; i < q->random_len; i++) put(bytes, (uint8_t)i); break;
	case CHANNEL_ERASE:
		MUST(m && !tokens.all[m].adopted);
		if (tokens.keeps) done.err = ERR_TOKEN_REFUSED;
		else tokens.all[m].stands = false;
		break;
	default: break;
	}
	if (!fails) *r = done;
	else buf_clear(bytes);
}

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
	for (unsigned i = 1; i <= tokens.count; i++)
		if (i != in_force && tokens.all[i].stands && !tokens.all[i].adopted) house_die("master secret %u is called destroyed", i);
}

/* Of what was asked just now: what the store names stands in its token. */
static enum coffer_err check_together(struct yard *y, enum coffer_err asked)
{
	struct engine *e = &y->house->daemon.engine;
	struct look l = { .engine = e };
	restart = asked != ERR_OK && house_said("restart the daemon");
	if (y->house->away || e->on_store(e, look_at_rows, &l, NULL) != ERR_OK) return asked;
	MUST(l.rows == 1 && tokens.all[l.master].stands);
	if (asked == ERR_OK) check_destroyed(y, l.master);
	if (!restart) MUST(e->identity.binding.data[0] == l.master && strcmp(e->identity.token_uri, tokens.all[l.master].uri) == 0);
	return asked;
}

/* ---- the place ---- */

static char in_force[TOKEN_URI_MAX + 1]; /* before the round */
static uint8_t master_before;

static void *open_masters(void)
{
	memset(&tokens, 0, sizeof tokens);
	struct yard *y = calloc(1, sizeof *y);
	MUST(y);
	founding_open_empty(y);
	y->token.on_call = NULL;
	y->token.on_request = on_request;
	founding_init(y);
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
	tokens.keeps = true;
	MUST_OK(change(y, NULL));
	tokens.keeps = false;
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
	for (unsigned i = 1; i <= tokens.count; i++) {
		if (i == l.master) MUST(tokens.all[i].stands);
		else if (tokens.all[i].stands && !tokens.all[i].adopted && !tokens.all[i].denied)
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
