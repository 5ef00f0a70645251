/* Random request messages that are mostly well-formed, made from the tables of kmip/ (tags, enumerations, attributes) and the payload rules of
 * grammar_rules.c. The same dice make the same message. */
#ifndef COFFER_TESTS_FUZZ_GRAMMAR_H
#define COFFER_TESTS_FUZZ_GRAMMAR_H

#include "fuzz/tree.h"

/* What is there to ask for. Lists may not be empty. */
struct grammar_known {
	const uint32_t *operations;    /* that are asked for most of the time */
	size_t operation_count;
	const uint32_t *sharing;       /* those of them that may share a batch */
	size_t sharing_count;
	const char *const *ids;        /* Unique Identifiers; NULL-terminated, as all that follow */
	const char *const *names;
	const char *const *groups;
	const char *const *principals;
	const struct view *sealed;     /* sealed messages; the last one is empty */
	const struct view *headers;    /* of sealed streams */
	const struct view *segments;   /* sealed segments of these streams */
};

struct grammar_wish {
	uint32_t operation;            /* of every item; 0: any */
	uint32_t count;                /* batch items; 0: mostly one */
	int minor;                     /* 1.minor; -1: any */
	bool plain;                    /* nothing optional in the header */
};

/* Appends one message to the tree. */
void grammar_request(struct tree *t, struct dice *d, const struct grammar_known *known, const struct grammar_wish *wish);
/* The payload of an operation, below `parent`. */
void grammar_payload(struct tree *t, uint16_t parent, struct dice *d, const struct grammar_known *known, uint32_t operation);

#endif
