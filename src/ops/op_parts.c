/* Operations under way in parts. */
#include "ops/op_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/rng.h"

#define ARENA_SHARE 8u /* parts of all connections together keep at most an eighth of the secret memory */

struct op_parts {
	struct op_part slots[OP_PARTS_MAX];
};

static size_t kept_max(void)
{
	struct arena_stats stats;
	arena_stats(&stats);
	return stats.size / ARENA_SHARE;
}

struct op_parts *op_parts_new(void)
{
	return calloc(1, sizeof(struct op_parts));
}

void op_part_close(struct op_part *part)
{
	if (part->operation == 0) return;
	part->free(part->state);
	free(part->principal);
	ledger_give(part->line, part->kept);
	*part = (struct op_part){ .operation = 0 };
}

void op_parts_free(struct op_parts *parts)
{
	if (!parts) return;
	for (size_t i = 0; i < OP_PARTS_MAX; i++) op_part_close(&parts->slots[i]);
	free(parts);
}

enum coffer_err op_part_charge(struct op_part *part, size_t bytes)
{
	TRY(ledger_take(&part->line, part->principal, bytes, kept_max()));
	part->kept += bytes;
	return ERR_OK;
}

static struct op_part *free_slot(struct op_parts *parts)
{
	for (size_t i = 0; i < OP_PARTS_MAX; i++)
		if (parts->slots[i].operation == 0) return &parts->slots[i];
	return NULL;
}

/* Charges the part last, so that nothing is to be given back. */
static enum coffer_err fill(struct op_part *part, const struct op_part_owner *owner)
{
	struct op_part made = { .has_object = owner->object_id != NULL, .kept = OP_PART_COST };
	TRY(rng_bytes(made.id, sizeof made.id));
	made.principal = strdup(owner->principal);
	ENSURE(made.principal, ERR_MEMORY);
	enum coffer_err err = ledger_take(&made.line, made.principal, OP_PART_COST, kept_max());
	if (err) {
		free(made.principal);
		return err;
	}
	if (made.has_object) memcpy(made.object_id, owner->object_id, UUID_LEN);
	*part = made;
	return ERR_OK;
}

enum coffer_err op_parts_open(struct op_parts *parts, const struct op_part_owner *owner, void **state, op_part_free_fn *free_state,
	struct op_part **out)
{
	struct op_part *part = free_slot(parts);
	ENSURE(part, ERR_LIMIT);
	TRY(fill(part, owner));
	part->operation = owner->operation;
	part->state = *state;
	part->free = free_state;
	*state = NULL;
	*out = part;
	return ERR_OK;
}

static bool belongs(const struct op_part *part, const struct op_part_owner *owner)
{
	if (part->operation != owner->operation || strcmp(part->principal, owner->principal) != 0) return false;
	if (part->has_object != (owner->object_id != NULL)) return false;
	return !part->has_object || memcmp(part->object_id, owner->object_id, UUID_LEN) == 0;
}

enum coffer_err op_parts_find(struct op_parts *parts, const struct op_part_owner *owner, struct view id, struct op_part **out)
{
	ENSURE(id.len == OP_PART_ID_LEN, ERR_NOT_FOUND);
	for (size_t i = 0; i < OP_PARTS_MAX; i++) {
		struct op_part *part = &parts->slots[i];
		if (part->operation == 0 || !ct_equal(part->id, id.ptr, OP_PART_ID_LEN)) continue;
		ENSURE(belongs(part, owner), ERR_NOT_FOUND);
		*out = part;
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}

bool op_parts_object(struct op_parts *parts, const char *principal, struct view id, uint8_t out_object_id[static UUID_LEN])
{
	for (size_t i = 0; i < OP_PARTS_MAX && id.len == OP_PART_ID_LEN; i++) {
		const struct op_part *part = &parts->slots[i];
		if (part->operation == 0 || !part->has_object || !ct_equal(part->id, id.ptr, OP_PART_ID_LEN)) continue;
		if (strcmp(part->principal, principal) != 0) return false;
		memcpy(out_object_id, part->object_id, UUID_LEN);
		return true;
	}
	return false;
}

void op_parts_end(struct op_parts *parts, const uint8_t id[static OP_PART_ID_LEN])
{
	for (size_t i = 0; i < OP_PARTS_MAX; i++)
		if (parts->slots[i].operation != 0 && ct_equal(parts->slots[i].id, id, OP_PART_ID_LEN)) op_part_close(&parts->slots[i]);
}

void op_parts_sweep(struct op_parts *parts, struct object_table *objects)
{
	for (size_t i = 0; i < OP_PARTS_MAX; i++) {
		struct op_part *part = &parts->slots[i];
		if (part->operation == 0 || !part->has_object) continue;
		AUTO_OBJECT struct object *o = object_table_get(objects, part->object_id);
		if (o && !o->material) op_part_close(part);
	}
}
