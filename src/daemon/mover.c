/* Moving the store: what is done at a start. */
#include "daemon/mover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/admin_pool.h"
#include "daemon/mover_internal.h"
#include "daemon/store_care.h"
#include "daemon/store_thread.h"

#define PAUSE_US 50000
#define PAUSES 10 /* between two tries */

static bool in_database(const struct config *config)
{
	return strcmp(config->store, "postgres") == 0;
}

/* Without a domain there is nothing that could have been moved. */
static bool lacks_identity(const struct config *config)
{
	char path[MOVER_PATH_LEN];
	return snprintf(path, sizeof path, "%s/node.id", config->state_dir) < (int)sizeof path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

static void withdraw(struct mover *m)
{
	struct daemon *d = m->daemon;
	struct reason reason = { "" };
	char place[STORE_MOVE_PLACE_MAX + REMOTE_NAME_MAX];
	move_order_place(&m->order, true, place, sizeof place);
	snprintf(d->engine.moved, sizeof d->engine.moved, "a move of the store to %.200s, which %.200s ordered, was not made: the configuration says store = %.16s", place, m->order.by, d->config->store);
	log_warn("%s", d->engine.moved);
	if (move_order_remove(d->config->state_dir, &reason) != ERR_OK) log_error("%s", reason.text);
	m->order.phase = MOVE_NONE;
}

static enum coffer_err moved_away(const struct mover *m, struct reason *reason)
{
	char place[STORE_MOVE_PLACE_MAX + REMOTE_NAME_MAX];
	const char *to = m->order.to_database ? "postgres" : "sqlite";
	move_order_place(&m->order, true, place, sizeof place);
	return reason_fail(reason, ERR_USAGE, "the store of this node was moved to %.150s, and the one that the configuration names is older: set store = %s in %.150s again; from there 'coffer store migrate "
		"--to %s' moves it back", place, to, m->daemon->config_path, m->daemon->config->store);
}

enum coffer_err mover_start(struct daemon *d, struct reason *reason)
{
	struct mover *m = calloc(1, sizeof *m);
	ENSURE(m, ERR_MEMORY);
	m->daemon = d;
	d->mover = m;
	d->engine.look_at_move = mover_look;
	if (lacks_identity(d->config)) return move_order_remove(d->config->state_dir, reason); /* of a node that was here before: not of the one that is made, restored or joins next */
	TRY(move_order_read(d->config->state_dir, &m->order, reason));
	if (m->order.phase == MOVE_NONE) return ERR_OK;
	TRY(identity_read(d->config->state_dir, &m->identity, reason));
	if (m->order.to_database != in_database(d->config)) {
		if (m->order.phase != MOVE_ORDERED) return moved_away(m, reason);
		withdraw(m);
	}
	d->engine.move_to_database = m->order.to_database;
	d->engine.move_phase = m->order.phase;
	return ERR_OK;
}

void mover_mark(const struct mover *m, enum store_move_state state, struct store_move_mark *out)
{
	const struct domain_id *domain = &m->identity.domain;
	char place[STORE_MOVE_PLACE_MAX + REMOTE_NAME_MAX];
	*out = (struct store_move_mark){ .state = state, .at_ms = clock_wall_s() * 1000 };
	move_order_place(&m->order, state == STORE_MOVE_LEFT, place, sizeof place);
	snprintf(out->place, sizeof out->place, "%.*s", (int)sizeof out->place - 1, place);
	memcpy(out->move_id, m->order.move_id, sizeof out->move_id);
	memcpy(out->domain_id, domain->id, UUID_LEN);
	memcpy(out->node_id, domain->node_id, UUID_LEN);
}

/* ---- rows ---- */

struct step {
	struct mover *m;
	bool done;
	enum coffer_err err;
	struct reason reason;
};

void mover_mend(struct mover *m, enum coffer_err err)
{
	struct daemon *d = m->daemon;
	bool opened = true;
	if (err == ERR_UNKNOWN_OUTCOME) opened = store_care_reopen(d, NULL) == ERR_OK;
	else store_care_lost(d, err);
	if (!m->order.to_database && m->from) opened = store_reopen(m->from, NULL) == ERR_OK && opened;
	if (!opened) log_debug("a store that is moved is not open again yet");
}

static void step_on_store(void *arg)
{
	struct step *s = arg;
	s->err = store_care_readable(s->m->daemon, &s->reason);
	if (!s->err) s->err = store_move_step(&s->m->move, &s->done, &s->reason);
	if (s->err) mover_mend(s->m, s->err);
}

static enum coffer_err begin(struct mover *m, struct reason *reason)
{
	struct store_move_mark mark;
	if (!m->from) TRY(mover_open_other(m, &m->from, reason));
	ENSURE(m->from, reason_fail(reason, ERR_USAGE, "the store that is to be moved is not there (store.db); put store = sqlite back to begin with it, or restore it"));
	mover_mark(m, STORE_MOVE_INCOMPLETE, &mark);
	TRY(store_move_begin(&m->move, m->from, m->daemon->engine.store, &mark));
	m->begun = true;
	return ERR_OK;
}

static void tell(const struct mover *m)
{
	struct engine *e = &m->daemon->engine;
	char place[STORE_MOVE_PLACE_MAX + REMOTE_NAME_MAX];
	move_order_place(&m->order, true, place, sizeof place);
	e->move_rows = m->move.copied + m->move.compared;
	engine_note(e, "sealed: the store is being moved to %s: %llu rows copied, %llu compared", place, (unsigned long long)m->move.copied, (unsigned long long)m->move.compared);
}

static enum coffer_err move_rows(struct mover *m, struct reason *reason)
{
	struct step s = { .m = m };
	if (!m->begun) TRY(begin(m, reason));
	while (!s.done) {
		ENSURE(!m->stop && store_thread_do(m->daemon, step_on_store, &s), ERR_BUSY);
		if (s.err) return reason_fail(reason, s.err, "%s", reason_text(&s.reason, s.err));
		tell(m);
	}
	m->moved = true;
	log_info("the store: %llu rows copied, %llu compared", (unsigned long long)m->move.copied, (unsigned long long)m->move.compared);
	return ERR_OK;
}

static bool may_pass(enum coffer_err err)
{
	switch (err) {
	case ERR_EXISTS: case ERR_CORRUPT: case ERR_USAGE: case ERR_SCHEMA: case ERR_UNSUPPORTED: case ERR_FIELD: case ERR_TOO_LARGE: return false;
	default: return true;
	}
}

static void fail(struct daemon *d, enum coffer_err err, const struct reason *reason)
{
	log_error("%s", reason_text(reason, err));
	engine_note(&d->engine, "%s", reason_text(reason, err));
	d->engine.state = ENGINE_FAULT;
}

/* Said once, and in status as long as it is so. */
static void wait_for_better(struct mover *m, enum coffer_err err, const struct reason *reason)
{
	const char *text = reason_text(reason, err);
	if (strcmp(text, m->said) != 0) log_warn("the store is not moved yet: %s", text);
	snprintf(m->said, sizeof m->said, "%s", text);
	engine_note(&m->daemon->engine, "sealed: the store is not moved yet, and it is tried again: %.380s", text);
	for (int i = 0; i < PAUSES && !m->stop; i++) usleep(PAUSE_US);
}

static void move_job(void *arg)
{
	struct mover *m = arg;
	struct daemon *d = m->daemon;
	struct reason reason = { "" };
	enum coffer_err err;
	while ((err = move_rows(m, &reason)) != ERR_OK && may_pass(err) && !m->stop) {
		wait_for_better(m, err, &reason);
		reason.text[0] = '\0';
	}
	if (m->stop) return;
	if (err) {
		char why[REASON_MAX];
		snprintf(why, sizeof why, "%s", reason_text(&reason, err));
		(void)reason_fail(&reason, err, "the store was not moved: %.300s; nothing was changed where it was: set store = %s again, and restart the daemon", why, m->order.to_database ? "sqlite" : "postgres");
	} else {
		err = m->then(d, &reason);
	}
	if (err) fail(d, err, &reason);
	d->engine.moving = false;
}

bool mover_goes_first(struct daemon *d, enum coffer_err (*then)(struct daemon *d, struct reason *reason))
{
	struct mover *m = d->mover;
	if (!m || m->order.phase != MOVE_ORDERED || m->moved) return false;
	m->then = then;
	d->engine.moving = true;
	d->engine.state = ENGINE_SEALED;
	engine_note(&d->engine, "sealed: the store is being moved");
	log_warn("the store is being moved, as %s ordered", m->order.by);
	if (!admin_pool_call(d, move_job, m)) log_error("the store is moved at the next start: memory is short");
	return true;
}

void mover_stop(struct daemon *d)
{
	if (d->mover) d->mover->stop = true;
}

void mover_free(struct daemon *d)
{
	struct mover *m = d->mover;
	if (!m) return;
	store_move_end(&m->move);
	store_close(m->from);
	free(m);
	d->mover = NULL;
}
