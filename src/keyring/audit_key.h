/* The audit keys of generations that left (docs/formats.md section 17.1): records `audit-key-` and the generation as 8 hex digits, each holding that generation's subkey
 * "audit". No state; any thread, one at a time for each ring. */
#ifndef COFFER_KEYRING_AUDIT_KEY_H
#define COFFER_KEYRING_AUDIT_KEY_H

#include "keyring/ring.h"
#include "store/store.h"

#define AUDIT_KEY_PREFIX "audit-key-"
#define AUDIT_KEY_NAME 19u /* characters with NUL */

void audit_key_name(uint32_t generation, char out[static AUDIT_KEY_NAME]);
/* Whether a row of the domain's records is one of them. */
bool audit_key_is(const struct store_row *row);
/* Opens such a row and gives its key to the ring; one that the ring has, or whose generation is there, stays. ERR_CORRUPT, ERR_NOT_FOUND (sealed under a generation that
 * is not there), ERR_LIMIT, ERR_MEMORY. */
enum coffer_err audit_key_take(struct ring *ring, const struct store_row *row) MUST_USE;

#endif
