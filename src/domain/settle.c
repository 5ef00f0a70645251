/* What may be answered. */
#include "domain/settle.h"

enum settle settle_commit(enum coffer_err err)
{
	if (err == ERR_OK) return SETTLE_THERE;
	return err == ERR_UNKNOWN_OUTCOME ? SETTLE_UNKNOWN : SETTLE_ABSENT;
}

enum settle settle_read(enum coffer_err reopened, enum coffer_err read)
{
	if (reopened) return SETTLE_UNKNOWN;
	if (read == ERR_OK) return SETTLE_THERE;
	return read == ERR_NOT_FOUND ? SETTLE_ABSENT : SETTLE_UNKNOWN;
}

enum settle settle_found(enum coffer_err own_commit)
{
	return own_commit == ERR_OK ? SETTLE_THERE : SETTLE_UNKNOWN;
}
