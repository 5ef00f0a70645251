/* The file of signed PCR values that a firmware update brings along (docs/formats.md section 18.3):
 *
 *   "CFRS" | 1 u8 | bank u8 | selection u24 | curve u8 | point | LP16(policy ref) | n u8 | n × entry | checksum (8)
 *   entry = values | signature over the SHA-256 policy | signature over the SHA-384 policy
 *
 * Reading checks the form and the point; the signatures are for the TPM to check (pcr_file_verify does so here, for tools). */
#ifndef COFFER_TOKEN_PCR_FILE_H
#define COFFER_TOKEN_PCR_FILE_H

#include "base/buf.h"
#include "base/secret.h"
#include "crypto/ecdsa.h"
#include "token/pcr.h"

#define PCR_FILE_MAX 65536u   /* bytes */
#define PCR_FILE_ENTRIES 16u
#define PCR_REF_MAX 32u       /* bytes of a policy ref: printable ASCII */

struct pcr_file_entry {
	struct pcr_values values;
	uint8_t signature[2][ECDSA_SIGNATURE_MAX]; /* over the policy by SHA-256, by SHA-384 */
};

struct pcr_file {
	struct pcr_selection selection;
	struct ecdsa_public key;
	char ref[PCR_REF_MAX + 1];
	unsigned count;
	struct pcr_file_entry entries[PCR_FILE_ENTRIES];
};

/* ERR_CORRUPT, ERR_VERSION. */
enum coffer_err pcr_file_decode(struct view bytes, struct pcr_file *out) MUST_USE;
/* Appends; ERR_FIELD: no entry, or a ref that is none. */
enum coffer_err pcr_file_encode(const struct pcr_file *file, struct buf *out) MUST_USE;
/* 0 to PCR_REF_MAX bytes of printable ASCII. */
bool pcr_ref_is_sound(struct view ref);
/* One more image, signed with the private key of a PEM file whose public half is file->key. ERR_LIMIT: PCR_FILE_ENTRIES are there;
 * ERR_FIELD: another selection. */
enum coffer_err pcr_file_add(struct pcr_file *file, const struct pcr_values *values, const struct secret *pem) MUST_USE;
/* ERR_CORRUPT: a signature is not the key's. */
enum coffer_err pcr_file_verify(const struct pcr_file *file) MUST_USE;
/* What an entry's signature for policies by `hash` (SHA-256 or SHA-384) is over; out_policy, out_digest: HASH_LEN_MAX bytes. The digest is by
 * ecdsa_hash of the key. */
enum coffer_err pcr_file_digest(const struct pcr_file *file, unsigned entry, enum hash_algorithm hash, uint8_t *out_policy,
	uint8_t *out_digest) MUST_USE;
struct view pcr_file_signature(const struct pcr_file *file, unsigned entry, enum hash_algorithm hash); /* borrowed */

#endif
