/* Which objects a Locate looks at: those that an index entry names, those that the principal may see, or all of them. Store lane. */
#ifndef COFFER_OPS_LOCATE_PLAN_H
#define COFFER_OPS_LOCATE_PLAN_H

#include "base/buf.h"
#include "ops/locate_match.h"
#include "ops/op.h"

#define LOCATE_SCOPES_MAX 16u

enum locate_way {
	LOCATE_BY_ID,    /* one object, or none */
	LOCATE_BY_ENTRY, /* an index entry that every match has */
	LOCATE_BY_REACH, /* what the principal owns, and the Object Groups of its grants */
	LOCATE_BY_TABLE  /* every object */
};

struct locate_plan {
	enum locate_way way;
	uint8_t id[UUID_LEN];
	bool no_such_id;         /* the Unique Identifier is none of ours: nothing is found */
	uint8_t index;           /* of the entry */
	struct buf value;
	const char *scopes[LOCATE_SCOPES_MAX]; /* borrow ctx->grants */
	size_t scope_count;
};

/* Chooses the way that looks at the fewest objects, by counting index entries. locate_plan_done afterwards, also after a failure. */
enum coffer_err locate_plan(struct op_ctx *ctx, const struct locate_criteria *criteria, bool destroyed_too, struct locate_plan *out) MUST_USE;
void locate_plan_done(struct locate_plan *plan);

struct locate_visitor {
	txn_row_fn *keep;        /* LOCATE_BY_TABLE: each row, before it is opened */
	txn_object_fn *hit;      /* the other ways: each object */
	txn_object_fn *opened;   /* LOCATE_BY_TABLE: each object that was kept */
	void *arg;
	struct txn_passed *passed; /* NULL: an object that does not open is an error */
};
/* Visits every object that may match, and others; none twice. The object of a Unique Identifier must open. An error of the visitor ends it and is returned. */
enum coffer_err locate_visit(struct op_ctx *ctx, const struct locate_plan *plan, bool destroyed_too, const struct locate_visitor *visitor) MUST_USE;

#endif
