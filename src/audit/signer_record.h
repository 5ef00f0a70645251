/* The token's signing key as the node keeps it (docs/formats.md section 20.6). Sealed in the store, one for each node. Store thread. */
#ifndef COFFER_AUDIT_SIGNER_RECORD_H
#define COFFER_AUDIT_SIGNER_RECORD_H

#include "base/secret.h"
#include "keyring/record.h"
#include "token/sign.h"

struct signer_record {
	bool made;                    /* ref and public_key are there */
	struct secret *auth;          /* of a key in a TPM; owned */
	struct token_signer_ref ref;
	uint8_t public_key[TOKEN_SIGNER_PUBLIC_LEN];
	uint64_t signed_to, time_ms;  /* newest record that it signed, and when; 0: none */
	uint32_t row_version;         /* write count of the row; 0: there is none yet */
};

#define SIGNER_RECORD_NONE ((struct signer_record){ .auth = NULL })

/* Frees what it owns. */
void signer_record_clear(struct signer_record *record);
/* Forgets the key and makes a new authorization value; row_version stays. ERR_MEMORY, ERR_CRYPTO. */
enum coffer_err signer_record_begin(struct signer_record *record) MUST_USE;
/* ERR_NOT_FOUND: none. ERR_CORRUPT, ERR_VERSION. Caller clears *out. */
enum coffer_err signer_record_read(struct store *store, struct ring *ring, struct signer_record *out) MUST_USE;
/* Writes it in the transaction under way, as its row_version + 1, which it then is. */
enum coffer_err signer_record_put(struct store *store, struct ring *ring, struct signer_record *record) MUST_USE;
/* Whose key it is: stands in the token. ERR_MEMORY, ERR_CRYPTO. */
enum coffer_err signer_owner(const struct domain_id *domain, uint8_t out[static TOKEN_SIGNER_OWNER_LEN]) MUST_USE;

#endif
