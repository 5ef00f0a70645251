/* The last steps of init and of restore. */
#include "ops/domain_found.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "domain/waiting.h"
#include "keyring/slot.h"
#include "ops/open_again.h"
#include "ops/token_of.h"

enum coffer_err domain_check_none(struct engine *engine, struct reason *reason)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT];
	if (engine_state_get(engine) == ENGINE_UNINITIALISED) return ERR_OK;
	domain_fingerprint_text(&engine->identity.domain, fingerprint);
	return reason_fail(reason, ERR_EXISTS, "the domain is initialised already (fingerprint %s)", fingerprint);
}

static enum coffer_err look_for_card(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	enum coffer_err err = waiting_has_card(txn_store(txn), arg);
	return err ? reason_default(reason, err, "the store cannot be read: %s", err_text(err)) : ERR_OK;
}

enum coffer_err domain_check_store(struct engine *engine, struct reason *reason)
{
	bool there = false;
	if (!engine->seat) return ERR_OK;
	TRY(engine->on_store(engine, look_for_card, &there, reason));
	return there ? reason_fail(reason, ERR_EXISTS, "the store holds a domain already; 'coffer node join' joins it, or give this node another schema (store_schema)") : ERR_OK;
}

/* The audit chain was moved back with what seemed lost: it is opened again from what is there. */
static enum coffer_err read_back(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)reason;
	TRY(slot_any(txn_store(txn), engine->domain.node_id, arg)); /* other nodes have theirs */
	audit_chain_free(TAKE(engine->audit));
	return ERR_OK;
}

/* Written, or not: an outcome that is not known is read back. */
static enum coffer_err write_for_certain(struct engine *engine, const struct domain_founding *f, struct reason *reason)
{
	bool found = false;
	enum coffer_err err = engine->on_store(engine, f->write, f->arg, reason);
	if (err != ERR_UNKNOWN_OUTCOME) return err;
	TRY(engine->on_store(engine, read_back, &found, NULL) == ERR_OK ? ERR_OK : ERR_UNKNOWN_OUTCOME);
	if (!found) return reason_fail(reason, ERR_IO, "the store could not write the domain; nothing was made, run '%s' again", f->command);
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
	if (engine->set_ring(engine, NULL) != ERR_OK) log_error("the ring of a domain that was not made could not be taken back");
	identity_withdraw(engine->config->state_dir);
	return err;
}

/* Written and not open: want of memory or disk passes, a token that went away comes back, and then the node opens as after a restart. */
static enum coffer_err open_failed(struct engine *engine, enum coffer_err err, struct reason *reason)
{
	char why[REASON_MAX];
	if (!open_failure_passes(err) || !engine->open_later) return stop(engine, err, reason);
	snprintf(why, sizeof why, "%s", reason_text(reason, err));
	engine_note(engine, "sealed: %s", why);
	engine->state = ENGINE_SEALED;
	engine->open_later(engine);
	return reason_fail(reason, err, "the domain is made, but did not open yet: %.300s; it is tried again, 'coffer status' says when it is open", why);
}

static enum coffer_err publish(struct engine *engine, const struct domain_founding *f, struct reason *reason)
{
	enum coffer_err err = identity_publish(engine->config->state_dir, reason);
	if (err) return stop(engine, err, reason);
	engine->identity = *f->identity;
	token_set(engine, TAKE(*f->proxy));
	snprintf(engine->recovery, sizeof engine->recovery, "%s", f->recovery);
	err = engine->open(engine, reason);
	return err ? open_failed(engine, err, reason) : ERR_OK;
}

enum coffer_err domain_found(struct engine *engine, const struct domain_founding *f, struct reason *reason)
{
	TRY(identity_prepare(engine->config->state_dir, f->identity, reason));
	enum coffer_err err = engine->set_ring(engine, f->ring);
	if (!err) err = write_for_certain(engine, f, reason);
	if (err) return take_back(engine, err, reason);
	return publish(engine, f, reason);
}
