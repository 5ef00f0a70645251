/* A restore as JSON. */
#include "ops/archive_json.h"

#include "objects/lifecycle.h"

static void put_states(struct json_out *j, const struct archive_facts *facts)
{
	json_begin(j, "states");
	for (unsigned s = OBJECT_PRE_ACTIVE; s <= OBJECT_DESTROYED_COMPROMISED; s++)
		if (facts->states[s]) json_u64(j, lifecycle_name((enum object_state)s), facts->states[s]);
	json_end(j);
}

static const char *counter_name(enum restore_counter counter)
{
	static const char *const names[] = { "not known", "as archived", "behind", "ahead", "another" };
	return (unsigned)counter < sizeof names / sizeof names[0] ? names[counter] : "?";
}

void archive_json_restored(struct json_out *j, const struct restore_result *result)
{
	char uuid[UUID_TEXT_LEN + 1], id[2 * ARCHIVE_ID_LEN + 1], fingerprint[DOMAIN_FINGERPRINT_TEXT];
	const struct archive_facts *f = &result->facts;
	domain_fingerprint_format(f->header.fingerprint, fingerprint);
	text_hex(view_of(f->header.archive_id, ARCHIVE_ID_LEN), id);
	json_begin(j, NULL);
	json_str(j, "fingerprint", fingerprint);
	json_str(j, "archive", id);
	json_u64(j, "created_at", f->header.created_ms / 1000);
	json_u64(j, "version", f->header.root_version);
	json_u64(j, "generation", f->header.generation);
	text_uuid(f->header.node_id, uuid);
	json_str(j, "archived_node", uuid);
	text_uuid(result->node_id, uuid);
	json_str(j, "node", uuid);
	json_str(j, "token", result->token.master_secret);
	json_u64(j, "objects", f->tables[STORE_OBJECT].count);
	json_u64(j, "grants", f->tables[STORE_GRANT].count);
	json_u64(j, "audit_records", f->tables[STORE_AUDIT].count);
	put_states(j, f);
	json_u64(j, "usage_limited", result->limited);
	json_u64(j, "gcm_advanced", result->raised);
	json_u64(j, "faults_accepted", result->faults);
	json_u64(j, "older_by", result->newer_by);
	json_u64(j, "mark_known", result->mark_known);
	json_str(j, "counter", counter_name(result->counter));
	json_u64(j, "counter_ahead", result->counter_ahead);
	json_u64(j, "administrator", result->administrator);
	json_end(j);
}
