/* Which records of this node's log were taken out of the store (docs/formats.md section 20.7). Sealed in the store, one for each node. Store thread. */
#ifndef COFFER_AUDIT_KEPT_RECORD_H
#define COFFER_AUDIT_KEPT_RECORD_H

#include "audit/digest.h"
#include "keyring/record.h"

struct kept_record {
	struct audit_checkpoint checkpoint; /* over the last record that is gone */
	bool exported;                      /* each of them was exported before */
	uint32_t row_version;               /* write count of the row; 0: there is none yet */
};

/* domain: of the node whose log it is. ERR_NOT_FOUND: all are there. ERR_CORRUPT, ERR_VERSION; a checkpoint that the domain did not sign is ERR_CORRUPT. */
enum coffer_err kept_record_read(struct store *store, struct ring *ring, const struct domain_id *domain, struct kept_record *out) MUST_USE;
/* The same of a row that was read and opened elsewhere. ERR_NOT_FOUND: another row than that node's. */
enum coffer_err kept_record_from_row(const struct domain_id *domain, const struct store_row *row, struct view plain, struct kept_record *out) MUST_USE;
/* Of this node; in the transaction under way, as its row_version + 1, which it then is. */
enum coffer_err kept_record_put(struct store *store, struct ring *ring, struct kept_record *record) MUST_USE;

#endif
