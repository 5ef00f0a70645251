/* The anchor's record: what the counter in this node's token must say (docs/formats.md section 19.2). Sealed in the store, one for each node. Store thread. */
#ifndef COFFER_KEYRING_ANCHOR_RECORD_H
#define COFFER_KEYRING_ANCHOR_RECORD_H

#include "base/reader.h"
#include "base/secret.h"
#include "base/writer.h"
#include "keyring/record.h"
#include "token/counter.h"

/* MOVING: being made in a token that the node came to, in the place of one from before if need be. LEFT: made, in a TPM that the node left for a token that cannot count. */
enum anchor_stage { ANCHOR_MAKING = 1, ANCHOR_MADE = 2, ANCHOR_MOVING = 3, ANCHOR_LEFT = 4 };

struct anchor_record {
	enum anchor_stage stage;
	struct secret *auth;          /* of the counter; owned */
	struct token_counter_ref ref; /* none while it is being made */
	uint64_t first, made_ms;      /* what it said when it was made, and when that was */
	uint64_t counter;             /* what it must say */
	uint64_t root_version;        /* of the transaction that wrote this */
	uint64_t time_ms;
	uint32_t overridden;          /* how often an administrator took a store that the counter refused */
	uint64_t overridden_ms, overridden_from, overridden_to;
	uint32_t row_version;         /* write count of the row; 0: there is none yet */
};

#define ANCHOR_RECORD_NONE ((struct anchor_record){ .auth = NULL })

/* Frees what it owns. */
void anchor_record_clear(struct anchor_record *record);
/* A new authorization value, in place of one that is there. ERR_MEMORY, ERR_CRYPTO. */
enum coffer_err anchor_record_new_auth(struct anchor_record *record) MUST_USE;
/* ERR_NOT_FOUND: none. ERR_CORRUPT, ERR_VERSION. Caller clears *out. */
enum coffer_err anchor_record_read(struct store *store, struct ring *ring, struct anchor_record *out) MUST_USE;
/* Whether the row of table 5 is the record of `domain`'s node. */
bool anchor_record_is(const struct domain_id *domain, const struct store_row *row);
/* That row as anchor_record_read takes it. ERR_CORRUPT, ERR_VERSION, ERR_MEMORY. Caller clears *out. */
enum coffer_err anchor_record_open(struct ring *ring, const struct store_row *row, struct anchor_record *out) MUST_USE;
/* Writes it in the transaction under way, as its row_version + 1, which it then is. */
enum coffer_err anchor_record_put(struct store *store, struct ring *ring, struct anchor_record *record) MUST_USE;
/* What names a counter, and lets it be read and raised: authorization value, reference and place, as they stand in the record. The caller clears *out, also after an error. */
enum coffer_err anchor_record_read_name(struct reader *r, struct anchor_record *out) MUST_USE;
void anchor_record_write_name(struct writer *w, const struct anchor_record *record);
/* Takes the record away, in the transaction under way. Fine when there is none. */
enum coffer_err anchor_record_erase(struct store *store, struct ring *ring) MUST_USE;

/* The owner digest: stands in the token, so that a counter of this node is known for one. ERR_MEMORY, ERR_CRYPTO. */
enum coffer_err anchor_owner(const struct domain_id *domain, uint8_t out[static TOKEN_COUNTER_OWNER_LEN]) MUST_USE;
/* What the token is asked with this record; borrows its auth. */
enum coffer_err anchor_wish(const struct domain_id *domain, const struct anchor_record *record, struct token_counter_wish *out) MUST_USE;

#endif
