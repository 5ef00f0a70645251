/* Sealed records of the store: row binding, sealed body, index tokens (docs/formats.md sections 6 and 7). Store thread. */
#ifndef COFFER_KEYRING_RECORD_H
#define COFFER_KEYRING_RECORD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/reason.h"
#include "keyring/ring.h"
#include "store/store.h"

/* Appends R, the row binding, for `row` (header and index as in row; version, state, generation taken from it). */
enum coffer_err record_bind(const struct domain_id *domain, enum store_table table, const struct store_row *row,
	struct buf *out) MUST_USE;

/* Seals plain (at most 2,097,152 bytes) as the body of *row under the ring's newest generation: sets row->generation and
 * appends the body to *body (row->body then points into it). id, version, state, header and index of row must be final. */
enum coffer_err record_seal(struct ring *ring, enum store_table table, struct view plain, struct store_row *row,
	struct buf *body) MUST_USE;
/* Opens row's body into *plain (appended). ERR_CORRUPT when it does not open: an integrity fault, never "not found". */
enum coffer_err record_open(struct ring *ring, enum store_table table, const struct store_row *row,
	struct buf *plain) MUST_USE;

/* The same record under the ring's newest generation, one write on: header column and plaintext as they are, index column `index` (tokens of the newest
 * generation), or the row's own where it has no entries. Inside a transaction; row is not of the store's own memory. ERR_CORRUPT: it does not open. */
enum coffer_err record_reseal(struct store *store, struct ring *ring, enum store_table table, const struct store_row *row, struct view index) MUST_USE;

/* token = HMAC(index subkey of generation, table | index | LP(value)) */
enum coffer_err record_token(struct ring *ring, uint32_t generation, enum store_table table, uint8_t index,
	struct view value, uint8_t out[static STORE_TOKEN_LEN]) MUST_USE;

struct record_index_entry { uint8_t index; struct view value; };
/* Appends the index column for the entries: tokens under `generation`, sorted, doubles dropped. */
enum coffer_err record_index(struct ring *ring, uint32_t generation, enum store_table table,
	const struct record_index_entry *entries, size_t count, struct buf *out) MUST_USE;
/* Whether the index column holds (index, token). */
bool record_index_has(struct view index_column, uint8_t index, const uint8_t token[static STORE_TOKEN_LEN]);

#endif
