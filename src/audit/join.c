/* The sentence of a restore. */
#include "audit/join.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "kmip/enums.h"

void audit_join_write(const struct audit_join *join, const char *sentence, char out[static AUDIT_JOIN_TEXT])
{
	char id[2 * AUDIT_JOIN_ARCHIVE_LEN + 1], node[UUID_TEXT_LEN + 1], link[2 * AUDIT_LINK_LEN + 1], digest[2 * AUDIT_DIGEST_LEN + 1];
	text_hex(view_of(join->archive_id, sizeof join->archive_id), id);
	text_uuid(join->node_id, node);
	text_hex(view_of(join->at.link, sizeof join->at.link), link);
	text_hex(view_of(join->at.digest, sizeof join->at.digest), digest);
	(void)snprintf(out, AUDIT_JOIN_TEXT, "restored from archive %s of node %s, made at %" PRIu64 " (Unix seconds), version %" PRIu64 "; its audit log ended with record %"
		PRIu64 ", link %s%s%s; %s", id, node, join->created_s, join->root_version, join->at.seq, link, join->has_digest ? ", digest " : "",
		join->has_digest ? digest : "", sentence);
}

static enum coffer_err parse(const char *text, struct audit_join *join)
{
	char id[2 * AUDIT_JOIN_ARCHIVE_LEN + 1], node[UUID_TEXT_LEN + 1], link[2 * AUDIT_LINK_LEN + 1], digest[2 * AUDIT_DIGEST_LEN + 1] = "";
	int got = sscanf(text, "restored from archive %32[0-9a-f] of node %36[-0-9a-f], made at %20" SCNu64 " (Unix seconds), version %20" SCNu64
		"; its audit log ended with record %20" SCNu64 ", link %64[0-9a-f], digest %64[0-9a-f];", id, node, &join->created_s, &join->root_version,
		&join->at.seq, link, digest);
	ENSURE(got >= 6, ERR_NOT_FOUND);
	join->has_digest = got == 7;
	TRY(text_unhex(view_str(id), join->archive_id, sizeof join->archive_id));
	TRY(text_parse_uuid(view_str(node), join->node_id));
	TRY(text_unhex(view_str(link), join->at.link, sizeof join->at.link));
	return join->has_digest ? text_unhex(view_str(digest), join->at.digest, sizeof join->at.digest) : ERR_OK;
}

enum coffer_err audit_join_read(const struct audit_event *event, struct audit_join *out)
{
	struct audit_join join = { .created_s = 0 };
	char text[AUDIT_JOIN_TEXT], again[AUDIT_JOIN_TEXT];
	ENSURE(event->seq == 1 && event->status == 0 && event->operation == OPERATION_COFFER_RESTORE_COMMIT, ERR_NOT_FOUND);
	ENSURE(event->details.len < sizeof text, ERR_NOT_FOUND);
	memcpy(text, event->details.ptr, event->details.len);
	text[event->details.len] = '\0';
	ENSURE(parse(text, &join) == ERR_OK, ERR_NOT_FOUND);
	audit_join_write(&join, "", again); /* the one way to write it, up to the sentence */
	ENSURE(strncmp(text, again, strlen(again)) == 0, ERR_NOT_FOUND);
	*out = join;
	return ERR_OK;
}
