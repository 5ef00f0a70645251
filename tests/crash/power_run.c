/* A node on a disk that may lose power. */
#include "crash/power_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crash/ask.h"
#include "crash/judge.h"
#include "keyring/rooted_internal.h"
#include "store/sqlite_internal.h"

void (*power_complain)(const char *what);

static struct history history; /* big; one run at a time */

static void must_set(struct node *n, const char *sql)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)rooted_of(n->engine.store)->inner;
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) node_die("%s: %s", sql, sqlite3_errmsg(s->db));
}

static void open_as_planned(struct node *n, const char *folder, const struct power_plan *plan)
{
	char sql[64];
	node_open(n, folder);
	if (plan->setting == POWER_SYNC_NORMAL) must_set(n, "PRAGMA synchronous = NORMAL");
	if (plan->setting == POWER_SYNC_OFF) must_set(n, "PRAGMA synchronous = OFF");
	snprintf(sql, sizeof sql, "PRAGMA wal_autocheckpoint = %u", plan->checkpoint_pages);
	if (plan->checkpoint_pages) must_set(n, sql);
}

static void say(void *arg, const char *violation)
{
	(void)arg;
	power_complain(violation);
}

static void judge(struct node *n, bool under_way)
{
	struct judge j = { .node = n, .history = &history, .under_way = under_way, .say = say };
	history_next(&history, &j.next);
	judge_all(&j);
}

/* Brings the history to what the world knows. */
static void recall(const struct power_world *w)
{
	history_begin(&history, w->seed);
	for (unsigned i = 0; i < w->done; i++) {
		struct step step;
		history_next(&history, &step);
		history_ack(&history, &step, w->ids[i]);
	}
}

struct listener {
	struct power_world *world;
	struct power_tape *tape;
};

static void note_ack(void *arg, const struct step *step, const char *id)
{
	struct listener *l = arg;
	struct power_world *w = l->world;
	if (w->done == POWER_STEPS_MAX) node_die("too many steps");
	snprintf(w->ids[w->done++], sizeof w->ids[0], "%s", id);
	if (l->tape) power_tape_mark(l->tape, w->done);
	for (size_t i = 0; step->kind == STEP_DESTROY && i < w->trace_count; i++)
		if (strcmp(w->traces[i].id, id) == 0) w->traces[i].gone_by = w->done;
}

/* The sealed bytes of the object that the next step is about, before that step. */
static void take_trace(struct node *n, struct power_world *w)
{
	struct step step;
	struct store_row row;
	uint8_t id[UUID_LEN];
	history_next(&history, &step);
	if (step.kind != STEP_REVOKE && step.kind != STEP_DESTROY) return;
	if (text_parse_uuid(view_str(step.target), id) != ERR_OK || w->trace_count == POWER_TRACES_MAX) return;
	if (store_get(n->engine.store, STORE_OBJECT, view_of(id, sizeof id), &row) != ERR_OK || row.body.len < 2 * POWER_TRACE_LEN) return;
	if (row.state == OBJECT_DESTROYED) return; /* the step under way did happen */
	struct power_trace *t = &w->traces[w->trace_count++];
	*t = (struct power_trace){ .gone_by = 0 };
	snprintf(t->id, sizeof t->id, "%s", step.target);
	memcpy(t->bytes, row.body.ptr + row.body.len / 2, POWER_TRACE_LEN); /* behind the header and the nonce */
}

void power_check_traces(const struct power_disk *disk, const struct power_world *world, unsigned done)
{
	for (size_t i = 0; i < world->trace_count; i++) {
		const struct power_trace *t = &world->traces[i];
		char what[128];
		if (!t->gone_by || t->gone_by > done || !power_disk_holds(disk, t->bytes, sizeof t->bytes)) continue;
		snprintf(what, sizeof what, "%s was destroyed by step %u and its sealed bytes are on the disk", t->id, t->gone_by);
		power_complain(what);
	}
}

unsigned power_done_at(const struct power_tape *tape, size_t at, unsigned done)
{
	for (size_t i = 0; i < at && i < tape->count; i++)
		if (tape->ops[i].kind == POWER_MARK) done = tape->ops[i].node;
	return done;
}

void power_run(const char *folder, struct power_world *world, unsigned steps, const struct power_plan *plan, struct power_tape *tape)
{
	static struct node n;
	struct listener listener = { world, tape };
	recall(world);
	history.on_ack = note_ack;
	history.on_ack_arg = &listener;
	if (tape) power_tape_begin(tape, folder);
	open_as_planned(&n, folder, plan);
	judge(&n, true);
	for (unsigned i = 0; i < steps; i++) {
		if (plan->reopen_at && i == plan->reopen_at) {
			node_close(&n);
			open_as_planned(&n, folder, plan);
		}
		take_trace(&n, world);
		step_ask(&n, &history);
	}
	if (steps) judge(&n, false);
	node_close(&n);
	if (tape) power_tape_end(tape, folder);
}
