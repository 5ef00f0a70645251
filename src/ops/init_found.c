/* The end of init: identity file, then the domain's rows in one transaction, then the file at its place, then open. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyring/generation.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "ops/init_flow.h"

struct founding {
	const struct init_pending *pending;
	const struct principal *principal;
	bool found; /* read back: the rows are there */
};

static enum coffer_err put_slot(struct txn *txn, const struct init_pending *p)
{
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .version = 0 };
	TRY(slot_make(txn_ring(txn), ring_newest(txn_ring(txn)), p->identity.token_kind, &p->identity.binding, buf_view(&p->blob),
		p->signature, clock_wall_s() * 1000, &row, &header, &body));
	return store_put(txn_store(txn), STORE_SLOT, &row, false);
}

static enum coffer_err put_administrator(struct txn *txn, const struct principal *principal, struct reason *reason)
{
	struct grant grant = { .role = ROLE_ADMINISTRATOR };
	struct grants *none = NULL, *one = NULL;
	memcpy(grant.principal, principal->text, sizeof grant.principal);
	memcpy(grant.granted_by, principal->text, sizeof grant.granted_by);
	TRY(grants_load(txn, &none));
	enum coffer_err err = grants_add(txn, none, &grant, &one, reason);
	grants_unref(none);
	grants_unref(one);
	return err;
}

static void describe(const struct init_pending *p, char *out, size_t cap)
{
	if (p->recovery == INIT_RECOVERY_SHARES) snprintf(out, cap, "shares: any %u of %u", p->threshold, p->shares);
	else if (p->recovery == INIT_RECOVERY_PASSPHRASE) snprintf(out, cap, "passphrase");
	else snprintf(out, cap, "none: if this token is lost, everything is lost");
}

static enum coffer_err append_init(struct engine *engine, struct txn *txn, const struct founding *f)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT], recovery[sizeof engine->recovery], details[256];
	describe(f->pending, recovery, sizeof recovery);
	domain_fingerprint_text(&f->pending->identity.domain, fingerprint);
	snprintf(details, sizeof details, "init: domain %s, recovery %s", fingerprint, recovery);
	struct audit_event event = { .principal = view_str(f->principal->text), .status = RESULT_STATUS_SUCCESS,
		.details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

static enum coffer_err write_domain(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct founding *f = arg;
	const struct init_pending *p = f->pending;
	struct store *store = txn_store(txn);
	struct ring *ring = txn_ring(txn);
	TRY(put_slot(txn, p));
	TRY(generation_put_domain_key(store, ring, p->seed, p->identity.domain.public_key));
	if (p->recovery == INIT_RECOVERY_NONE) TRY(recovery_put_none(store, ring));
	else TRY(recovery_put(store, ring, p->seed, &p->stanza, reason));
	TRY(put_administrator(txn, f->principal, reason));
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	return append_init(engine, txn, f);
}

/* The audit chain was moved back with what seemed lost: it is opened again from what is there. */
static enum coffer_err read_back(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct founding *f = arg;
	uint64_t slots = 0;
	(void)reason;
	TRY(store_count(txn_store(txn), STORE_SLOT, &slots));
	f->found = slots > 0;
	audit_chain_free(TAKE(engine->audit));
	return ERR_OK;
}

/* Written, or not: an outcome that is not known is read back. */
static enum coffer_err write_for_certain(struct engine *engine, struct founding *f, struct reason *reason)
{
	enum coffer_err err = engine->on_store(engine, write_domain, f, reason);
	if (err != ERR_UNKNOWN_OUTCOME) return err;
	TRY(engine->on_store(engine, read_back, f, NULL) == ERR_OK ? ERR_OK : ERR_UNKNOWN_OUTCOME);
	if (!f->found) return reason_fail(reason, ERR_IO, "the store could not write the domain; nothing was made, run 'coffer init' again");
	return ERR_OK;
}

/* The store holds the domain, but this process cannot go on: a restart can. */
static enum coffer_err stop(struct engine *engine, enum coffer_err err, struct reason *reason)
{
	char why[REASON_MAX];
	snprintf(why, sizeof why, "%s", reason_text(reason, err));
	engine_note(engine, "the domain may be written, but did not open: %.300s; restart the daemon", why);
	engine->state = ENGINE_FAULT;
	return reason_fail(reason, err, "the domain may be written, but did not open: %.300s; restart the daemon", why);
}

/* Nothing was written: as before init. */
static enum coffer_err take_back(struct engine *engine, enum coffer_err err, struct reason *reason)
{
	if (err == ERR_UNKNOWN_OUTCOME) return stop(engine, err, reason);
	if (engine->set_ring(engine, NULL) != ERR_OK) log_error("the ring of the failed init could not be taken back");
	identity_withdraw(engine->config->state_dir);
	return err;
}

/* Written and not open: want of memory or disk passes, and then the node opens as after a restart. */
static enum coffer_err open_failed(struct engine *engine, enum coffer_err err, struct reason *reason)
{
	char why[REASON_MAX];
	bool passes = err_class(err) == ERR_CLASS_memory || err_class(err) == ERR_CLASS_io;
	if (!passes || !engine->open_later) return stop(engine, err, reason);
	snprintf(why, sizeof why, "%s", reason_text(reason, err));
	engine_note(engine, "sealed: %s", why);
	engine->state = ENGINE_SEALED;
	engine->open_later(engine);
	return reason_fail(reason, err, "the domain is made, but did not open yet: %.300s; it is tried again, 'coffer status' says when it is open", why);
}

static enum coffer_err publish(struct engine *engine, struct init_pending *p, struct reason *reason)
{
	enum coffer_err err = identity_publish(engine->config->state_dir, reason);
	if (err) return stop(engine, err, reason);
	engine->identity = p->identity;
	engine->token = TAKE(p->proxy);
	describe(p, engine->recovery, sizeof engine->recovery);
	err = engine->open(engine, reason);
	return err ? open_failed(engine, err, reason) : ERR_OK;
}

static enum coffer_err found(struct engine *engine, struct founding *f, struct reason *reason)
{
	struct init_pending *p = engine->pending;
	TRY(identity_prepare(engine->config->state_dir, &p->identity, reason));
	enum coffer_err err = engine->set_ring(engine, &p->ring);
	if (!err) err = write_for_certain(engine, f, reason);
	if (err) return take_back(engine, err, reason);
	return publish(engine, p, reason);
}

enum coffer_err init_found(struct engine *engine, const struct principal *principal, struct reason *reason)
{
	struct founding f = { .pending = engine->pending, .principal = principal };
	enum coffer_err err = found(engine, &f, reason);
	init_drop(engine);
	return err;
}
