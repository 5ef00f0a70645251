/* States of a managed object (KMIP 1.4 section 3.22, NIST SP 800-57 part 1 section 7) as one table.
 *
 *      Create                Activate              Deactivate (time, Revoke other reasons)
 *   ┌────────────┐        ┌────────┐              ┌─────────────┐
 *   │ Pre-Active ├───────►│ Active ├─────────────►│ Deactivated │
 *   └─┬───┬──────┘        └───┬────┘              └───┬─────┬───┘
 *     │   │ Revoke(compromise)│                       │     │ Destroy
 *     │   └──────────►┌───────▼─────┐◄────────────────┘     ▼
 *     │ Destroy       │ Compromised │  Destroy     ┌───────────┐
 *     │               └──────┬──────┘              │ Destroyed │
 *     │                      ▼                     └───────────┘
 *     │           Destroyed Compromised ◄── Revoke(compromise) of a destroyed one
 *     └──────────────────────────────────────────► Destroyed
 */
#ifndef COFFER_OBJECTS_LIFECYCLE_H
#define COFFER_OBJECTS_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"

/* KMIP 1.4 section 9.1.3.2.18 */
enum object_state {
	OBJECT_PRE_ACTIVE = 1,
	OBJECT_ACTIVE = 2,
	OBJECT_DEACTIVATED = 3,
	OBJECT_COMPROMISED = 4,
	OBJECT_DESTROYED = 5,
	OBJECT_DESTROYED_COMPROMISED = 6
};

/* What a key is wanted for: protecting needs Active; processing is also allowed when Deactivated or Compromised
 * (SP 800-57 part 1, section 7). Destroyed never. */
enum object_use { OBJECT_USE_PROTECT, OBJECT_USE_PROCESS };

bool lifecycle_allows(enum object_state from, enum object_state to);
bool lifecycle_may_use(enum object_state state, enum object_use use);
const char *lifecycle_name(enum object_state state); /* "active" …, "?" */
/* ERR_STATE with a sentence that says what to do. what: the key as the person knows it. */
enum coffer_err lifecycle_check_use(enum object_state state, enum object_use use, const char *what, struct reason *reason) MUST_USE;

#endif
