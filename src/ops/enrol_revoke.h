/* Enrolment tokens and listed endorsement certificates that end with a right: of a node that is removed, of who made them, of one administrator alone (docs/formats.md section 23.3). Store lane, inside the transaction that ends it. */
#ifndef COFFER_OPS_ENROL_REVOKE_H
#define COFFER_OPS_ENROL_REVOKE_H

#include "ops/op.h"

struct enrol_revoked {
	unsigned tokens, certificates;
};

/* Revokes the open tokens that `maker` made, and takes those of his certificates off the list that admitted nobody; NULL: all. Counts them in *out. The records' errors, with a sentence. */
enum coffer_err enrol_revoke(struct txn *txn, const char *maker, struct enrol_revoked *out, struct reason *reason) MUST_USE;
/* The same in the transaction of an operation, whose audit detail says how many. */
enum coffer_err enrol_revoke_with(struct op_ctx *ctx, const char *maker) MUST_USE;

#endif
