/* Backups while the node serves (docs/formats.md section 16): one at a time, handed out in pieces. Admin lane, engine->admin_lock held by the caller. */
#ifndef COFFER_OPS_BACKUP_H
#define COFFER_OPS_BACKUP_H

#include "archive/archive.h"
#include "ops/engine.h"

#define BACKUP_PIECE_MAX (256u * 1024u)         /* bytes of the archive in one answer */
#define BACKUP_KEEP_MAX (64u * 1024u * 1024u)   /* bytes that are kept aside of what changes meanwhile */
#define BACKUP_IDLE_MS (2u * 60u * 1000u)

/* Begins: what the snapshot is of stands in *out. A backup of the same principal, or one that nobody has read for two minutes, gives way; another one's is ERR_BUSY. ERR_NOT_FOUND: the domain has no
 * recovery, so nothing could open the archive. */
enum coffer_err backup_begin(struct engine *engine, const struct principal *principal, struct archive_header *out, struct reason *reason) MUST_USE;

struct backup_piece {
	struct view bytes;           /* borrowed until the next call */
	bool last;
	/* of the whole file, with the last piece */
	uint64_t size;
	uint8_t sha256[32];
	bool whole;                  /* the store agreed with its version root */
};
/* The bytes at `offset`: those behind the last piece, or that piece once more. ERR_NOT_FOUND: no such backup is under way; others: it is over, begin again. */
enum coffer_err backup_read(struct engine *engine, const struct principal *principal, struct view archive_id, uint64_t offset, struct backup_piece *out,
	struct reason *reason) MUST_USE;
/* The client has the whole file on its disk: the record is written. keep false: it gave up. */
enum coffer_err backup_end(struct engine *engine, const struct principal *principal, struct view archive_id, bool keep, struct reason *reason) MUST_USE;
/* Forgets a backup under way. Also when the process ends, on its store's thread or when that is no more. */
void backup_drop(struct engine *engine);

#endif
