/* What status says of backups. */
#include "ops/backup_status.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define AHEAD_S 86400u /* clocks that differ by less are as good as each other */

/* One that bears a date in the future was made by a clock that was ahead: it would count as new until then. */
static bool is_ahead(const struct backup_record *r)
{
	return r->created_ms / 1000 > clock_date_s() + AHEAD_S;
}

static void follow(struct backup_status *s, const struct backup_record *r)
{
	s->count++;
	if (is_ahead(r)) return;
	if (r->created_ms > s->made_ms) s->made_ms = r->created_ms;
	if (!r->verified_ms || r->created_ms <= s->verified_made_ms) return;
	s->verified_made_ms = r->created_ms;
	s->verified_ms = r->verified_ms;
}

enum coffer_err backup_status_read(struct txn *txn, struct backup_status *out)
{
	AUTO_FREE struct backup_record *all = calloc(BACKUP_RECORDS_MAX + 1, sizeof *all);
	size_t count = 0;
	*out = (struct backup_status){ .count = 0 };
	ENSURE(all, ERR_MEMORY);
	TRY(backup_record_list(txn, all, &count));
	for (size_t i = 0; i < count; i++) follow(out, &all[i]);
	enum coffer_err err = restore_record_get(txn, &out->restore);
	out->restored = err == ERR_OK;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static uint64_t age_s(uint64_t ms)
{
	uint64_t now = clock_wall_s();
	return now > ms / 1000 ? now - ms / 1000 : 0;
}

static void put_restored(const struct restore_record *r, struct json_out *j)
{
	char id[2 * ARCHIVE_ID_LEN + 1], node[UUID_TEXT_LEN + 1];
	text_hex(view_of(r->archive_id, ARCHIVE_ID_LEN), id);
	text_uuid(r->node_id, node);
	json_begin(j, "restored");
	json_u64(j, "at", r->restored_ms / 1000);
	json_str(j, "archive", id);
	json_u64(j, "created_at", r->created_ms / 1000);
	json_u64(j, "version", r->root_version);
	json_str(j, "node", node);
	json_u64(j, "audit_records", r->audit_seq);
	json_str(j, "by", r->principal);
	json_end(j);
}

void backup_status_json(const struct backup_status *s, uint64_t max_age_ms, bool shared, struct json_out *j)
{
	json_begin(j, "backup");
	json_str(j, "by", shared ? "database" : "node");
	json_u64(j, "count", s->count);
	if (s->made_ms) {
		json_u64(j, "made_at", s->made_ms / 1000);
		json_u64(j, "age_s", age_s(s->made_ms));
	}
	if (s->verified_made_ms) {
		json_u64(j, "verified_at", s->verified_ms / 1000);
		json_u64(j, "verified_age_s", age_s(s->verified_made_ms));
	}
	json_u64(j, "max_age_s", max_age_ms / 1000);
	json_end(j);
	if (s->restored) put_restored(&s->restore, j);
}
