/* TTLV messages as trees that can be bent: made field by field or read from bytes, changed at random, written with the faults that were put in.
 * Fixed memory, no allocation; one thread. */
#ifndef COFFER_TESTS_FUZZ_TREE_H
#define COFFER_TESTS_FUZZ_TREE_H

#include "base/view.h"
#include "fuzz/dice.h"
#include "ttlv/ttlv.h"

#define TREE_NODES 4096u
#define TREE_BYTES (256u * 1024u)
#define TREE_DEPTH 48u             /* levels that are read and written */

struct tree_node {
	uint32_t tag;
	uint8_t type;                  /* as it is written */
	bool branch;                   /* has children in place of bytes */
	uint32_t at, len;              /* its bytes in tree.bytes */
	uint16_t parent, first, last, next; /* nodes; 0: none */
	int32_t length_off;            /* fault: added to the length that is written */
	uint8_t padding;               /* fault: what padding bytes are */
	uint16_t copies;               /* fault: written so often once more */
};

/* Node 0 stands above the messages. About 400 KiB: not for stacks. */
struct tree {
	struct tree_node nodes[TREE_NODES];
	uint8_t bytes[TREE_BYTES];
	uint32_t count, used;
};

void tree_clear(struct tree *t);
/* A node behind the last child of `parent` (0: a message). When there is no room it returns 0 and nothing happens. */
uint16_t tree_branch(struct tree *t, uint16_t parent, uint32_t tag);
uint16_t tree_leaf(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, struct view value);
uint16_t tree_text(struct tree *t, uint16_t parent, uint32_t tag, const char *text);
/* Integer, Enumeration or Interval. */
uint16_t tree_u32(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, uint32_t v);
/* Long Integer, Boolean or Date-Time. */
uint16_t tree_u64(struct tree *t, uint16_t parent, uint32_t tag, enum ttlv_type type, uint64_t v);
/* Appends the messages that the bytes begin with; bytes that are no item are left out. */
void tree_read(struct tree *t, struct view bytes);
/* One random change: wrong type, length, order, tag, padding, text, number, version; doubled, missing, nested, grown … */
void tree_bend(struct tree *t, struct dice *dice);
/* Bytes written, at most cap. */
size_t tree_write(const struct tree *t, uint8_t *out, size_t cap);

#endif
