/* One sentence for each kind of fault. */
#include "ops/store_fault.h"

#include <stdio.h>
#include <string.h>

#include "base/reader.h"
#include "base/text.h"

#define NAME_MAX_LEN 160u

const char *store_fault_table(enum store_table table)
{
	static const char *const names[] = { "unknown", "object", "grant", "audit", "request", "domain", "node", "slot", "recovery" };
	return (unsigned)table < sizeof names / sizeof names[0] ? names[table] : names[0];
}

/* As people know it: a UUID, the number of an audit record, the name of a domain record, else hexadecimal. */
static void name_row(const struct rooted_fault *f, char *out, size_t cap)
{
	char text[NAME_MAX_LEN];
	struct reader r;
	uint64_t seq;
	if (f->id_len == UUID_LEN && f->table != STORE_DOMAIN) {
		text_uuid(f->id, text);
		snprintf(out, cap, "%s %s", store_fault_table(f->table), text);
		return;
	}
	reader_init(&r, view_of(f->id, f->id_len));
	if (f->table == STORE_AUDIT && f->id_len == UUID_LEN + 8 && reader_skip(&r, UUID_LEN) == ERR_OK && reader_u64(&r, &seq) == ERR_OK) {
		snprintf(out, cap, "audit record %llu", (unsigned long long)seq);
		return;
	}
	if (f->table == STORE_DOMAIN) {
		text_printable(view_of(f->id, f->id_len), text, sizeof text);
		snprintf(out, cap, "domain record '%s'", text);
		return;
	}
	text_hex(view_of(f->id, f->id_len), text);
	snprintf(out, cap, "%s row %s", store_fault_table(f->table), text);
}

static void say_table(const struct rooted_fault *f, char *out, size_t cap)
{
	const char *table = store_fault_table(f->table);
	unsigned long long expected = f->expected, found = f->found;
	if (f->kind == ROOTED_MISSING)
		snprintf(out, cap, "table %s: %llu of %llu rows are missing; restore the store from a backup, or accept the loss with 'coffer store accept'",
			table, expected - found, expected);
	else if (f->kind == ROOTED_EXTRA)
		snprintf(out, cap, "table %s: %llu rows are too many (%llu in place of %llu), old ones put back perhaps; restore the store from a backup", table,
			found - expected, found, expected);
	else if (f->kind == ROOTED_CHANGED)
		snprintf(out, cap, "table %s: rows were exchanged, by old versions of themselves perhaps (%llu rows, the right number); restore the store from a "
			"backup", table, found);
	else
		snprintf(out, cap, "the audit log ends at record %llu and not at %llu, its end was cut off or replaced; restore the store from a backup", found,
			expected);
}

void store_fault_sentence(const struct rooted_fault *f, char *out, size_t cap)
{
	char row[NAME_MAX_LEN + 32];
	name_row(f, row, sizeof row);
	switch (f->kind) {
	case ROOTED_ROW_UNUSABLE:
		snprintf(out, cap, "%s: a column is outside of its limits, the row is refused; restore it from a backup", row);
		return;
	case ROOTED_ROW_DAMAGED:
		snprintf(out, cap, "%s does not open, it was edited or damaged and is refused; restore it from a backup", row);
		return;
	case ROOTED_COPIES:
		snprintf(out, cap, "%s: its search entries were edited, so searches may miss it; restore the store from a backup", row);
		return;
	case ROOTED_ORPHAN:
		snprintf(out, cap, "%s is not there but has search entries; restore the store from a backup", row);
		return;
	case ROOTED_STRAYS:
		snprintf(out, cap, "%llu rows belong to no table of Coffer; somebody wrote into the store, restore it from a backup",
			(unsigned long long)f->found);
		return;
	case ROOTED_EXTRA:
		if (!f->id_len) break;
		snprintf(out, cap, "%s is one row too many, an old one put back perhaps; restore the store from a backup", row);
		return;
	case ROOTED_MISSING: case ROOTED_CHANGED: case ROOTED_HEAD:
		break;
	}
	say_table(f, out, cap);
}
