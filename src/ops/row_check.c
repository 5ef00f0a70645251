/* Each table's rows, as their readers read them. */
#include "ops/row_check.h"

#include "keyring/record.h"
#include "keyring/slot.h"
#include "objects/codec.h"
#include "recovery/stanza.h"

static enum coffer_err check_object(struct ring *ring, const struct store_row *row)
{
	AUTO_OBJECT struct object *o = NULL;
	AUTO_BUF struct buf index = BUF_EMPTY;
	struct object_head head;
	TRY(object_from_row(ring, row, &o));
	TRY(object_peek(row, &head));
	/* Older schemas and generations have other entries; their column is under the row's seal as well. */
	if (head.schema < OBJECT_SCHEMA_INDEXED || row->generation != ring_newest(ring)) return ERR_OK;
	TRY(object_index_write(ring, o, &index));
	return view_equal(buf_view(&index), row->index) ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err check_stanza(struct ring *ring, const struct store_row *row)
{
	struct stanza stanza;
	TRY(stanza_parse(row, &stanza, NULL));
	return stanza_verify(ring_domain(ring), row, &stanza, NULL);
}

static enum coffer_err check_sealed(struct ring *ring, enum store_table table, const struct store_row *row)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	return record_open(ring, table, row, &plain);
}

enum coffer_err row_check(struct row_check *check, enum store_table table, const struct store_row *row)
{
	enum coffer_err err;
	switch (table) {
	case STORE_OBJECT: err = check_object(check->ring, row); break;
	case STORE_AUDIT: err = audit_follow_row(&check->audit, check->ring, row); break;
	case STORE_SLOT: err = slot_verify(check->ring, row); break;
	case STORE_RECOVERY: err = check_stanza(check->ring, row); break;
	default: err = check_sealed(check->ring, table, row); break;
	}
	return err == ERR_OK || err == ERR_MEMORY || err == ERR_CRYPTO || err == ERR_VERSION ? err : ERR_CORRUPT;
}
