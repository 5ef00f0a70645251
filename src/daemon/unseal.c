/* Unsealing: wrapped data keys of this node, opened by its token, into the ring. */
#include "daemon/unseal_internal.h"

#include <stdio.h>
#include <string.h>

#include "access/quorum_record.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/admin_pool.h"
#include "daemon/alert_thread.h"
#include "daemon/anchor_thread.h"
#include "daemon/audit_signer_thread.h"
#include "daemon/link.h"
#include "daemon/interrupted.h"
#include "daemon/mover.h"
#include "daemon/store_cache.h"
#include "daemon/store_thread.h"
#include "daemon/zeroise.h"
#include "domain/joining.h"
#include "domain/level.h"
#include "domain/node_record.h"
#include "keyring/rooted_store.h"
#include "keyring/slot.h"
#include "objects/reindex.h"
#include "ops/anchor.h"
#include "ops/attend.h"
#include "ops/generation_take.h"
#include "ops/key_rotation.h"
#include "ops/open_again.h"
#include "ops/quorum_ask.h"
#include "ops/rotation.h"
#include "ops/rotation_master.h"
#include "ops/seat.h"
#include "ops/recovery_change.h"
#include "ops/store_check.h"
#include "ops/token_of.h"
#include "ops/transport_own.h"

struct set_ring {
	struct engine *engine;
	struct ring *ring;
	enum coffer_err err;
	struct reason reason;
};

static void set_ring_on_store(void *arg)
{
	struct set_ring *s = arg;
	struct engine *e = s->engine;
	struct ring *old = txn_ring(e->txn);
	s->err = rooted_store_attach(e->store, s->ring, &s->reason);
	if (s->err) return;
	txn_set_ring(e->txn, s->ring);
	store_cache_follow_ring(e->daemon, s->ring);
	if (s->ring) e->domain = *ring_domain(s->ring);
	if (!s->ring) {
		seat_leave(e);
		audit_chain_free(e->audit);
		e->audit = NULL;
	}
	ring_free(old);
}

enum coffer_err unseal_set_ring(struct engine *engine, struct ring **ring)
{
	struct set_ring s = { .engine = engine, .ring = ring ? *ring : NULL };
	ENSURE(store_thread_do(engine->daemon, set_ring_on_store, &s), ERR_BUSY);
	if (s.err) log_error("%s", reason_text(&s.reason, s.err));
	TRY(s.err);
	if (ring) *ring = NULL;
	return ERR_OK;
}

/* What the operator must be able to find later about the root stands in the same record. */
static enum coffer_err append_opened(struct engine *e, struct txn *txn)
{
	struct rooted_facts facts;
	struct anchor_facts anchor;
	char opening[256], details[1664];
	rooted_store_facts(e->store, &facts);
	anchor_facts(e->anchor, &anchor);
	attend_opening(e->attend, opening, sizeof opening);
	snprintf(details, sizeof details, "%s opened the data key%s%s%s%s%s%s%s%s", opening[0] ? opening : "the token",
		facts.mark_missing ? "; node.root, the mark of the newest version, was missing" : "",
		anchor.made_now ? "; a rollback counter was made in the token: " : "", anchor.made_now ? anchor.place : "",
		anchor.level == ANCHOR_BROKEN ? "; the counter in the token was not compared: " : "", anchor.level == ANCHOR_BROKEN ? anchor.sentence : "",
		e->cache.offline ? "; until now the node served from its cache, because the database did not answer" : "",
		e->moved[0] ? "; " : "", e->moved);
	struct audit_event event = { .principal = view_str("node"), .details = view_str(details) };
	return audit_append(e->audit, txn, &event);
}

/* The higher of what record and root say. A record that does not open is taken for the stricter one; and where there is no root, whatever the record says, or that it is
 * not there, is worth nothing: then two are needed when there are two (docs/formats.md section 22.1). */
static unsigned quorum_of(struct engine *e, struct txn *txn, const struct grants *grants)
{
	unsigned needed = 1;
	struct rooted_facts root;
	rooted_store_facts(e->store, &root);
	enum coffer_err err = quorum_record_get(txn, &needed);
	if ((err && err != ERR_NOT_FOUND) || root.two_administrators) return 2;
	if (root.rooted && root.version == 0 && quorum_administrators(grants) == 2) return 2;
	return err ? 1 : needed;
}

/* Who may accept a store that is at fault, and who must agree to it. What does not open gives nobody a right. */
static enum coffer_err load_for_fault(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct grants *grants = NULL;
	(void)arg;
	(void)reason;
	quorum_set_needed(e->quorum, 2);
	TRY(grants_load_passing(txn, &grants));
	quorum_set_needed(e->quorum, quorum_of(e, txn, grants));
	engine_set_grants(e, grants);
	return ERR_OK;
}

static enum coffer_err open_on_store(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct grants *grants = NULL;
	(void)arg;
	if (!e->audit) TRY(audit_chain_open(txn, &e->audit, reason));
	clock_set_known_s(audit_chain_known_ms(e->audit) / 1000);
	enum coffer_err err = grants_load_passing(txn, &grants);
	if (err) return reason_default(reason, err, "the grants do not open: %s", err_text(err));
	recovery_describe(e, txn);
	unsigned needed = quorum_of(e, txn, grants);
	quorum_set_needed(e->quorum, needed);
	engine_set_grants(e, grants);
	if (needed == 2) rooted_store_need_two(e->store, true); /* a store from before the root said so */
	TRY(append_opened(e, txn));
	return attend_tell(e->attend, e->audit, txn);
}

static enum coffer_err reindex_on_store(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	return txn_reindex(txn, arg, reason);
}

/* A store that an older program wrote is made searchable before it serves; page by page, so that no transaction grows with the store. */
static enum coffer_err reindex(struct engine *engine, struct reason *reason)
{
	struct reindex r = { .begun = false };
	while (!r.done) TRY(engine->on_store(engine, reindex_on_store, &r, reason));
	return ERR_OK;
}

/* For who watches the service. */
static void report(struct daemon *d, enum token_state token)
{
	char text[96];
	snprintf(text, sizeof text, "%s; token: %s", engine_state_name(engine_state_get(&d->engine)), token_state_name(token));
	link_status(d, text);
}

struct start_check {
	struct engine *engine;
	struct reason *reason;
	enum coffer_err err;
};

static void check_on_store(void *arg)
{
	struct start_check *s = arg;
	s->err = store_check_start(s->engine, s->reason);
}

/* Before anything is served: what the small tables hold must be what was written last. */
static enum coffer_err check_store(struct engine *engine, struct reason *reason)
{
	struct start_check s = { engine, reason, ERR_OK };
	ENSURE(store_thread_do(engine->daemon, check_on_store, &s), ERR_BUSY);
	if (s.err == ERR_OK || s.err == ERR_CORRUPT) engine->integrity_fault = s.err == ERR_CORRUPT; /* else nothing new is known */
	return s.err;
}

/* A program that knows no roots refuses such a node.id, and so cannot write beside one. */
static enum coffer_err pin_root(struct engine *engine, struct reason *reason)
{
	struct identity identity = engine->identity;
	if (identity.rooted || !rooted_store_is(engine->store)) return ERR_OK;
	identity.rooted = true;
	TRY(identity_write(engine->config->state_dir, &identity, reason));
	engine->identity.rooted = true;
	return ERR_OK;
}

static void finish_opening(void *arg)
{
	struct engine *e = arg;
	struct reason reason = { "" };
	rotation_master_finish(e, NULL, NULL);
	pthread_mutex_lock(&e->admin_lock);
	enum coffer_err err = engine_state_get(e) == ENGINE_OPEN ? transport_own_make(e, &reason) : ERR_OK;
	pthread_mutex_unlock(&e->admin_lock);
	if (err) log_warn("no later data key can be handed to this node: %s", reason_text(&reason, err));
}

/* Shares open a node whose start is attended before its token was ever connected to: the counter in there is asked all the same. Only a TPM counts, and that is connected to without a PIN.
 * After a wrong PIN, or where the TPM has no master secret of this node, the counter's calls are served as they are (token_proxy_counter_read). */
static void connect_for_anchor(struct engine *engine)
{
	struct token_health health;
	struct secret *none = NULL;
	struct reason ignored = { "" };
	token_proxy_health(engine->token, &health);
	if (health.state != TOKEN_WAITING || strcmp(engine->identity.token_kind, token_kind_name(TOKEN_KIND_TPM2)) != 0) return;
	if (token_proxy_unlock(engine->token, &none, &ignored) != ERR_OK && !token_proxy_counts(engine->token)) log_warn("the token's counter is not asked: %s", ignored.text);
}

/* Who opens a node by shares does so because its token is dead or not the right one: that it cannot be asked is no reason to stay closed. */
static enum coffer_err check_anchor(struct engine *engine, struct reason *reason)
{
	char opening[8];
	attend_opening(engine->attend, opening, sizeof opening);
	if (opening[0]) connect_for_anchor(engine);
	enum coffer_err err = anchor_check(engine, reason);
	if (!err || engine->anchor_fault) return err;
	bool of_token = err_class(err) == ERR_CLASS_token || err == ERR_STATE || err == ERR_TIMEOUT || err == ERR_AUTH || err == ERR_USAGE || err == ERR_BUSY;
	if (!opening[0] || !of_token) return err;
	anchor_go_without_token(engine, err, reason);
	if (reason) reason->text[0] = '\0';
	return ERR_OK;
}

/* What was handed over while this node was away comes first: without it the store may not be judged. Anybody who can write the database can leave something there that does not open: that alone keeps no node
 * closed. */
static enum coffer_err take_and_check(struct engine *engine, struct reason *reason)
{
	struct reason why = { "" };
	enum coffer_err taken = generation_take(engine, &why), err = check_store(engine, reason);
	if (taken && err == ERR_STATE) return reason_fail(reason, taken, "%s", reason_text(&why, taken));
	if (taken) log_warn("the data key that waits for this node is not taken over: %s", reason_text(&why, taken));
	return err == ERR_STATE ? ERR_BUSY : err; /* it comes yet */
}

void unseal_load_for_fault(struct engine *e)
{
	if (!e->integrity_fault && !e->anchor_fault && !e->twin_fault) return;
	if (e->on_store(e, load_for_fault, NULL, NULL) != ERR_OK) log_warn("the grants cannot be read; no administrator can approve anything");
}

static void open_cache(void *arg)
{
	store_cache_opened(arg);
}

enum coffer_err unseal_open(struct engine *engine, struct reason *reason)
{
	enum coffer_err err = take_and_check(engine, reason);
	if (!err) err = mover_settle(engine, reason);
	if (!err) err = check_anchor(engine, reason);
	bool sound = !err;
	if (sound) err = engine->on_store(engine, seat_take, NULL, reason);
	engine->twin_fault = sound && err == ERR_EXISTS; /* the note of a clone: an administrator of the domain may take it away here too */
	if (err && !engine->cache.offline) unseal_load_for_fault(engine); /* else those of the cache count, until it is given up */
	TRY(err);
	TRY(pin_root(engine, reason));
	TRY(engine->on_store(engine, rotation_load, NULL, reason));
	key_rotation_wake(engine);
	TRY(reindex(engine, reason));
	TRY(engine->on_store(engine, open_on_store, NULL, reason));
	ENSURE(store_thread_do(engine->daemon, open_cache, engine->daemon), ERR_BUSY);
	zeroise_forget_order(engine);
	mover_opened(engine);
	alert_thread_know(engine->daemon);
	engine_note(engine, "%s", "");
	engine->state = ENGINE_OPEN;
	report(engine->daemon, TOKEN_WELL); /* it has just opened the data key */
	log_info("open: generation %u", ring_newest(txn_ring(engine->txn)));
	anchor_thread_opened(engine->daemon);
	audit_signer_opened(engine->daemon);
	if (!admin_pool_call(engine->daemon, finish_opening, engine)) log_warn("a change of the master secret is not finished before the next start");
	return ERR_OK;
}

/* Before anything else of the domain is read. */
static enum coffer_err look_at_level(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	uint32_t level;
	(void)e;
	return level_check(txn_store(txn), arg, &level, reason);
}

enum coffer_err unseal_from_store(struct engine *e, struct reason *reason)
{
	struct ring *ring = NULL;
	enum coffer_err err = unseal_read_ring(e, false, &ring, reason);
	e->slot_fault = err && !open_failure_passes(err) && !e->removed;
	TRY(err);
	err = e->on_store(e, look_at_level, ring, reason);
	if (!err) err = unseal_set_ring(e, &ring);
	ring_free(ring);
	TRY(err);
	return unseal_open(e, reason);
}

/* What the cache says is of no weight beside a database that is there; what it lacks only keeps the node sealed. */
static enum coffer_err unseal(struct engine *e, struct reason *reason)
{
	struct reason why = { "" };
	enum coffer_err err = unseal_from_store(e, reason);
	if (!err || !e->store_away || !store_cache_may_open(e->daemon)) return err;
	err = unseal_from_cache(e, &why);
	if (!err || err_class(err) == ERR_CLASS_token || err == ERR_AUTH) return err ? reason_fail(reason, err, "%s", reason_text(&why, err)) : ERR_OK;
	return reason_fail(reason, ERR_IO, "the database does not answer, and %s", reason_text(&why, err));
}

/* Under admin_lock, on a node that attend_wanted. What the token answered may pass, and so may want of memory or disk; a store that is damaged stays so. */
static enum coffer_err unseal_and_note(struct engine *e, struct reason *reason)
{
	struct daemon *d = e->daemon;
	enum coffer_err err = unseal(e, reason);
	if (!err) return ERR_OK;
	engine_note(e, "%s%s", open_failure_passes(err) ? "sealed: " : "", reason_text(reason, err));
	log_error("the domain does not open: %s", reason_text(reason, err));
	const bool passes = open_failure_passes(err);
	if (passes) d->unseal_again = err_class(err) != ERR_CLASS_token && err != ERR_AUTH;
	e->state = passes ? ENGINE_SEALED : ENGINE_FAULT;
	return err;
}

/* A node that is open: whether its token opens the data keys again. What stands in the way of asking it is no answer. */
static enum coffer_err prove_token(struct engine *e, struct reason *reason)
{
	struct ring *ring = NULL;
	struct reason why = { "" };
	enum coffer_err err = unseal_read_ring(e, e->cache.offline, &ring, &why);
	ring_free(ring);
	return err ? reason_fail(reason, err, "%s", reason_text(&why, err)) : ERR_OK;
}

enum coffer_err unseal_by_token(struct engine *engine, struct reason *reason)
{
	pthread_mutex_lock(&engine->admin_lock);
	enum coffer_err err = attend_wanted(engine) ? unseal_and_note(engine, reason) : engine->state == ENGINE_OPEN ? prove_token(engine, reason) : ERR_OK;
	pthread_mutex_unlock(&engine->admin_lock);
	return err;
}

static void unseal_job(void *arg)
{
	struct daemon *d = arg;
	struct engine *e = &d->engine;
	struct reason reason = { "" };
	d->unsealing = false;
	pthread_mutex_lock(&e->admin_lock);
	if (e->state == ENGINE_SEALED) (void)unseal_and_note(e, &reason);
	pthread_mutex_unlock(&e->admin_lock);
}

void unseal_on_health(void *arg, enum token_state from, enum token_state to)
{
	struct daemon *d = arg;
	if (to == TOKEN_WELL) log_info("token: well (was %s)", token_state_name(from));
	else log_warn("token: %s (was %s)", token_state_name(to), token_state_name(from));
	report(d, to);
	if (to == TOKEN_KEY_MISSING) zeroise_on_key_missing(d);
	if (to == TOKEN_WELL && d->engine.state == ENGINE_SEALED && !atomic_exchange(&d->unsealing, true))
		if (!admin_pool_call(d, unseal_job, d)) d->unsealing = false;
}

void unseal_later(struct engine *engine)
{
	struct daemon *d = engine->daemon;
	d->unseal_again = true;
}

void unseal_tick(struct daemon *d)
{
	unseal_offline_tick(d);
	if (!d->unseal_again || d->engine.state != ENGINE_SEALED || atomic_exchange(&d->unsealing, true)) return;
	d->unseal_again = false;
	if (admin_pool_call(d, unseal_job, d)) return;
	d->unsealing = false;
	d->unseal_again = true;
}

static enum coffer_err start_proxy(struct daemon *d, struct reason *reason)
{
	struct engine *e = &d->engine;
	struct token_proxy_config config = {
		.uri = e->identity.token_uri, .binding = &e->identity.binding, .spawner = e->spawner,
		.deadline_ms = e->config->token_deadline_ms, .probe_interval_ms = e->config->token_probe_interval_ms,
		.on_health = unseal_on_health, .on_health_arg = d, .attended = e->config->start == CONFIG_START_ATTENDED,
	};
	e->state = ENGINE_SEALED;
	engine_note(e, config.attended ? "sealed: the start is attended; run 'coffer unseal'" : "sealed: waiting for the token");
	struct token_proxy *proxy = NULL;
	pthread_mutex_lock(&e->admin_lock); /* its thread may want to open the node before there is a proxy */
	enum coffer_err err = token_proxy_new(&config, &proxy, reason);
	token_set(e, proxy);
	pthread_mutex_unlock(&e->admin_lock);
	return err;
}

/* A database that is away says nothing; a node that belongs to a domain starts all the same, sealed, and opens when it is back. */
static enum coffer_err look_for_domain(struct daemon *d, bool belongs, bool *out_empty, struct reason *reason)
{
	enum coffer_err err = interrupted_store_is_empty(d, out_empty, reason);
	if (!err || !belongs || !d->engine.store_away) return err;
	*out_empty = false;
	if (reason) reason->text[0] = '\0';
	return ERR_OK;
}

/* A node without a domain. What several nodes share may hold one that it joins; else a store with a domain and no node.id is not begun anew. */
static enum coffer_err start_alone(struct daemon *d, bool empty, struct reason *reason)
{
	struct engine *e = &d->engine;
	struct joining begun = JOINING_NONE;
	if (!empty && !d->config->store_shared) {
		if (d->care.remote)
			return reason_fail(reason, ERR_USAGE, "schema %s of the database holds a domain, and %s has no node.id; restore node.id, or after a zeroise give the node a new "
				"schema", e->config->store_schema, e->config->state_dir);
		return reason_fail(reason, ERR_USAGE, "the store in %s holds a domain, but node.id is missing beside it; restore node.id", e->config->state_dir);
	}
	if (joining_read(e->config->state_dir, &begun, NULL) == ERR_OK) engine_note(e, "this node asks to join a domain; run 'coffer node join' again, as it was begun");
	else if (empty) engine_note(e, "run 'coffer init --token URI'");
	else engine_note(e, "the store holds a domain; run 'coffer node join --domain FINGERPRINT --token URI'");
	joining_clear(&begun);
	e->state = ENGINE_UNINITIALISED;
	return ERR_OK;
}

/* The store is in its place. */
static enum coffer_err start_with_store(struct daemon *d, struct reason *reason)
{
	struct engine *e = &d->engine;
	bool empty;
	TRY(interrupted_settle(d, reason));
	enum coffer_err err = identity_read(e->config->state_dir, &e->identity, reason);
	if (err && err != ERR_NOT_FOUND) return err;
	TRY(look_for_domain(d, err != ERR_NOT_FOUND, &empty, reason));
	if (err == ERR_NOT_FOUND) return start_alone(d, empty, reason);
	if (joining_erase(e->config->state_dir, reason) != ERR_OK) log_warn("%s", reason_text(reason, ERR_IO)); /* a crash right after it had joined */
	e->domain = e->identity.domain;
	if (empty) {
		e->state = ENGINE_FAULT;
		engine_note(e, "this node belongs to a domain, but the store is empty; restore the store, put back the configuration's store lines where they were changed ('coffer store migrate' moves a store), or remove node.id to begin anew");
		log_error("the store is empty although node.id is there: restore the store");
		return ERR_OK;
	}
	return start_proxy(d, reason);
}

enum coffer_err unseal_start(struct daemon *d, struct reason *reason)
{
	return mover_goes_first(d, start_with_store) ? ERR_OK : start_with_store(d, reason);
}

void unseal_stop(struct daemon *d)
{
	token_proxy_stop(d->engine.token);
}

void unseal_end(struct daemon *d)
{
	token_proxy_free(d->engine.token);
	d->engine.token = NULL;
}
