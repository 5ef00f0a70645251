/* Recovery: the recovery key pair, its shares or passphrase, and the data keys wrapped for it (docs/formats.md section 10).
 * The private half is in the arena only while it is made or put together. Store thread, but for the prove functions (any
 * thread). */
#ifndef COFFER_RECOVERY_RECOVERY_H
#define COFFER_RECOVERY_RECOVERY_H

#include "keyring/ring.h"
#include "recovery/stanza.h"

#define RECOVERY_PASSPHRASE_MIN 8u     /* bytes, when it is set */
#define RECOVERY_PASSPHRASE_MAX 1024u  /* bytes, after one trailing newline is taken off */

/* What the sealed domain record "recovery" says. */
struct recovery_record {
	uint8_t key_id[RECOVERY_KEY_ID_LEN];
	uint32_t version; /* of the stanza's row; 0 (and a zero id): made with --no-recovery */
};

/* A new recovery key, split k of n, with every generation of the ring wrapped for it: fills *row (its body is appended
 * to *body) and appends the printed form of share x to texts[x - 1] (n empty buffers of the caller). ERR_FIELD: k, n
 * outside 1 <= k <= n <= 255; ERR_SEALED: an empty ring. */
enum coffer_err recovery_new_shares(const struct ring *ring, const struct secret *domain_seed, unsigned k, unsigned n,
	struct store_row *row, struct buf *body, struct buf *texts, struct reason *reason) MUST_USE;
/* The same with a passphrase in place of shares. A second or so of CPU time and 128 MiB. ERR_FIELD: length. */
enum coffer_err recovery_new_passphrase(const struct ring *ring, const struct secret *domain_seed, struct view passphrase,
	struct store_row *row, struct buf *body, struct reason *reason) MUST_USE;

/* Puts the private key together from the texts of shares and checks it against the public key. Each failure is one
 * sentence that names the sheet or the share: ERR_CORRUPT (mistyped line, mixed lines, not the share that was issued),
 * ERR_FOREIGN (another domain, another set), ERR_EXISTS (a share twice), ERR_MISSING (too few), ERR_STATE (a passphrase
 * is what it takes). The stanza was verified. Caller frees *out. */
enum coffer_err recovery_open_shares(const struct domain_id *domain, const struct stanza *stanza, const struct view *texts,
	unsigned count, struct secret **out, struct reason *reason) MUST_USE;
/* ERR_AUTH: the passphrase is another; ERR_STATE: shares are what it takes. Caller frees *out. */
enum coffer_err recovery_open_passphrase(const struct domain_id *domain, const struct stanza *stanza,
	struct view passphrase, struct secret **out, struct reason *reason) MUST_USE;
/* Opens wrap i with the private key: key check, then generation signature. Caller frees *out_key. ERR_CORRUPT. */
enum coffer_err recovery_unwrap(const struct domain_id *domain, const struct stanza *stanza, unsigned i,
	const struct secret *private_key, uint32_t *out_generation, struct secret **out_key, struct reason *reason) MUST_USE;

/* One share by itself, as recovery_open_shares would take it: the same errors but for ERR_EXISTS and ERR_MISSING. *out_x: its number. */
enum coffer_err recovery_check_share(const struct domain_id *domain, const struct stanza *stanza, struct view text, uint8_t *out_x,
	struct reason *reason) MUST_USE;
/* Every wrap into a new ring: all of them open, or nothing. Caller frees *out. ERR_CORRUPT. */
enum coffer_err recovery_open_ring(const struct domain_id *domain, const struct stanza *stanza, const struct secret *private_key,
	struct ring **out, struct reason *reason) MUST_USE;

/* What people call the shares of one split, or one passphrase: 8 hexadecimal digits of the set id, or of the recovery-key id. */
#define RECOVERY_SET_NAME 9u /* characters with NUL */
void recovery_set_name(const struct stanza *stanza, char out[static RECOVERY_SET_NAME]);

/* Proof that shares or passphrase are enough: the whole way from the row to the newest data key. */
enum coffer_err recovery_prove_shares(const struct domain_id *domain, const struct store_row *row, const struct view *texts,
	unsigned count, struct reason *reason) MUST_USE;
enum coffer_err recovery_prove_passphrase(const struct domain_id *domain, const struct store_row *row,
	struct view passphrase, struct reason *reason) MUST_USE;

/* Inside a transaction: writes a new stanza's row and the domain record, and erases the stanza that was in force, whose shares then open nothing here:
 * the transaction should want a scrub (objects/txn.h). */
enum coffer_err recovery_put(struct store *store, struct ring *ring, const struct secret *domain_seed,
	const struct store_row *row, struct reason *reason) MUST_USE;
/* When the recovery was proven last, and which. ERR_NOT_FOUND: never; ERR_CORRUPT. */
struct recovery_drill {
	uint64_t time_ms;
	uint8_t key_id[RECOVERY_KEY_ID_LEN];
	uint32_t row_version;
};
enum coffer_err recovery_get_drill(struct store *store, struct ring *ring, struct recovery_drill *out) MUST_USE;
/* Inside a transaction. */
enum coffer_err recovery_put_drill(struct store *store, struct ring *ring, uint64_t time_ms, const uint8_t key_id[static RECOVERY_KEY_ID_LEN]) MUST_USE;
/* Inside a transaction: the domain record of --no-recovery. ERR_EXISTS when the domain has a recovery key. */
enum coffer_err recovery_put_none(struct store *store, struct ring *ring) MUST_USE;
/* The domain record. ERR_NOT_FOUND: a domain that is being made. ERR_CORRUPT. */
enum coffer_err recovery_get(struct store *store, struct ring *ring, struct recovery_record *out) MUST_USE;
/* The current stanza, verified and equal to the domain record. Row and stanza point into *body (appended).
 * ERR_NOT_FOUND: --no-recovery; ERR_CORRUPT: an integrity fault that blocks rotation. */
enum coffer_err recovery_load(struct store *store, struct ring *ring, struct store_row *out_row, struct stanza *out,
	struct buf *body, struct reason *reason) MUST_USE;
/* Without a ring: the one stanza in force that verifies under the domain's public key, which the caller has pinned. Row and stanza point into *body
 * (cleared first). Whether it is the newest one is only known with the ring (recovery_load). ERR_NOT_FOUND: there is none; ERR_CORRUPT. */
enum coffer_err recovery_find(struct store *store, const struct domain_id *domain, struct store_row *out_row, struct stanza *out,
	struct buf *body, struct reason *reason) MUST_USE;
/* Inside a transaction: wraps a generation of the ring to the public half and writes stanza and domain record again.
 * Newer than all wraps so far, else ERR_EXISTS. ERR_NOT_FOUND: --no-recovery; ERR_LIMIT: STANZA_WRAPS_MAX. */
enum coffer_err recovery_add_generation(struct store *store, struct ring *ring, const struct secret *domain_seed,
	uint32_t generation, struct reason *reason) MUST_USE;
/* Inside a transaction: takes the wraps of generations below `first` out of the stanza in force and writes it and the domain record again, if there were any.
 * The wrap of `first` itself must be there. ERR_NOT_FOUND: --no-recovery; ERR_CORRUPT. */
enum coffer_err recovery_drop_generations(struct store *store, struct ring *ring, const struct secret *domain_seed, uint32_t first,
	struct reason *reason) MUST_USE;

#endif
