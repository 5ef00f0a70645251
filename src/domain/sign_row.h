/* A node's sign of life: what it last said of itself, for people who look at the domain from another node; nothing but an
 * enrolment token's end is decided by it (docs/formats.md section 23.7). One row for each node, in table 64,
 * authentic by its MAC. Store thread. */
#ifndef COFFER_DOMAIN_SIGN_ROW_H
#define COFFER_DOMAIN_SIGN_ROW_H

#include <stdbool.h>

#include "base/err.h"
#include "keyring/ring.h"
#include "store/store.h"

#define SIGN_PREFIX "sign"
#define SIGN_ID_LEN (sizeof SIGN_PREFIX - 1 + UUID_LEN) /* bytes */
#define SIGN_VERSION_MAX 32u                            /* printable ASCII characters */
#define SIGN_BODY_MAX (80u + SIGN_VERSION_MAX + 32u)    /* bytes */

enum sign_role { SIGN_MASTER = 1, SIGN_STANDBY = 2, SIGN_MEMBER = 3 };

/* Of a node's cache of the database; NONE: it keeps none. */
enum sign_cache { SIGN_CACHE_NONE = 0, SIGN_CACHE_BROKEN = 1, SIGN_CACHE_WRITING = 2, SIGN_CACHE_READY = 3 };

/* What a node knows of the others' changes, and keeps for the time without the database. */
struct sign_view {
	uint64_t lag_ms; /* since it last read what the others changed */
	enum sign_cache cache;
	uint64_t rows, bytes, limit, pinned; /* of the cache */
};

struct node_sign {
	uint8_t node_id[UUID_LEN];
	uint32_t count;                      /* write count of the row; 0: there is none */
	uint64_t written_ms;                 /* wall clock of the node */
	uint32_t generation;                 /* newest data key that it has */
	uint64_t epoch;                      /* of the lease, as it saw it last */
	enum sign_role role;                 /* what it holds itself for */
	bool token_well;
	uint64_t date_ms;                    /* the time by which the node judges dates; 0: the row does not have it (below LEVEL_SIGN_DATE) */
	bool has_view;                       /* from LEVEL_SIGN_VIEW on; needs a date */
	struct sign_view view;
	char version[SIGN_VERSION_MAX + 1];  /* of the program */
};

/* The id of a node's row. */
void sign_id(const uint8_t node_id[static UUID_LEN], uint8_t out[static SIGN_ID_LEN]);
/* The row of a sign whose count is not 0, under the ring's newest generation; row's views point into body and static storage. ERR_SEALED: an empty ring; ERR_FIELD, ERR_MEMORY, ERR_CRYPTO. */
enum coffer_err sign_to_row(struct ring *ring, const struct node_sign *sign, struct store_row *row, uint8_t body[static SIGN_BODY_MAX]) MUST_USE;
/* ERR_CORRUPT: malformed, or its MAC is another; ERR_VERSION: a newer program wrote it; ERR_NOT_FOUND: the ring lacks its generation. *out is untouched then. */
enum coffer_err sign_from_row(struct ring *ring, const struct store_row *row, struct node_sign *out) MUST_USE;

#endif
