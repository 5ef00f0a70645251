/* What the store remembers of backups and of the restore that it came from (docs/formats.md section 16.2). Store lane, in a transaction. */
#ifndef COFFER_OPS_BACKUP_RECORD_H
#define COFFER_OPS_BACKUP_RECORD_H

#include "archive/archive.h"
#include "ops/engine.h"

#define BACKUP_RECORDS_MAX 32u

struct backup_record {
	uint8_t archive_id[ARCHIVE_ID_LEN];
	uint64_t created_ms, root_version, size;
	uint8_t sha256[32];
	uint64_t verified_ms;        /* 0: never */
	bool opened;                 /* with shares or passphrase */
	char principal[PRINCIPAL_MAX + 1];
};

/* Writes it, and erases the oldest above BACKUP_RECORDS_MAX. */
enum coffer_err backup_record_put(struct txn *txn, const struct backup_record *record) MUST_USE;
/* ERR_NOT_FOUND, ERR_CORRUPT. */
enum coffer_err backup_record_get(struct txn *txn, const uint8_t archive_id[static ARCHIVE_ID_LEN], struct backup_record *out) MUST_USE;
/* All of them in order of id; records that do not open are passed over. out: BACKUP_RECORDS_MAX + 1. */
enum coffer_err backup_record_list(struct txn *txn, struct backup_record *out, size_t *out_count) MUST_USE;

struct restore_record {
	uint8_t archive_id[ARCHIVE_ID_LEN];
	uint64_t created_ms, root_version;
	uint8_t node_id[UUID_LEN];   /* that made the archive */
	uint64_t audit_seq;          /* the last record of its chain */
	uint8_t audit_link[32];
	uint64_t restored_ms;
	char principal[PRINCIPAL_MAX + 1];
};

enum coffer_err restore_record_put(struct txn *txn, const struct restore_record *record) MUST_USE;
/* ERR_NOT_FOUND: the store was not restored. */
enum coffer_err restore_record_get(struct txn *txn, struct restore_record *out) MUST_USE;

#endif
