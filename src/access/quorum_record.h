/* How many administrators the gravest acts need, as the domain keeps it (docs/formats.md section 22). Store thread, inside a transaction. */
#ifndef COFFER_ACCESS_QUORUM_RECORD_H
#define COFFER_ACCESS_QUORUM_RECORD_H

#include "objects/txn.h"

/* 1 or 2. ERR_NOT_FOUND: there is no record. ERR_CORRUPT: there is one and it does not open. */
enum coffer_err quorum_record_get(struct txn *txn, unsigned *out_needed) MUST_USE;
/* With it, in the version root, goes that it is so. */
enum coffer_err quorum_record_put(struct txn *txn, unsigned needed) MUST_USE;

#endif
