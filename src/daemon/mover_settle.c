/* Moving the store: the new one is verified with the data key, and then it is the one. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/mover_internal.h"
#include "daemon/store_thread.h"
#include "keyring/slot.h"
#include "ops/store_check.h"

#define STEP_ROWS 4096u
#define STEP_MS 20u

struct settling {
	struct mover *m;
	enum coffer_err err;
	bool done;
	struct store_move_mark mark;
	struct reason reason;
};

static enum coffer_err on_store(struct settling *s, void (*fn)(void *arg), struct reason *reason)
{
	ENSURE(store_thread_do(s->m->daemon, fn, s), ERR_BUSY);
	return s->err ? reason_fail(reason, s->err, "%s", reason_text(&s->reason, s->err)) : ERR_OK;
}

static void read_mark(void *arg)
{
	struct settling *s = arg;
	s->err = store_move_mark_get(store_lowest(s->m->daemon->engine.store), &s->mark);
}

static void begin_pass(void *arg)
{
	struct settling *s = arg;
	store_check_begin(&s->m->daemon->engine);
	s->err = ERR_OK;
}

static void step_pass(void *arg)
{
	struct settling *s = arg;
	s->done = store_check_step(&s->m->daemon->engine, STEP_ROWS, STEP_MS);
	s->err = ERR_OK;
}

static enum coffer_err verify_chain(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	uint64_t bad;
	(void)arg;
	if (!e->audit) TRY(audit_chain_open(txn, &e->audit, reason));
	return audit_verify(e->audit, txn, &bad, reason);
}

static enum coffer_err refuse(const struct mover *m, const char *why, struct reason *reason)
{
	return reason_fail(reason, ERR_CORRUPT, "the store is not whole in its new place, and it was not switched over: %.250s; nothing was changed where it was: set store = %s again, and restart the daemon", why,
		m->order.to_database ? "sqlite" : "postgres");
}

/* Every row against the version root, its seal and its search entries; then every link of the audit chain. */
static enum coffer_err verify(struct mover *m, struct reason *reason)
{
	struct engine *e = &m->daemon->engine;
	struct settling s = { .m = m };
	char sentence[STORE_CHECK_SENTENCE];
	struct reason why = { "" };
	TRY(on_store(&s, begin_pass, reason));
	while (!s.done) {
		ENSURE(!m->stop, ERR_BUSY);
		TRY(on_store(&s, step_pass, reason));
	}
	store_check_sentence(e->check, sentence, sizeof sentence);
	if (!store_check_is_well(e->check)) return refuse(m, sentence, reason);
	enum coffer_err err = e->on_store(e, verify_chain, NULL, &why);
	if (err == ERR_CORRUPT) return refuse(m, reason_text(&why, err), reason);
	return err ? reason_fail(reason, err, "%s", reason_text(&why, err)) : ERR_OK;
}

static enum coffer_err write_phase(struct mover *m, enum move_phase phase, struct reason *reason)
{
	struct move_order next = m->order;
	next.phase = phase;
	if (phase == MOVE_SWITCHED) next.switched_s = clock_wall_s();
	enum coffer_err err = move_order_write(m->daemon->config->state_dir, &next, reason);
	if (err == ERR_UNKNOWN_OUTCOME) err = move_order_write(m->daemon->config->state_dir, &next, reason);
	TRY(err);
	m->order = next;
	m->daemon->engine.move_phase = phase;
	return ERR_OK;
}

enum coffer_err mover_mark_left(struct mover *m, struct reason *reason)
{
	struct store_move_mark left;
	bool ours = false;
	TRY(slot_any(m->from, m->identity.domain.node_id, &ours));
	if (!ours) {
		log_warn("the store that was left is not there any more: in its place is one without this node, and it is not touched");
		return ERR_OK;
	}
	mover_mark(m, STORE_MOVE_LEFT, &left);
	return store_move_mark_set(m->from, &left, reason);
}

/* The new store is a store like any other; the old one says that it was left. */
static void mark_both(void *arg)
{
	struct settling *s = arg;
	struct mover *m = s->m;
	struct store_move_mark none = { .state = STORE_MOVE_NONE };
	s->err = store_move_mark_set(store_lowest(m->daemon->engine.store), &none, &s->reason);
	if (!s->err && m->from) s->err = mover_mark_left(m, &s->reason);
	if (s->err) mover_mend(m, s->err);
}

/* The old store that cannot be reached is marked at a later start: the order's file keeps this node away from it. */
static void finish(struct mover *m)
{
	struct engine *e = &m->daemon->engine;
	struct settling s = { .m = m };
	struct reason why = { "" };
	char from[STORE_MOVE_PLACE_MAX + REMOTE_NAME_MAX], to[sizeof from], rows[64] = "";
	enum coffer_err opened = m->from ? ERR_OK : mover_open_other(m, &m->from, &why);
	if (opened) log_warn("the store that was left cannot be marked before the next start: %s", reason_text(&why, opened));
	enum coffer_err err = on_store(&s, mark_both, &why);
	if (err) log_warn("the mark of the move cannot be written before the next start: %s", reason_text(&why, err));
	m->marked = !opened && !err;
	move_order_place(&m->order, false, from, sizeof from);
	move_order_place(&m->order, true, to, sizeof to);
	if (m->moved) snprintf(rows, sizeof rows, ": %llu rows, each compared", (unsigned long long)m->move.compared);
	snprintf(e->moved, sizeof e->moved, "the store was moved from %.120s to %.120s, as %.120s ordered%s", from, to, m->order.by, rows);
}

/* A store that this node's folder knows of no move of: put back, or of a copy of the folder. */
static enum coffer_err refuse_marked(const struct store_move_mark *mark, struct reason *reason)
{
	if (mark->state == STORE_MOVE_LEFT)
		return reason_fail(reason, ERR_CORRUPT, "this store was left: its domain was moved to %.150s; put that into the configuration and restart the daemon, or restore a backup", mark->place);
	return reason_fail(reason, ERR_CORRUPT, "this store is not whole: a move into it, from %.150s, did not come to its end; set the configuration back to that place and restart the daemon", mark->place);
}

enum coffer_err mover_settle(struct engine *engine, struct reason *reason)
{
	struct daemon *d = engine->daemon;
	struct mover *m = d->mover;
	struct settling s = { .m = m };
	if (!m || m->settled) return ERR_OK;
	TRY(on_store(&s, read_mark, reason));
	bool ours = memcmp(s.mark.move_id, m->order.move_id, sizeof s.mark.move_id) == 0;
	if (s.mark.state != STORE_MOVE_NONE && (s.mark.state != STORE_MOVE_INCOMPLETE || !ours || m->order.phase == MOVE_NONE)) return refuse_marked(&s.mark, reason);
	if (m->order.phase == MOVE_ORDERED) {
		ENSURE(m->moved, ERR_BUSY);
		TRY(verify(m, reason));
		TRY(write_phase(m, MOVE_SWITCHED, reason));
		log_warn("the store is in its new place from now on");
	}
	if (m->order.phase == MOVE_SWITCHED) finish(m);
	m->settled = true;
	return ERR_OK;
}

static void close_other(void *arg)
{
	struct settling *s = arg;
	store_close(s->m->from);
	s->m->from = NULL;
}

void mover_opened(struct engine *engine)
{
	struct daemon *d = engine->daemon;
	struct mover *m = d->mover;
	struct settling s = { .m = m };
	struct reason reason = { "" };
	if (!m) return;
	engine->moved[0] = '\0';
	if (m->order.phase == MOVE_SWITCHED && m->marked && write_phase(m, MOVE_DONE, &reason) != ERR_OK) log_warn("%s", reason.text);
	if (m->from && on_store(&s, close_other, NULL) != ERR_OK) log_debug("the store that was left stays open until the end");
}
