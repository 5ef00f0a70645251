/* What identifies a domain, and the public half of its key pair (docs/formats.md section 2.3). Plain values. */
#ifndef COFFER_KEYRING_DOMAIN_H
#define COFFER_KEYRING_DOMAIN_H

#include <stdint.h>

#include "base/text.h"

#define DOMAIN_PUBLIC_LEN 32u       /* Ed25519 */
#define DOMAIN_FINGERPRINT_LEN 20u  /* bytes */
#define DOMAIN_FINGERPRINT_TEXT 40u /* characters with NUL: 8 groups of 4 joined by '-' */
#define DOMAIN_SIGNATURE_LEN 64u

struct domain_id {
	uint8_t id[UUID_LEN];                     /* random */
	uint8_t node_id[UUID_LEN];                /* this node's, random */
	uint8_t public_key[DOMAIN_PUBLIC_LEN];    /* pinned in the identity file */
};

enum coffer_err domain_fingerprint(const struct domain_id *domain, uint8_t out[static DOMAIN_FINGERPRINT_LEN]) MUST_USE;
/* Whose an object in a token is: SHA-256(T(label) domain id (16) node id (16)), 32 bytes. Any thread. */
enum coffer_err domain_owner(const struct domain_id *domain, const char *label, uint8_t out[static 32]) MUST_USE;
/* "not computed: " and why ("memory is short", or the name of the error) when it cannot be made now. */
void domain_fingerprint_text(const struct domain_id *domain, char out[static DOMAIN_FINGERPRINT_TEXT]);
/* The text of a fingerprint that came from elsewhere (a share). */
void domain_fingerprint_format(const uint8_t fingerprint[static DOMAIN_FINGERPRINT_LEN],
	char out[static DOMAIN_FINGERPRINT_TEXT]);

#endif
