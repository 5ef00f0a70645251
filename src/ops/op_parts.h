/* Cryptographic operations that a client sends in parts (KMIP 1.4 section 4, "multi-part"; Correlation Value 2.1.15): what one connection has
 * under way. A part is bound to operation, object and principal; a Correlation Value that belongs to other ones is not found. One thread at a
 * time: the connection's worker, or whoever runs its request. */
#ifndef COFFER_OPS_OP_PARTS_H
#define COFFER_OPS_OP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "base/view.h"
#include "objects/table.h"
#include "ops/parts_ledger.h"

#define OP_PARTS_MAX 16u    /* under way on one connection */
#define OP_PART_ID_LEN 16u  /* bytes of a Correlation Value: random, so that none is guessed or met twice */
#define OP_PART_COST 4096u  /* secret memory that one takes, apart from the text that it gathers */

/* Whose it is. */
struct op_part_owner {
	uint32_t operation;
	const uint8_t *object_id; /* UUID_LEN bytes; NULL: an operation without an object (Hash) */
	const char *principal;    /* text */
};

typedef void op_part_free_fn(void *state);

struct op_part {
	uint32_t operation;       /* 0: free */
	uint8_t id[OP_PART_ID_LEN];
	bool has_object;
	uint8_t object_id[UUID_LEN];
	char *principal;
	void *state;              /* of the operation */
	op_part_free_fn *free;
	size_t kept;              /* secret memory charged to it … */
	struct ledger_line *line; /* … on the account of its principal */
};

struct op_parts;

struct op_parts *op_parts_new(void); /* NULL when memory is short */
/* Ends all that is under way; accepts NULL. */
void op_parts_free(struct op_parts *parts);
/* Takes *state (freed by `free`) on success. ERR_LIMIT: OP_PARTS_MAX are under way. ERR_BUSY: the principal, or all together, keep as much secret
 * memory for parts as they may. Borrowed until it is closed. */
enum coffer_err op_parts_open(struct op_parts *parts, const struct op_part_owner *owner, void **state, op_part_free_fn *free,
	struct op_part **out) MUST_USE;
/* ERR_NOT_FOUND: no such Correlation Value, or not this owner's. */
enum coffer_err op_parts_find(struct op_parts *parts, const struct op_part_owner *owner, struct view id, struct op_part **out) MUST_USE;
/* The object that a Correlation Value of this principal is about; false when there is none. */
bool op_parts_object(struct op_parts *parts, const char *principal, struct view id, uint8_t out_object_id[static UUID_LEN]);
/* Charges more secret memory to it, before it is taken. ERR_BUSY as above. */
enum coffer_err op_part_charge(struct op_part *part, size_t bytes) MUST_USE;
/* Frees its state and gives back what it kept. */
void op_part_close(struct op_part *part);
/* Ends what has this Correlation Value, if it is still under way. */
void op_parts_end(struct op_parts *parts, const uint8_t id[static OP_PART_ID_LEN]);
/* Ends what uses an object whose material is gone (after a Destroy). */
void op_parts_sweep(struct op_parts *parts, struct object_table *objects);

#endif
