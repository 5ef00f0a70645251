/* Looking into one row of any table: does it open, and does what is in it fit? Store thread. */
#ifndef COFFER_OPS_ROW_CHECK_H
#define COFFER_OPS_ROW_CHECK_H

#include "audit/follow.h"
#include "keyring/ring.h"
#include "store/store.h"

struct row_check {
	struct ring *ring;          /* borrowed */
	struct audit_follow audit;  /* rows of the audit table come in order */
};

/* ERR_CORRUPT, ERR_VERSION: what is wrong is this row. Any other error: it could not be looked at now. */
enum coffer_err row_check(struct row_check *check, enum store_table table, const struct store_row *row) MUST_USE;

#endif
