/* Every row of every sealed table under the newest generation, in small transactions. */
#include <string.h>

#include "access/policy.h"
#include "base/clock.h"
#include "base/log.h"
#include "keyring/record.h"
#include "objects/reseal.h"
#include "ops/request_record.h"
#include "ops/rotation_internal.h"
#include "ops/seat.h"

#define NAMED 16u /* rows that do not open which the log names */

struct page {
	struct rotation_place *place;
	uint32_t newest;
	size_t read;
};

/* Clear columns decide what is passed over; a row that lies about its generation does not open under it, and the proof finds that. */
static enum coffer_err note_row(void *arg, const struct store_row *row, bool is_whole)
{
	struct page *p = arg;
	struct rotation_place *place = p->place;
	place->looked++;
	p->read++;
	if (is_whole && row->generation >= p->newest) return ERR_OK;
	struct rotation_id *to = &place->ids[place->count++];
	memcpy(to->id, row->id, row->id_len);
	to->len = row->id_len;
	return ERR_OK;
}

/* The tables that hold sealed rows are 1 to 6. */
static enum coffer_err next_page(struct txn *txn, struct rotation_place *place)
{
	struct page p = { place, ring_newest(txn_ring(txn)), 0 };
	place->count = place->next = 0;
	TRY(store_survey(txn_store(txn), place->table, &place->at, ROTATION_PAGE, note_row, &p));
	if (p.read == ROTATION_PAGE) return ERR_OK;
	place->table++;
	place->at = (struct store_place){ .len = 0 };
	return ERR_OK;
}

static enum coffer_err reseal_other(struct txn *txn, enum store_table table, struct view id)
{
	struct store_row row;
	TRY(store_get(txn_store(txn), table, id, &row));
	if (table == STORE_REQUEST && request_record_is_expired(&row)) return store_erase(txn_store(txn), table, id);
	return record_reseal(txn_store(txn), txn_ring(txn), table, &row, view_of(NULL, 0));
}

static enum coffer_err reseal_row(struct txn *txn, enum store_table table, const struct rotation_id *id)
{
	struct view v = view_of(id->id, id->len);
	if (table == STORE_OBJECT) return id->len == UUID_LEN ? txn_reseal(txn, id->id) : ERR_CORRUPT;
	return table == STORE_GRANT ? grants_reseal(txn, v) : reseal_other(txn, table, v);
}

/* What is wrong with one row does not keep the others. */
static bool is_about_one(enum coffer_err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_LIMIT || err == ERR_TOO_LARGE || err == ERR_FIELD;
}

static enum coffer_err take_one(struct txn *txn, struct rotation_place *place, enum store_table table)
{
	char name[2 * STORE_ID_MAX + 1];
	const struct rotation_id *id = &place->ids[place->next];
	enum coffer_err err = reseal_row(txn, table, id);
	if (err && err != ERR_NOT_FOUND && !is_about_one(err)) return err;
	place->next++;
	if (!err) place->written++;
	if (!is_about_one(err)) return ERR_OK;
	text_hex(view_of(id->id, id->len), name);
	if (place->held++ < NAMED) log_error("row %s of table %u cannot be sealed again: %s", name, (unsigned)table, err_text(err));
	return ERR_OK;
}

static void moved(void *arg)
{
	struct engine *engine = arg;
	engine->rotation->place = engine->rotation->next;
	rotation_tell(engine);
}

/* Ids that are read ahead belong to the table before the place when that has just moved on. */
static enum store_table table_of_page(const struct rotation_place *place)
{
	return place->at.len == 0 && place->table > STORE_OBJECT ? place->table - 1 : place->table;
}

/* With what was written, and at the end, so that a restart goes on from here. */
static enum coffer_err keep_place(struct engine *engine, struct txn *txn)
{
	const struct rotation *r = engine->rotation;
	const struct rotation_place *place = &r->next;
	struct rotation_record record = rotation_record_now(engine);
	bool ends = place->table > ROTATION_LAST_TABLE && r->place.table <= ROTATION_LAST_TABLE;
	if (place->written == r->place.written && !ends) return ERR_OK;
	bool ahead = place->next < place->count; /* the page's other rows are still to be done, and it was read from */
	record.generation = ring_newest(txn_ring(txn));
	record.table = (uint8_t)(ahead ? table_of_page(place) : place->table);
	record.looked = place->looked - (place->count - place->next);
	record.written = place->written;
	record.at = place->at;
	if (ahead) {
		record.at.len = place->ids[place->next].len;
		memcpy(record.at.at, place->ids[place->next].id, record.at.len);
	}
	return rotation_put_record(engine, txn, &record);
}

enum coffer_err rotation_reseal(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct rotation_budget *budget = arg;
	struct rotation *r = engine->rotation;
	char waits_for[ROTATION_WAITS];
	if (rotation_phase(engine) != ROTATION_RESEAL) return ERR_OK;
	TRY(seat_check_master(engine, reason));
	TRY(rotation_look_after(engine, txn, waits_for, reason)); /* who lacks the key could not read what is written again under it */
	if (waits_for[0]) {
		rotation_await(engine, waits_for);
		return ERR_OK;
	}
	uint64_t until = clock_mono_ms() + budget->ms; /* of the rows alone: however long looking after the nodes takes, each call goes on by a page or a row */
	r->next = r->place;
	struct rotation_place *place = &r->next;
	TRY(txn_on_commit(txn, moved, NULL, engine));
	for (size_t done = 0, steps = 0; done < budget->rows && (!steps || clock_mono_ms() < until); steps++) {
		if (place->next < place->count) {
			TRY(take_one(txn, place, table_of_page(place)));
			done++;
		} else if (place->table <= ROTATION_LAST_TABLE) {
			TRY(next_page(txn, place));
		} else {
			break;
		}
	}
	return keep_place(engine, txn);
}
