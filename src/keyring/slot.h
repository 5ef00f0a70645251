/* Wrapped data keys: slot rows (docs/formats.md section 9.1). */
#ifndef COFFER_KEYRING_SLOT_H
#define COFFER_KEYRING_SLOT_H

#include "keyring/ring.h"
#include "store/store.h"
#include "token/token.h"

/* A slot row as read, fields checked for form only. Views borrow from the row. */
struct slot {
	uint8_t node_id[UUID_LEN];
	uint32_t generation;
	char kind[16];                 /* "tpm2", "pkcs11" */
	struct view master_secret_id;
	struct view mechanism;
	struct view blob;
	uint8_t key_check[32];
	uint64_t created_ms;
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
	struct view binding_data;
	uint8_t mac[32];
};

/* Builds the row (header, body with MAC) of a data key wrapped as `blob` by the master secret of `binding`. Header and
 * body are appended to *header and *body, and row's views point there. row->version is the write count to use; 0 counts
 * as 1 (a new row). The generation must be in the ring. */
enum coffer_err slot_make(struct ring *ring, uint32_t generation, const char *kind, const struct token_binding *binding,
	struct view blob, const uint8_t signature[static DOMAIN_SIGNATURE_LEN], uint64_t created_ms,
	struct store_row *row, struct buf *header, struct buf *body) MUST_USE;
enum coffer_err slot_parse(const struct store_row *row, struct slot *out, struct reason *reason) MUST_USE;
/* Before the token is used: kind, master secret, mechanism and details are those of the identity file. ERR_TOKEN_OTHER
 * names what differs. */
enum coffer_err slot_check_binding(const struct slot *slot, const char *kind, const struct token_binding *pinned,
	struct reason *reason) MUST_USE;
/* After the token unwrapped the blob: key check, generation signature under the pinned domain public key, MAC; only then
 * the key moves into the ring (*key becomes NULL). ERR_CORRUPT names which check failed. */
enum coffer_err slot_accept(struct ring *ring, const struct store_row *row, const struct slot *slot, struct secret **key,
	struct reason *reason) MUST_USE;
/* A slot row of a domain that is open already: its form and its MAC. ERR_CORRUPT, ERR_VERSION; ERR_NOT_FOUND: the ring lacks its generation. */
enum coffer_err slot_verify(struct ring *ring, const struct store_row *row) MUST_USE;

/* Whether a node has any slot row. Store thread. */
enum coffer_err slot_any(struct store *store, const uint8_t node_id[static UUID_LEN], bool *out) MUST_USE;

#endif
