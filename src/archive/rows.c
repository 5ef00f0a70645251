/* Every row of an archive under its data keys, its audit chains link by link, and its tables against the version root. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "archive/archive_internal.h"
#include "audit/follow.h"
#include "audit/kept_record.h"
#include "base/reader.h"
#include "base/text.h"
#include "keyring/record.h"

struct check {
	struct archive *a;
	struct ring *ring;
	struct archive_look *look;
	struct root_sum sums[ARCHIVE_TABLES_END];
	bool pinned;                     /* the record "recovery" names the stanza */
	struct audit_follow audit;
	struct root_head head;           /* newest audit record of the archive's node */
	uint64_t first, gone;            /* its oldest, and the last one that was taken out (docs/formats.md section 20.7) */
};

static void fault(struct archive_look *look, const char *sentence)
{
	if (look->faults++ == 0) snprintf(look->said, sizeof look->said, "%s", sentence);
}

static bool record_place(const struct store_row *row, struct view *out_node, uint64_t *out_seq)
{
	struct reader r;
	reader_init(&r, view_of(row->id, row->id_len));
	return reader_view(&r, UUID_LEN, out_node) == ERR_OK && reader_u64(&r, out_seq) == ERR_OK && reader_end(&r) == ERR_OK;
}

static void row_fault(struct archive_look *look, enum store_table table, const struct store_row *row)
{
	char text[256], id[2 * STORE_ID_MAX + 1];
	struct view node;
	uint64_t seq;
	if (table == STORE_AUDIT && record_place(row, &node, &seq)) {
		text_hex(node, id);
		snprintf(text, sizeof text, "audit record %" PRIu64 " of node %.32s does not open or does not follow the one before it (edited, swapped, or records in front of "
			"it cut out)", seq, id);
	} else {
		text_hex(view_of(row->id, row->id_len), id);
		snprintf(text, sizeof text, "row %.64s of table %d does not open", id, (int)table);
	}
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

static enum coffer_err open_audit(struct check *c, const struct store_row *row)
{
	struct view node;
	uint64_t seq;
	root_head_follow(&c->head, row);
	if (!c->first && record_place(row, &node, &seq) && view_equal(node, view_of(c->head.node_id, UUID_LEN))) c->first = seq;
	enum coffer_err err = audit_follow_row(&c->audit, c->ring, row);
	return err == ERR_OK || err == ERR_MEMORY || err == ERR_CRYPTO ? err : ERR_CORRUPT; /* also a link under a generation that nobody has */
}

static enum coffer_err open_domain(struct check *c, const struct store_row *row, struct view plain)
{
	struct kept_record kept;
	if (view_equal_str(view_of(row->id, row->id_len), "recovery")) c->pinned = pins(c->a, plain);
	enum coffer_err err = kept_record_from_row(ring_domain(c->ring), row, plain, &kept);
	if (!err) c->gone = kept.checkpoint.at.seq;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum coffer_err open_row(struct check *c, enum store_table table, const struct store_row *row)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	if (table == STORE_AUDIT) TRY(open_audit(c, row));
	else TRY(record_open(c->ring, table, row, &plain));
	if (table == STORE_DOMAIN) TRY(open_domain(c, row, buf_view(&plain)));
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

/* Both ends of the log: what stands in between was followed. */
static void compare_log(struct check *c)
{
	char text[160];
	const struct root_head *wanted = &c->a->root.head;
	if (c->head.seq != wanted->seq || memcmp(c->head.link, wanted->link, sizeof wanted->link) != 0) {
		snprintf(text, sizeof text, "the audit log ends with record %" PRIu64 ", and not with record %" PRIu64 " that its version root names", c->head.seq, wanted->seq);
		fault(c->look, text);
	}
	if (!c->first || c->first == c->gone + 1) return;
	snprintf(text, sizeof text, "the audit log begins with record %" PRIu64 ", and not behind record %" PRIu64 ", the last that was taken out by configuration", c->first,
		c->gone);
	fault(c->look, text);
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
	compare_log(c);
	if (!c->pinned) fault(c->look, "its recovery stanza is not the one that the domain's own record names");
}

enum coffer_err archive_check_rows(struct archive *a, struct ring *ring, struct archive_look *look, struct reason *reason)
{
	struct check c = { .a = a, .ring = ring, .look = look };
	PRE(a->unlocked);
	memcpy(c.head.node_id, ring_domain(ring)->node_id, UUID_LEN);
	TRY(archive_pass(a, check_row, &c, reason));
	compare(&c);
	return ERR_OK;
}
