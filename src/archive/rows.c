/* Every row of an archive under its data keys, and its tables against the version root. */
#include <stdio.h>
#include <string.h>

#include "archive/archive_internal.h"
#include "base/reader.h"
#include "base/text.h"
#include "keyring/record.h"

struct check {
	struct archive *a;
	struct ring *ring;
	struct archive_look *look;
	struct root_sum sums[ARCHIVE_TABLES_END];
	bool pinned;                     /* the record "recovery" names the stanza */
};

static void fault(struct archive_look *look, const char *sentence)
{
	if (look->faults++ == 0) snprintf(look->said, sizeof look->said, "%s", sentence);
}

static void row_fault(struct archive_look *look, enum store_table table, const struct store_row *row)
{
	char text[128], id[2 * STORE_ID_MAX + 1];
	text_hex(view_of(row->id, row->id_len), id);
	snprintf(text, sizeof text, "row %.64s of table %d does not open", id, (int)table);
	fault(look, text);
}

/* docs/formats.md section 10.1: what the sealed record pins. */
static bool pins(const struct archive *a, struct view plain)
{
	struct reader r;
	struct view id;
	uint32_t version;
	reader_init(&r, plain);
	if (reader_view(&r, RECOVERY_KEY_ID_LEN, &id) != ERR_OK || reader_u32(&r, &version) != ERR_OK || reader_end(&r) != ERR_OK) return false;
	return view_equal(id, view_of(a->stanza.key_id, RECOVERY_KEY_ID_LEN)) && version == a->stanza_row.version;
}

static enum coffer_err open_row(struct check *c, enum store_table table, const struct store_row *row)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	TRY(record_open(c->ring, table, row, &plain));
	if (table == STORE_DOMAIN && view_equal_str(view_of(row->id, row->id_len), "recovery")) c->pinned = pins(c->a, buf_view(&plain));
	return c->look->look ? c->look->look(c->look->arg, table, row) : ERR_OK;
}

static enum coffer_err check_row(void *arg, enum store_table table, const struct store_row *row)
{
	struct check *c = arg;
	uint8_t entry[ROOT_SUM_LEN];
	enum coffer_err err = root_entry(c->ring, c->a->root.generation, table, row, entry);
	if (!err) root_sum_add(&c->sums[table], entry);
	if (!err) err = open_row(c, table, row);
	if (err != ERR_CORRUPT && err != ERR_VERSION && err != ERR_FIELD) return err;
	row_fault(c->look, table, row);
	return ERR_OK;
}

static void compare(struct check *c)
{
	char text[160];
	const struct archive *a = c->a;
	for (unsigned t = STORE_OBJECT; t < ARCHIVE_TABLES_END; t++) {
		const struct root_sum *root = &a->root.tables[t];
		if (root_sum_equal(&c->sums[t], root) && root_sum_equal(&c->sums[t], &a->facts.tables[t].sum)) continue;
		snprintf(text, sizeof text, "table %u has %llu rows that are not the %llu of its version root", t, (unsigned long long)c->sums[t].count,
			(unsigned long long)root->count);
		fault(c->look, text);
	}
	if (!c->pinned) fault(c->look, "its recovery stanza is not the one that the domain's own record names");
}

enum coffer_err archive_check_rows(struct archive *a, struct ring *ring, struct archive_look *look, struct reason *reason)
{
	struct check c = { .a = a, .ring = ring, .look = look };
	PRE(a->unlocked);
	TRY(archive_pass(a, check_row, &c, reason));
	compare(&c);
	return ERR_OK;
}
