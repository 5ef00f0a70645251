/* What the token signs of the audit log, and the record that says so (docs/formats.md section 20.6). Plain values; any thread; no secret. */
#ifndef COFFER_AUDIT_WITNESS_H
#define COFFER_AUDIT_WITNESS_H

#include "audit/digest.h"
#include "audit/event.h"

#define AUDIT_WITNESS_PUBLIC_LEN 65u    /* ECDSA P-256: 0x04, X, Y */
#define AUDIT_WITNESS_SIGNATURE_LEN 64u /* r, s */
#define AUDIT_WITNESS_BEHIND 16384u     /* records between the place and the record at most */
#define AUDIT_WITNESS_TEXT 768u         /* bytes of the record's details, with NUL */

struct audit_witness {
	struct audit_place at;
	uint64_t time_ms;
	uint8_t public_key[AUDIT_WITNESS_PUBLIC_LEN];
	uint8_t signature[AUDIT_WITNESS_SIGNATURE_LEN];
};

/* What is signed: at->seq, link, digest and time_ms are set. */
enum coffer_err audit_witness_digest(const struct domain_id *domain, const struct audit_witness *witness, uint8_t out[static 32]) MUST_USE;
/* ERR_CORRUPT: the signature is not one of the key that the witness names. ERR_MEMORY. */
enum coffer_err audit_witness_verify(const struct domain_id *domain, const struct audit_witness *witness) MUST_USE;
/* The first 20 bytes of its digest: what people compare, written as a domain's fingerprint. */
enum coffer_err audit_witness_fingerprint(const uint8_t public_key[static AUDIT_WITNESS_PUBLIC_LEN], uint8_t out[static DOMAIN_FINGERPRINT_LEN]) MUST_USE;

/* Details of the record. */
void audit_witness_write(const struct audit_witness *witness, char out[static AUDIT_WITNESS_TEXT]);
/* Whether the record is one of the daemon's own of this form at all. */
bool audit_witness_is(const struct audit_event *event);
/* ERR_CORRUPT: it is, and not the one way to write it. */
enum coffer_err audit_witness_read(const struct audit_event *event, struct audit_witness *out) MUST_USE;

#endif
