/* Objects inside a transaction: staged first, then memory, then the store; creating and changing them. */
#include <string.h>

#include "base/clock.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "objects/txn_internal.h"

static const struct txn_step *staged(const struct txn *txn, const uint8_t id[static UUID_LEN])
{
	for (size_t i = txn->step_count; i-- > 0;) {
		const struct txn_step *step = &txn->steps[i];
		if (step->object && memcmp(step->object->id, id, UUID_LEN) == 0) return step;
	}
	return NULL;
}

static enum coffer_err load(struct txn *txn, const uint8_t id[static UUID_LEN], bool publish, struct object **out)
{
	struct store_row row;
	AUTO_OBJECT struct object *o = NULL;
	ENSURE(txn->ring, ERR_SEALED);
	TRY(store_get(txn->store, STORE_OBJECT, view_of(id, UUID_LEN), &row));
	TRY(object_from_row(txn->ring, &row, &o));
	if (publish) TRY(object_table_publish(txn->table, o));
	*out = TAKE(o);
	return ERR_OK;
}

static enum coffer_err get(struct txn *txn, const uint8_t id[static UUID_LEN], bool publish, struct object **out)
{
	const struct txn_step *step = staged(txn, id);
	ENSURE(!step || !step->removed, ERR_NOT_FOUND);
	struct object *o = step ? object_ref(step->object) : txn->apart ? NULL : object_table_get(txn->table, id);
	if (!o) return load(txn, id, publish && !txn->apart, out);
	*out = o;
	return ERR_OK;
}

enum coffer_err txn_object(struct txn *txn, const uint8_t id[static UUID_LEN], struct object **out)
{
	return get(txn, id, true, out);
}

enum coffer_err txn_look_at(struct txn *txn, const uint8_t id[static UUID_LEN], struct object **out)
{
	return get(txn, id, false, out);
}

bool txn_is_live(const struct object *o)
{
	return o->state != OBJECT_DESTROYED && o->state != OBJECT_DESTROYED_COMPROMISED;
}

enum coffer_err txn_write_object(struct txn *txn, struct object *o, bool replace)
{
	struct store_row row;
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf index = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	TRY(object_to_row(txn->ring, o, &row, &header, &index, &body));
	TRY(store_put(txn->store, STORE_OBJECT, &row, replace));
	TRY(txn_stage(txn, &(struct txn_step){ .object = o }));
	object_ref(o);
	return ERR_OK;
}

enum coffer_err txn_name_free(struct txn *txn, struct view name, const uint8_t *except_id, struct reason *reason)
{
	AUTO_OBJECT struct object *other = NULL;
	char shown[64];
	enum coffer_err err = txn_object_by_name(txn, name, &other);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	if (!txn_is_live(other) || (except_id && memcmp(other->id, except_id, UUID_LEN) == 0)) return ERR_OK;
	text_printable(name, shown, sizeof shown);
	return reason_fail(reason, ERR_EXISTS, "the name '%s' is taken; choose another one", shown);
}

/* Now, but after every object that this process made. */
static uint64_t next_created(struct txn *txn)
{
	uint64_t now_us = clock_date_s() * 1000000;
	txn->created_us = now_us > txn->created_us ? now_us : txn->created_us + 1;
	return txn->created_us;
}

static enum coffer_err check_changes(const struct txn *txn, struct reason *reason)
{
	PRE(txn->open);
	ENSURE(txn->ring, ERR_SEALED);
	if (txn->reading) return reason_fail(reason, ERR_IO, "the database does not answer, or this operation only reads: nothing is changed");
	return ERR_OK;
}

enum coffer_err txn_create(struct txn *txn, struct object *o, struct reason *reason)
{
	struct view name;
	TRY(check_changes(txn, reason));
	for (size_t i = 0; names_at(&o->attrs, i, &name); i++) TRY(txn_name_free(txn, name, o->id, reason));
	o->record_version = 1;
	if (!o->created_us) o->created_us = next_created(txn);
	return txn_write_object(txn, o, false);
}

enum coffer_err txn_update(struct txn *txn, struct object *o, struct reason *reason)
{
	AUTO_OBJECT struct object *before = NULL;
	struct view name;
	TRY(check_changes(txn, reason));
	TRY(txn_object(txn, o->id, &before));
	ENSURE(o->record_version == before->record_version, ERR_BUG); /* made from an older snapshot: what came between would be lost */
	if (before->state != o->state && !lifecycle_allows(before->state, o->state))
		return reason_fail(reason, ERR_STATE, "an object that is %s cannot become %s", lifecycle_name(before->state),
			lifecycle_name(o->state));
	for (size_t i = 0; names_at(&o->attrs, i, &name); i++)
		if (!object_has_name(before, name)) TRY(txn_name_free(txn, name, o->id, reason));
	ENSURE(before->record_version < UINT32_MAX - 1, ERR_LIMIT);
	o->record_version = before->record_version + 1;
	return txn_write_object(txn, o, true);
}

enum coffer_err txn_remove(struct txn *txn, struct object *o)
{
	TRY(check_changes(txn, NULL));
	TRY(store_erase(txn->store, STORE_OBJECT, view_of(o->id, UUID_LEN)));
	TRY(txn_stage(txn, &(struct txn_step){ .object = o, .removed = true }));
	object_ref(o);
	return ERR_OK;
}
