/* The chain of digests, which needs no key, and the messages that the domain key signs over it (docs/formats.md sections 20.1 and 20.2). Plain
 * values; any thread; no secret. Where a node's audit log is checked without the node. */
#ifndef COFFER_AUDIT_DIGEST_H
#define COFFER_AUDIT_DIGEST_H

#include <stdint.h>

#include "base/writer.h"
#include "keyring/domain.h"

#define AUDIT_LINK_LEN 32u
#define AUDIT_DIGEST_LEN 32u
#define AUDIT_WHY_MAX 200u      /* bytes of a gap's sentence */
#define AUDIT_SIGNED_MAX 512u   /* bytes of a message that is signed */

/* A place in the chain: the newest record so far. */
struct audit_place {
	uint64_t seq;
	uint8_t link[AUDIT_LINK_LEN];
	uint8_t digest[AUDIT_DIGEST_LEN];
};

/* What a record adds to its place. */
struct audit_links {
	uint32_t generation;
	uint8_t link[AUDIT_LINK_LEN];
	uint8_t digest[AUDIT_DIGEST_LEN];
};

struct audit_checkpoint {
	struct audit_place at;
	uint64_t time_ms;
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
};

struct audit_gap {
	uint64_t from;
	uint8_t before[AUDIT_DIGEST_LEN]; /* digest in front of `from` */
	struct audit_place to;
	uint64_t time_ms;
	struct view why;                  /* borrowed, at most AUDIT_WHY_MAX bytes */
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
};

/* Link 0. */
enum coffer_err audit_genesis(const struct domain_id *domain, uint8_t out[static AUDIT_LINK_LEN]) MUST_USE;
/* The digest that stands for a place whose row has none: the beginning, and rows of schema 1. */
enum coffer_err audit_digest_base(const struct domain_id *domain, uint64_t seq, const uint8_t link[static AUDIT_LINK_LEN],
	uint8_t out[static AUDIT_DIGEST_LEN]) MUST_USE;
/* The place in front of record 1. */
enum coffer_err audit_place_begin(const struct domain_id *domain, struct audit_place *out) MUST_USE;
/* row: its bytes (section 8). out may be previous. */
enum coffer_err audit_digest_next(const uint8_t previous[static AUDIT_DIGEST_LEN], uint32_t generation, const uint8_t link[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_DIGEST_LEN]) MUST_USE;

/* The messages under the signatures; w has room for AUDIT_SIGNED_MAX bytes. */
void audit_checkpoint_message(const struct domain_id *domain, const struct audit_checkpoint *checkpoint, struct writer *w);
void audit_gap_message(const struct domain_id *domain, const struct audit_gap *gap, struct writer *w);
/* ERR_CORRUPT: not signed by domain->public_key. ERR_MEMORY. */
enum coffer_err audit_checkpoint_verify(const struct domain_id *domain, const struct audit_checkpoint *checkpoint) MUST_USE;
enum coffer_err audit_gap_verify(const struct domain_id *domain, const struct audit_gap *gap) MUST_USE;

#endif
