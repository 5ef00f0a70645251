/* An object's row under the ring's newest generation (docs/formats.md section 17.1). Store thread. */
#ifndef COFFER_OBJECTS_RESEAL_H
#define COFFER_OBJECTS_RESEAL_H

#include "objects/txn.h"

/* Inside a transaction that has staged nothing of this object: writes its row again, one write on, with all its index entries made anew. What is in memory is
 * replaced with the commit; what is not stays out of it. ERR_NOT_FOUND; ERR_CORRUPT: the row does not open, or is not the one in memory; ERR_VERSION,
 * ERR_LIMIT, ERR_TOO_LARGE: it cannot be written again; ERR_MEMORY. */
enum coffer_err txn_reseal(struct txn *txn, const uint8_t id[static UUID_LEN]) MUST_USE;

#endif
