/* The rules, one function each. */
#include "crash/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
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

static void judge_audit(struct judge *j)
{
	struct reason reason = { "" };
	uint64_t bad = 0, rows = audit_chain_length(j->node->engine.audit);
	if (audit_verify(j->node->engine.audit, j->node->engine.txn, &bad, &reason) != ERR_OK) violation(j, "the audit chain: %s", reason.text);
	if (rows < j->history->done || rows > j->history->done + (j->under_way ? 1u : 0u))
		violation(j, "%u steps were acknowledged, the audit log has %llu rows", j->history->done, (unsigned long long)rows);
}

static void judge_grants(struct judge *j)
{
	struct grants *grants = engine_grants(&j->node->engine);
	size_t count = grants_count(grants), expected = 1u + j->history->grants;
	if (count < expected || count > expected + (j->under_way && j->next.kind == STEP_GRANT ? 1u : 0u))
		violation(j, "%zu grants were acknowledged, %zu are there", expected, count);
	grants_unref(grants);
}

void judge_all(struct judge *j)
{
	judge_objects(j);
	judge_names(j);
	judge_audit(j);
	judge_grants(j);
}
