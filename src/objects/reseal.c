/* Writing one object again, as it is. */
#include "objects/reseal.h"

#include "objects/codec.h"
#include "objects/txn_internal.h"

/* The copy in memory is what was read from that row, or what was written there. */
static enum coffer_err reseal_open(struct txn *txn, const struct object *open, uint32_t row_version)
{
	ENSURE(open->record_version == row_version, ERR_CORRUPT);
	AUTO_OBJECT struct object *next = object_copy(open);
	ENSURE(next, ERR_MEMORY);
	next->record_version++;
	return txn_write_object(txn, next, true);
}

static enum coffer_err reseal_closed(struct txn *txn, const struct store_row *found)
{
	AUTO_OBJECT struct object *o = NULL;
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf index = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row;
	TRY(object_from_row(txn->ring, found, &o));
	o->record_version++;
	TRY(object_to_row(txn->ring, o, &row, &header, &index, &body));
	return store_put(txn->store, STORE_OBJECT, &row, true);
}

enum coffer_err txn_reseal(struct txn *txn, const uint8_t id[static UUID_LEN])
{
	struct store_row row;
	PRE(txn->open);
	ENSURE(txn->ring, ERR_SEALED);
	TRY(store_get(txn->store, STORE_OBJECT, view_of(id, UUID_LEN), &row));
	ENSURE(row.version < UINT32_MAX - 1, ERR_LIMIT);
	AUTO_OBJECT struct object *open = object_table_get(txn->table, id);
	return open ? reseal_open(txn, open, row.version) : reseal_closed(txn, &row);
}
