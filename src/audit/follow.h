/* The audit chain as its table is read from end to end: by the scrub, and where an archive is checked (docs/formats.md sections 8 and 16.1). One thread at a time. */
#ifndef COFFER_AUDIT_FOLLOW_H
#define COFFER_AUDIT_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/digest.h"
#include "keyring/ring.h"
#include "store/store.h"

/* Following a chain row by row, for who reads the table anyway. Begin zeroed; rows in order. */
struct audit_follow {
	bool begun;
	uint8_t node_id[16]; /* whose chain it is */
	uint64_t next;       /* expected sequence number */
	uint8_t previous[AUDIT_LINK_LEN]; /* link of the row before, and its digest */
	uint8_t digest[AUDIT_DIGEST_LEN];
	const struct audit_place *base; /* of this node's own chain: what was taken out ends there. NULL: not known, the first row is taken for the beginning */
};
/* ERR_CORRUPT: the row does not open, is out of order or its link does not hold; the next one is judged by what this one says it is. Rows of another
 * node begin a chain of its own: that of the node before a restore stands beside this node's. */
enum coffer_err audit_follow_row(struct audit_follow *follow, struct ring *ring, const struct store_row *row) MUST_USE;

#endif
