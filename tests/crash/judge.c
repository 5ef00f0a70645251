/* The rules, one function each. */
#include "crash/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
#include "keyring/rooted_store.h"
#include "objects/names.h"

static void __attribute__((format(printf, 2, 3))) violation(struct judge *j, const char *fmt, ...)
{
	char text[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	j->violations++;
	j->say(j->say_arg, text);
}

/* The state that the step under way may have brought already. */
static bool state_fits(const struct judge *j, const struct known *k, enum object_state state)
{
	bool under_way = j->under_way && strcmp(j->next.target, k->id) == 0;
	if ((int)state == (int)k->state) return true;
	if (under_way && j->next.kind == STEP_REVOKE) return state == OBJECT_DEACTIVATED;
	return under_way && j->next.kind == STEP_DESTROY && state == OBJECT_DESTROYED;
}

static void check_material(struct judge *j, const struct known *k, const struct object *o)
{
	uint8_t expected[STEP_MATERIAL_LEN];
	bool destroyed = o->state == OBJECT_DESTROYED;
	if (destroyed && o->material) violation(j, "%s is destroyed and has material", k->id);
	if (destroyed) return;
	if (secret_len(o->material) != 32) {
		violation(j, "%s has %zu bytes of material", k->id, o->material ? secret_len(o->material) : 0);
		return;
	}
	step_material(j->history->seed, k->made_by, expected);
	if (k->registered && memcmp(secret_bytes(o->material), expected, sizeof expected) != 0)
		violation(j, "%s does not have the material that was registered", k->id);
}

static void check_name(struct judge *j, const struct known *k, const struct object *o)
{
	bool under_way = j->under_way && strcmp(j->next.target, k->id) == 0 && j->next.kind == STEP_REKEY;
	bool named = object_name(o).len > 0;
	if (named != k->named && !under_way) violation(j, "%s %s its name", k->id, named ? "still has" : "lost");
}

static enum coffer_err judge_object(void *arg, struct object *o)
{
	struct judge *j = arg;
	char id[UUID_TEXT_LEN + 1];
	text_uuid(o->id, id);
	struct known *k = history_find(j->history, id);
	if (!k) {
		j->strangers++;
		return ERR_OK;
	}
	j->seen++;
	if (!state_fits(j, k, o->state)) violation(j, "%s is %s, acknowledged was %d", id, lifecycle_name(o->state), (int)k->state);
	check_material(j, k, o);
	check_name(j, k, o);
	return ERR_OK;
}

static void judge_objects(struct judge *j)
{
	enum coffer_err err = txn_scan(j->node->engine.txn, view_of(NULL, 0), SIZE_MAX, judge_object, j);
	bool makes_one = j->next.kind == STEP_CREATE || j->next.kind == STEP_REGISTER || j->next.kind == STEP_REKEY;
	if (err) violation(j, "an object does not open: %s", err_name(err));
	if (j->seen != j->history->count) violation(j, "%zu objects were acknowledged, %zu are there", j->history->count, j->seen);
	if (j->strangers > (j->under_way && makes_one ? 1u : 0u)) violation(j, "%zu objects are there that nobody asked for", j->strangers);
}

static void judge_names(struct judge *j)
{
	for (size_t i = 0; i < j->history->count; i++) {
		const struct known *k = &j->history->objects[i];
		AUTO_OBJECT struct object *o = NULL;
		AUTO_OBJECT struct object *holder = NULL;
		uint8_t bytes[UUID_LEN];
		if (text_parse_uuid(view_str(k->id), bytes) != ERR_OK || txn_object(j->node->engine.txn, bytes, &o) != ERR_OK) continue;
		struct view name = object_name(o);
		if (!name.len || o->state == OBJECT_DESTROYED) continue;
		if (txn_object_by_name(j->node->engine.txn, name, &holder) != ERR_OK || memcmp(holder->id, o->id, UUID_LEN) != 0)
			violation(j, "%s is not found by its name", k->id);
	}
}

struct rows {
	struct judge *judge;
	uint8_t (*ids)[KMIP_REQUEST_ID_LEN]; /* of the acknowledged steps, and of the one under way */
	unsigned *seen;
	unsigned others;
};

static enum coffer_err count_row(void *arg, const struct audit_event *event)
{
	struct rows *r = arg;
	unsigned i = 0;
	if (event->status != RESULT_STATUS_SUCCESS || event->request_id.len != KMIP_REQUEST_ID_LEN) {
		r->others++;
		return ERR_OK;
	}
	while (i <= r->judge->history->done && memcmp(r->ids[i], event->request_id.ptr, KMIP_REQUEST_ID_LEN) != 0) i++;
	if (i > r->judge->history->done) violation(r->judge, "audit row %llu is of a request that nobody sent", (unsigned long long)event->seq);
	else r->seen[i]++;
	return ERR_OK;
}

/* One row for each acknowledged step, found by its request id. */
static void judge_audit(struct judge *j)
{
	struct reason reason = { "" };
	uint64_t bad = 0;
	unsigned done = j->history->done;
	struct rows r = { .judge = j, .ids = calloc(done + 1u, sizeof *r.ids), .seen = calloc(done + 1u, sizeof *r.seen) };
	if (!r.ids || !r.seen) node_die("out of memory");
	for (unsigned i = 0; i <= done; i++) step_request_id(j->history->seed, i, r.ids[i]);
	enum coffer_err err = audit_verify(j->node->engine.audit, j->node->engine.txn, &bad, &reason);
	if (err) violation(j, "the audit chain: %s", reason.text);
	err = audit_read(j->node->engine.audit, j->node->engine.txn, 1, SIZE_MAX, count_row, &r);
	if (err) violation(j, "the audit log cannot be read: %s", err_name(err));
	for (unsigned i = 0; i < done; i++)
		if (r.seen[i] != 1) violation(j, "step %u was acknowledged and has %u audit rows", i, r.seen[i]);
	if (r.seen[done] > (j->under_way ? 1u : 0u)) violation(j, "step %u was not acknowledged and has %u audit rows", done, r.seen[done]);
	if (r.others && !j->live) violation(j, "%u audit rows are of no step", r.others);
	free(r.ids);
	free(r.seen);
}

static bool holds_role(const struct grants *grants, unsigned step)
{
	char principal[32];
	step_principal(step, principal);
	for (size_t i = 0; i < grants_count(grants); i++)
		if (strcmp(grants_at(grants, i)->principal, principal) == 0) return true;
	return false;
}

/* Who was given a role has it, until it was taken back; besides them there is the one that the first start gave. */
static void judge_grants(struct judge *j)
{
	const struct history *h = j->history;
	struct grants *grants = engine_grants(&j->node->engine);
	unsigned loose = j->under_way && (j->next.kind == STEP_GRANT || j->next.kind == STEP_UNGRANT) ? 1 : 0;
	size_t count = grants_count(grants), expected = 1u + h->grants - h->ungranted;
	for (unsigned i = 0; i < h->grants; i++) {
		if (loose && h->granted[i] == j->next.grant) continue;
		if (holds_role(grants, h->granted[i]) != (i >= h->ungranted))
			violation(j, "the grant of step %u %s", h->granted[i], i >= h->ungranted ? "is lost" : "was taken back and is there");
	}
	if (count + loose < expected || count > expected + loose) violation(j, "%zu grants were acknowledged, %zu are there", expected, count);
	grants_unref(grants);
}

static void note_fault(void *arg, const struct rooted_fault *fault)
{
	violation(arg, "the version root does not fit: kind %d, table %d, %llu expected, %llu found", (int)fault->kind, (int)fault->table,
		(unsigned long long)fault->expected, (unsigned long long)fault->found);
}

/* Every row of every table against the sums of the version root. */
static void judge_root(struct judge *j)
{
	const struct rooted_watch watch = { .fault = note_fault, .arg = j };
	struct store *store = j->node->engine.store;
	bool done = false;
	rooted_store_pass_begin(store);
	while (!done) {
		enum coffer_err err = rooted_store_pass_step(store, 1000, &watch, &done);
		if (!err) continue;
		violation(j, "the store cannot be read through: %s", err_name(err));
		return;
	}
}

void judge_all(struct judge *j)
{
	judge_root(j);
	judge_objects(j);
	judge_names(j);
	judge_audit(j);
	judge_grants(j);
}
