/* TPMs that may join by their endorsement certificate: those that administrators listed, each for one node (docs/formats.md section 23.3). No authority is believed: what counts is the digest of the
 * certificate, and that the TPM with its key gives out what was made for it and for the transport key of the request. */
#ifndef COFFER_DOMAIN_ENDORSEMENT_H
#define COFFER_DOMAIN_ENDORSEMENT_H

#include "crypto/credential.h"
#include "domain/admission.h"
#include "keyring/ring.h"
#include "store/store.h"

#define ENDORSEMENT_DIGEST_LEN 32u
#define ENDORSEMENT_DIGEST_TEXT (2u * ENDORSEMENT_DIGEST_LEN + 1u) /* lower-case hex with NUL */
#define ENDORSEMENTS_MAX 256u /* that the domain keeps */
#define ENDORSEMENT_PRINCIPAL_MAX 1024u

/* ---- the list ---- */

struct endorsement {
	uint8_t digest[ENDORSEMENT_DIGEST_LEN]; /* SHA-256 of the certificate, DER */
	uint64_t listed_ms;
	char principal[ENDORSEMENT_PRINCIPAL_MAX + 1]; /* who listed it */
	char name[ADMISSION_NAME_MAX + 1];      /* for people; printable, at least one byte */
	bool used;
	uint8_t used_by[UUID_LEN];              /* the node that it admitted */
};

/* Inside a transaction. ERR_FIELD: what no reader takes. */
enum coffer_err endorsement_put(struct store *store, struct ring *ring, const struct endorsement *e) MUST_USE;
/* ERR_NOT_FOUND, ERR_CORRUPT, ERR_VERSION. */
enum coffer_err endorsement_get(struct store *store, struct ring *ring, const uint8_t digest[static ENDORSEMENT_DIGEST_LEN], struct endorsement *out) MUST_USE;
/* Inside a transaction; none there is no error. */
enum coffer_err endorsement_erase(struct store *store, const uint8_t digest[static ENDORSEMENT_DIGEST_LEN]) MUST_USE;
/* Each in order of its digest, at most ENDORSEMENTS_MAX; what fn returns ends it. One that does not open ends it too, with its error. fn may not call the store. */
typedef enum coffer_err endorsement_fn(void *arg, const struct endorsement *e);
enum coffer_err endorsement_each(struct store *store, struct ring *ring, endorsement_fn *fn, void *arg) MUST_USE;
/* Inside a transaction: erases each that admitted nobody yet, and counts them; maker: a principal, of those that he listed alone; NULL: of all. Errors of the records, and nothing may be committed. */
enum coffer_err endorsement_erase_open(struct store *store, struct ring *ring, const char *maker, unsigned *out) MUST_USE;

/* ---- evidence ---- */

/* Whether a TPM's public area is a transport key that no other TPM can have, and the one of this point; its Name. ERR_FIELD. */
enum coffer_err endorsement_area(struct view area, const uint8_t point[static HPKE_PUBLIC_LEN], uint8_t out_name[static CREDENTIAL_NAME_LEN]) MUST_USE;
/* The entry of the request's certificate, when it may admit this node. Refusals have a sentence: ERR_NOT_FOUND (not listed), ERR_STATE (it admitted another node), ERR_FIELD (public area, kind of token). */
enum coffer_err endorsement_check(struct store *store, struct ring *ring, const struct admission_request *request, struct endorsement *out, struct reason *reason) MUST_USE;
/* Appends the challenge for a request that was checked. digest: its Q. ERR_UNSUPPORTED, ERR_CORRUPT with a sentence: the certificate cannot be used. */
enum coffer_err endorsement_challenge(struct ring *ring, const struct admission_request *request, const uint8_t digest[static ADMISSION_DIGEST_LEN], struct buf *out,
	struct reason *reason) MUST_USE;
/* Whether the row's proof answers a challenge of the ring's newest generation. *out_stale: it does not, but its challenge is of another one by its own word: to be challenged anew (a removed node has the
 * older ones). ERR_CONTEXT with a sentence: it does not. */
enum coffer_err endorsement_check_proof(struct ring *ring, const uint8_t digest[static ADMISSION_DIGEST_LEN], struct view challenge, struct view proof, bool *out_stale,
	struct reason *reason) MUST_USE;

/* ---- the new node's part ---- */

struct endorsement_asked {
	uint32_t generation;    /* whose subkey made the secret, by the word of who wrote it */
	struct view blob, seed; /* borrowed from the challenge */
};

/* ERR_CORRUPT. */
enum coffer_err endorsement_challenge_read(struct view challenge, struct endorsement_asked *out) MUST_USE;
/* secret: what the TPM gave out. */
enum coffer_err endorsement_proof(const struct secret *secret, const uint8_t digest[static ADMISSION_DIGEST_LEN], uint8_t out[static ADMISSION_PROOF_LEN]) MUST_USE;

#endif
