/* The lease: who is master server, and under which epoch; one row, authentic by its MAC (docs/formats.md section 23.2). Store thread. */
#ifndef COFFER_DOMAIN_LEASE_ROW_H
#define COFFER_DOMAIN_LEASE_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "keyring/ring.h"
#include "store/store.h"

#define LEASE_ID "lease"     /* of its row in STORE_LEASE */
#define LEASE_LIFE_LEN 16u   /* bytes, random */
#define LEASE_BODY_LEN 85u   /* bytes */
#define LEASE_HOLDS_MIN 100u /* milliseconds */
#define LEASE_HOLDS_MAX 3600000u

struct lease {
	uint32_t version;               /* write count of the row; 0: there is none */
	uint32_t generation;            /* data key of its MAC */
	bool held;                      /* false: its holder gave it back */
	uint8_t holder[UUID_LEN];       /* node id */
	uint64_t epoch;                 /* 1 and up; of the last taking */
	uint8_t life[LEASE_LIFE_LEN];   /* of this write: tells what this process wrote from what another one with its identity did */
	uint64_t taken_ms;              /* wall clock of the holder; for people alone */
	uint32_t holds_ms;              /* others wait so long after the last write that they saw */
};

/* The row of a lease whose version is not 0, under the ring's newest generation, which it sets; row's views point into body and static storage.
 * ERR_SEALED: an empty ring; ERR_FIELD, ERR_MEMORY, ERR_CRYPTO. */
enum coffer_err lease_to_row(struct ring *ring, struct lease *lease, struct store_row *row, uint8_t body[static LEASE_BODY_LEN]) MUST_USE;
/* ERR_CORRUPT: malformed, or its MAC is another; ERR_VERSION: a newer program wrote it; ERR_NOT_FOUND: the ring lacks its generation. *out is untouched then. */
enum coffer_err lease_from_row(struct ring *ring, const struct store_row *row, struct lease *out) MUST_USE;
/* Whether both are one and the same write. */
bool lease_is_same(const struct lease *a, const struct lease *b);

#endif
