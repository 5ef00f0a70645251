/* The way from a stanza's private key to an open node. */
#include "ops/attend_open.h"

#include <string.h>

#include "base/log.h"
#include "ops/open_again.h"

static enum coffer_err find_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct attend_stanza *s = arg;
	return recovery_find(txn_store(txn), &engine->domain, &s->row, &s->stanza, &s->body, reason);
}

enum coffer_err attend_find(struct engine *engine, struct attend_stanza *out, struct reason *reason)
{
	out->body = BUF_EMPTY;
	return engine->on_store(engine, find_on_store, out, reason);
}

void attend_stanza_done(struct attend_stanza *s)
{
	buf_free(&s->body);
}

/* With the ring in place: the sealed domain record names the stanza that is in force. */
static enum coffer_err check_newest(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct attend_stanza *s = arg;
	struct recovery_record record;
	(void)engine;
	enum coffer_err err = recovery_get(txn_store(txn), txn_ring(txn), &record);
	if (open_failure_passes(err)) return err;
	if (err) return reason_fail(reason, ERR_CORRUPT, "these shares open data keys, but the store was written with others: its recovery record does not open");
	if (record.version == s->row.version && memcmp(record.key_id, s->stanza.key_id, RECOVERY_KEY_ID_LEN) == 0) return ERR_OK;
	return reason_fail(reason, ERR_CORRUPT, "an older recovery record was put in the place of the newest one; the store was edited, restore it");
}

static enum coffer_err take_back(struct engine *engine, enum coffer_err err)
{
	if (engine->set_ring(engine, NULL) != ERR_OK) log_error("the recovered data keys could not be taken back; restart the daemon");
	return err;
}

/* What may pass leaves the node as it was; a store that is not what was written last keeps the ring, so that an operator can look at it and accept it. */
static enum coffer_err open_failed(struct engine *engine, enum coffer_err err, struct reason *reason)
{
	if (open_failure_passes(err)) return take_back(engine, err);
	engine_note(engine, "%s", reason_text(reason, err));
	log_error("the domain does not open: %s", reason_text(reason, err));
	engine->slot_fault = false; /* the ring is there now */
	engine->state = ENGINE_FAULT;
	return err;
}

/* Under admin_lock. */
static enum coffer_err open_with(struct engine *engine, const struct attend_stanza *s, struct ring **ring, const char *how, struct reason *reason)
{
	if (!attend_wanted(engine)) return reason_fail(reason, ERR_EXISTS, "the node is not sealed any more; 'coffer status' says how it is");
	TRY(engine->set_ring(engine, ring));
	enum coffer_err err = engine->on_store(engine, check_newest, (void *)(uintptr_t)s, reason);
	if (err) return take_back(engine, err);
	attend_set_opening(engine->attend, how);
	err = engine->open(engine, reason);
	if (!err) engine->slot_fault = false;
	if (!err) return ERR_OK;
	attend_set_opening(engine->attend, "");
	return open_failed(engine, err, reason);
}

enum coffer_err attend_open(struct engine *engine, const struct attend_stanza *s, const struct secret *private_key, const char *how,
	struct reason *reason)
{
	struct ring *ring = NULL;
	TRY(recovery_open_ring(&engine->domain, &s->stanza, private_key, &ring, reason));
	pthread_mutex_lock(&engine->admin_lock);
	enum coffer_err err = open_with(engine, s, &ring, how, reason);
	pthread_mutex_unlock(&engine->admin_lock);
	ring_free(ring);
	return err;
}
