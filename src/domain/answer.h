/* What the master server wraps for a node: the answer to a request to join, and later generations (docs/formats.md section 23.3). The node's side opens through its
 * token. Store thread, or any other that owns the ring. */
#ifndef COFFER_DOMAIN_ANSWER_H
#define COFFER_DOMAIN_ANSWER_H

#include "crypto/hpke.h"
#include "domain/admission.h"
#include "keyring/ring.h"

#define ANSWER_GENERATIONS_MAX 16u
#define ANSWER_ROOTS_MAX 128u

/* How far a node's root was when the answer was made: a floor for who has no memory of his own. */
struct answer_root {
	uint8_t node_id[UUID_LEN];
	uint64_t version;
};

struct answer_plan {
	struct ring *ring;                /* all its generations are wrapped */
	const struct secret *domain_seed;
	uint64_t epoch;
	const struct answer_root *roots;  /* rising by node id, none doubled */
	size_t root_count;
	const struct secret *enrolment_key; /* NULL: the request has no such evidence */
};

/* Appends the answer to a request that was judged and approved. ERR_LIMIT: too many generations or nodes, with the sentence. */
enum coffer_err answer_make(const struct answer_plan *plan, struct view request, struct buf *out, struct reason *reason) MUST_USE;
/* What operators on both sides may compare: 20 bytes over the whole answer. */
enum coffer_err answer_fingerprint(struct view answer, uint8_t out[static DOMAIN_FINGERPRINT_LEN]) MUST_USE;

/* The Diffie-Hellman of this node's transport key (a token), and its public half. */
struct answer_key {
	hpke_dh_fn *dh;
	void *arg;
	const uint8_t *public_key; /* HPKE_PUBLIC_LEN bytes */
};

struct answer_opened {
	uint64_t epoch;
	size_t generation_count;
	struct {
		uint32_t generation;
		uint8_t signature[DOMAIN_SIGNATURE_LEN]; /* for the slot row */
	} generations[ANSWER_GENERATIONS_MAX];
	size_t root_count;
	struct answer_root roots[ANSWER_ROOTS_MAX];
};

/* The new node's side. request: its own, as it was written down. `ring` is empty and of the domain whose card was taken (domain id, public key, this node's id). Form,
 * public key, signature and MAC come before the token is asked; each key's check and generation signature before it enters the ring. On failure the ring is empty.
 * Every refusal has a sentence of its own: ERR_CORRUPT (form), ERR_VERSION, ERR_CONTEXT (not for this request, of another domain, does not open), and the token's. */
enum coffer_err answer_open(struct ring *ring, struct view request, const struct secret *enrolment_key, const struct answer_key *key, struct view answer,
	struct answer_opened *out, struct reason *reason) MUST_USE;

/* ---- later generations: table 67 ---- */

#define REFRESH_LEN (1u + 32u + DOMAIN_SIGNATURE_LEN + HPKE_ENC_LEN + DATA_KEY_LEN + HPKE_TAG_LEN + 8u + 32u)

/* Appends the body of the row that hands `generation` (in the ring, as the one before it is) to a member. ERR_NOT_FOUND: the ring lacks one of the two. */
enum coffer_err refresh_make(struct ring *ring, const struct secret *domain_seed, const uint8_t node_id[static UUID_LEN],
	const uint8_t transport_key[static HPKE_PUBLIC_LEN], uint32_t generation, uint64_t epoch, struct buf *out) MUST_USE;

struct refresh_opened {
	uint64_t epoch;
	struct secret *key; /* the caller's to free, and to put into the ring once its slot is durable */
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
};

/* The member's side: `generation` must be the one behind the newest of its ring, and the MAC of that one is checked before the token is asked. ERR_STATE: another generation
 * than the next; else as answer_open. */
enum coffer_err refresh_open(struct ring *ring, uint32_t generation, const struct answer_key *key, struct view body, struct refresh_opened *out,
	struct reason *reason) MUST_USE;

#endif
