/* Where the log of a restored node goes on from that of the node that was archived (docs/formats.md section 20.8). Plain values; any thread. */
#ifndef COFFER_AUDIT_JOIN_H
#define COFFER_AUDIT_JOIN_H

#include "audit/digest.h"
#include "audit/event.h"

#define AUDIT_JOIN_TEXT 640u      /* bytes of the record's details, with NUL */
#define AUDIT_JOIN_ARCHIVE_LEN 16u

struct audit_join {
	uint8_t archive_id[AUDIT_JOIN_ARCHIVE_LEN];
	uint64_t created_s, root_version; /* of the archive */
	uint8_t node_id[UUID_LEN];        /* the old node … */
	struct audit_place at;            /* … and the last record that the archive has of it; seq 0: none */
	bool has_digest;                  /* false: an older program wrote the record, and its link alone is there */
};

/* Details of the first record, with a sentence behind them. */
void audit_join_write(const struct audit_join *join, const char *sentence, char out[static AUDIT_JOIN_TEXT]);
/* ERR_NOT_FOUND: the record is no such one. */
enum coffer_err audit_join_read(const struct audit_event *event, struct audit_join *out) MUST_USE;

#endif
