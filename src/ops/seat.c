/* Records of the domain, fences, and what is asked of the role. */
#include "ops/seat.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/text.h"
#include "crypto/rng.h"
#include "domain/level.h"
#include "domain/node_record.h"
#include "domain/waiting.h"
#include "keyring/record.h"
#include "keyring/rooted_store.h"
#include "keyring/slot.h"
#include "ops/signs.h"

struct seat *seat_new(const struct config *config)
{
	struct utsname machine;
	struct seat *s = calloc(1, sizeof *s);
	if (!s) return NULL;
	const char *name = config->node_name;
	if (!name[0] && uname(&machine) == 0) name = machine.nodename;
	text_printable(view_str(name[0] ? name : "node"), s->name, sizeof s->name);
	s->signs = signs_new();
	if (s->signs && pthread_mutex_init(&s->lock, NULL) == 0) return s;
	signs_free(s->signs);
	free(s);
	return NULL;
}

void seat_free(struct seat *seat)
{
	if (!seat) return;
	signs_free(seat->signs);
	pthread_mutex_destroy(&seat->lock);
	free(seat);
}

/* ---- what a shared domain begins with ---- */

static enum coffer_err put_founder(struct engine *engine, struct txn *txn, const char *token_kind, const char *principal)
{
	uint64_t now_ms = clock_wall_s() * 1000;
	struct node_record founder = { .state = NODE_MEMBER, .origin = NODE_FOUNDED, .admitted_ms = now_ms, .joined_ms = now_ms };
	memcpy(founder.node_id, ring_domain(txn_ring(txn))->node_id, UUID_LEN);
	memcpy(founder.name, engine->seat->name, sizeof founder.name);
	snprintf(founder.token_kind, sizeof founder.token_kind, "%s", token_kind);
	snprintf(founder.principal, sizeof founder.principal, "%s", principal);
	return node_record_put(txn_store(txn), txn_ring(txn), &founder);
}

enum coffer_err seat_found(struct engine *engine, struct txn *txn, const char *token_kind, const char *principal, struct reason *reason)
{
	struct node_record own;
	if (!engine->seat) return ERR_OK;
	enum coffer_err err = node_record_get(txn_store(txn), txn_ring(txn), ring_domain(txn_ring(txn))->node_id, &own);
	if (err == ERR_NOT_FOUND) err = put_founder(engine, txn, token_kind, principal);
	if (!err) err = waiting_put_card(txn_store(txn), ring_domain(txn_ring(txn)));
	return err ? reason_default(reason, err, "the record of this node cannot be written: %s", err_text(err)) : ERR_OK;
}

/* ---- taking the seat ---- */

static void begin_role(struct engine *engine)
{
	const struct config *c = engine->config;
	const struct domain_id *domain = ring_domain(txn_ring(engine->txn));
	struct role_config config = { .may_take = c->node_role == CONFIG_NODE_STANDBY, .lease_time_ms = (uint32_t)c->lease_time_ms,
		.encrypt_grace_ms = (uint32_t)c->encrypt_grace_ms, .epoch = rooted_store_epoch(engine->store) };
	memcpy(config.node_id, domain->node_id, UUID_LEN);
	memcpy(&config.seed, domain->node_id, sizeof config.seed);
	role_init(&engine->seat->role, &config, clock_mono_ms());
}

/* One transaction: whoever raises the level meanwhile, or counts this node among those that know it, comes before this or behind it. */
static enum coffer_err take_level(struct seat *s, struct txn *txn, struct reason *reason)
{
	uint32_t level;
	TRY(level_check(txn_store(txn), txn_ring(txn), &level, reason));
	enum coffer_err err = level_note_own(txn_store(txn), txn_ring(txn));
	if (err) return reason_default(reason, err, "the format level that this node knows cannot be written: %s", err_text(err));
	s->level = level;
	return ERR_OK;
}

static void seated(void *arg)
{
	struct seat *s = arg;
	s->taken = true;
}

enum coffer_err seat_take(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	uint64_t nodes = 0;
	struct seat *s = engine->seat;
	(void)arg;
	if (!s || s->taken) return ERR_OK;
	enum coffer_err err = store_count(txn_store(txn), STORE_NODE, &nodes);
	if (err) return reason_default(reason, err, "the records of the domain's nodes cannot be read: %s", err_text(err));
	if (!nodes) TRY(seat_found(engine, txn, engine->identity.token_kind, "node", reason));
	TRY(fence_member(txn_store(txn), txn_ring(txn), reason));
	TRY(take_level(s, txn, reason));
	begin_role(engine);
	if (nodes <= 1) (void)role_promote(&s->role, clock_mono_ms()); /* nobody to wait for */
	return txn_on_commit(txn, seated, NULL, s); /* what it wrote is there, or it is taken anew */
}

void seat_leave(struct engine *engine)
{
	struct seat *s = engine->seat;
	if (!s) return;
	s->taken = false;
	s->signed_at_ms = 0;
	s->master_until_ms = s->seal_until_ms = 0;
	pthread_mutex_lock(&s->lock);
	s->known = false;
	pthread_mutex_unlock(&s->lock);
}

/* ---- fences ---- */

enum coffer_err seat_check_member(struct engine *engine, struct reason *reason)
{
	struct seat *s = engine->seat;
	if (!s || !s->taken) return ERR_OK;
	enum coffer_err err = fence_member(engine->store, txn_ring(engine->txn), reason);
	if (err == ERR_EXISTS && s->accepting) {
		TRY(fence_clear_twin(engine->store, ring_domain(txn_ring(engine->txn))->node_id));
		err = fence_member(engine->store, txn_ring(engine->txn), reason);
	}
	if (err == ERR_EXISTS) role_twinned(&s->role, clock_mono_ms(), true);
	if (err == ERR_DENIED) s->denied = true;
	return err;
}

enum coffer_err seat_check_master(struct engine *engine, struct reason *reason)
{
	struct seat *s = engine->seat;
	if (!s) return ERR_OK;
	TRY(seat_ask_master(engine, reason));
	enum coffer_err err = fence_check(engine->store, txn_ring(engine->txn), role_mine(&s->role), reason);
	if (err == ERR_STATE) s->look_again = true;
	if (err == ERR_EXISTS) role_twinned(&s->role, clock_mono_ms(), true);
	if (err == ERR_DENIED) s->denied = true;
	return err;
}

bool seat_was_removed(struct engine *engine)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row row;
	bool slots = true;
	struct ring *ring = txn_ring(engine->txn);
	if (!engine->seat || !engine->seat->taken || !ring) return false;
	const uint8_t *own = ring_domain(ring)->node_id;
	if (store_get(engine->store, STORE_NODE, view_of(own, UUID_LEN), &row) != ERR_OK || row.state != NODE_REMOVED) return false;
	bool newer = row.generation > ring_newest(ring);
	if (!newer) return record_open(ring, STORE_NODE, &row, &plain) == ERR_OK;
	return slot_any(engine->store, own, &slots) == ERR_OK && !slots;
}

static void renewed(void *arg)
{
	struct seat *s = arg;
	role_ended(&s->role, clock_mono_ms(), ROLE_DONE, &s->renewed);
}

/* It may be there all the same, when the store failed: the lease is read. */
static void not_renewed(void *arg)
{
	struct seat *s = arg;
	role_ended(&s->role, clock_mono_ms(), ROLE_UNKNOWN, NULL);
}

enum coffer_err seat_renew(struct engine *engine, struct txn *txn, struct reason *reason)
{
	struct seat *s = engine->seat;
	struct lease found;
	if (!s) return ERR_OK;
	struct role_action a = { .what = ROLE_RENEW, .expect = *role_mine(&s->role), .next = *role_mine(&s->role) };
	a.next.version++;
	TRY(rng_bytes(a.next.life, sizeof a.next.life));
	role_begun(&s->role, clock_mono_ms(), &a);
	enum coffer_err err = lease_write(txn_store(txn), txn_ring(txn), &a.expect, &a.next, &found, reason);
	s->renewed = a.next;
	if (!err) err = txn_on_commit(txn, renewed, not_renewed, s);
	if (err) role_ended(&s->role, clock_mono_ms(), ROLE_FAILED, NULL); /* this transaction does not commit */
	return err;
}

bool seat_is_master(struct engine *engine)
{
	return !engine->seat || clock_mono_ms() < engine->seat->master_until_ms;
}

enum coffer_err seat_ask_master(struct engine *engine, struct reason *reason)
{
	char node[UUID_TEXT_LEN + 1];
	struct seat *s = engine->seat;
	if (seat_is_master(engine)) return ERR_OK;
	pthread_mutex_lock(&s->lock);
	bool known = s->known;
	text_uuid(s->master, node);
	pthread_mutex_unlock(&s->lock);
	if (!known) return reason_fail(reason, ERR_STATE, "nobody is master server now; wait for one, or run 'coffer promote' on a node");
	return reason_fail(reason, ERR_STATE, "this node is not master server: node %s is; ask it there, or run 'coffer promote' here", node);
}

enum coffer_err seat_ask_sealing(struct engine *engine, struct reason *reason)
{
	if (!engine->seat || clock_mono_coarse_ms() < engine->seat->seal_until_ms) return ERR_OK; /* each Encrypt asks: the cheap clock, by which it ends a tick later at most */
	return reason_fail(reason, ERR_BUSY, "no master server is there, so nothing new is sealed; what was sealed is opened all the same. Wait for one, run 'coffer promote' on a node, or "
		"set encrypt_grace");
}
