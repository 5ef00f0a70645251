/* One row of the audit chain as bytes, and its link (docs/formats.md section 8). Used by audit/ only. */
#ifndef COFFER_AUDIT_ROW_H
#define COFFER_AUDIT_ROW_H

#include "audit/digest.h"
#include "audit/event.h"
#include "base/buf.h"
#include "keyring/ring.h"
#include "store/store.h"

#define PRINCIPAL_TEXT_MAX 1024u
#define AUDIT_HEADER_OLD_LEN 37u /* schema 1: u8, link generation u32, link (32) */
#define AUDIT_HEADER_LEN 69u     /* schema 2: the same and digest (32) */
#define AUDIT_ID_LEN 24u     /* node id (16), seq u64 */

struct audit_header {
	uint32_t link_generation;
	uint8_t link[AUDIT_LINK_LEN];
	bool has_digest; /* false: a row of schema 1 */
	uint8_t digest[AUDIT_DIGEST_LEN];
};

enum coffer_err audit_row_encode(const struct domain_id *domain, const struct audit_event *event, struct buf *out) MUST_USE;
/* Views of *out borrow from `row`. ERR_CORRUPT when it is not a row of this node. */
enum coffer_err audit_row_decode(const struct domain_id *domain, struct view row, struct audit_event *out) MUST_USE;
enum coffer_err audit_header_decode(struct view header, struct audit_header *out) MUST_USE;
/* Always schema 2. */
void audit_header_encode(const struct audit_header *header, uint8_t out[static AUDIT_HEADER_LEN]);
/* The digest that the row has, or that stands for it. */
enum coffer_err audit_header_digest(const struct domain_id *domain, uint64_t seq, const struct audit_header *header,
	uint8_t out[static AUDIT_DIGEST_LEN]) MUST_USE;
/* ERR_CORRUPT: a header with a digest that is not the one of this row behind `previous`. *out: the row's digest. */
enum coffer_err audit_header_follow(const struct domain_id *domain, const uint8_t previous[static AUDIT_DIGEST_LEN], uint64_t seq,
	const struct audit_header *header, struct view row, uint8_t out[static AUDIT_DIGEST_LEN]) MUST_USE;
void audit_row_id(const struct domain_id *domain, uint64_t seq, uint8_t out[static AUDIT_ID_LEN]);
/* Sequence number of an id of this node; ERR_CORRUPT when it is another node's. */
enum coffer_err audit_row_seq(const struct domain_id *domain, const struct store_row *row, uint64_t *out) MUST_USE;
/* link n from link n-1 and the row's plaintext */
enum coffer_err audit_link(struct ring *ring, uint32_t generation, uint64_t seq, const uint8_t previous[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_LINK_LEN]) MUST_USE;
/* The same of a chain of this domain (docs/formats.md section 16.2), whichever node's. */
enum coffer_err audit_link_of(struct ring *ring, const struct domain_id *domain, uint32_t generation, uint64_t seq, const uint8_t previous[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_LINK_LEN]) MUST_USE;
/* The same of records that a node holds while its database does not answer (section 23.9). */
enum coffer_err audit_held_link(struct ring *ring, uint32_t generation, uint64_t number, const uint8_t previous[static AUDIT_LINK_LEN], struct view row,
	uint8_t out[static AUDIT_LINK_LEN]) MUST_USE;

#endif
