/* What status says of backups, and of the restore that the store comes from. */
#ifndef COFFER_OPS_BACKUP_STATUS_H
#define COFFER_OPS_BACKUP_STATUS_H

#include "ops/backup_record.h"
#include "ops/json_out.h"

struct backup_status {
	uint64_t count;              /* on record */
	uint64_t made_ms;            /* the newest; 0: none */
	uint64_t verified_made_ms;   /* when the newest verified one was made; 0: none is verified */
	uint64_t verified_ms;        /* and when it was verified */
	bool restored;
	struct restore_record restore;
};

/* Store lane, in a transaction. */
enum coffer_err backup_status_read(struct txn *txn, struct backup_status *out) MUST_USE;
/* Members "backup" and, where it applies, "restored". max_age_ms: backup_max_age. shared: the store is in the backups of the database. */
void backup_status_json(const struct backup_status *status, uint64_t max_age_ms, bool shared, struct json_out *j);

#endif
