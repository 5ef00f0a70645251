/* "This transaction may act as master server": the lease, read and written inside transactions of the store (docs/formats.md sections 23.2 and 23.4).
 * Store thread. Everything here runs inside a transaction that the caller began, and counts when the caller's commit is known to be there (domain/settle.h).
 *
 * Whatever only the master server may write:
 *     TRY(store_begin(store, reason));
 *     err = fence_check(store, ring, role_mine(&role), reason);
 *     … writes …
 *     TRY(store_commit(store, reason));
 * A row that is held (store_hold) is written by nobody else until the transaction ends: so a fenced write stands before the next holder's taking or not at all. */
#ifndef COFFER_DOMAIN_FENCE_H
#define COFFER_DOMAIN_FENCE_H

#include "base/reason.h"
#include "domain/lease_row.h"

/* The lease as it is; version 0: there is none yet. Also outside of a transaction. ERR_CORRUPT: no lease of this domain, or one under an older data key than
 * this node has (who was removed still has that); ERR_NOT_FOUND: under a newer one, which this node has to fetch first; ERR_VERSION; errors of the store. */
enum coffer_err lease_look(struct store *store, struct ring *ring, struct lease *out) MUST_USE;

/* Refuses unless the lease is the very write that this process made last (`mine`: node, epoch, life, MAC), and this node may write.
 * ERR_STATE: another node is master server, or this node was since; ERR_DENIED: removed; ERR_EXISTS: there are two of it; ERR_BUSY: the transaction is to be run
 * again; ERR_CORRUPT; errors of the store. Any error: roll back. */
enum coffer_err fence_check(struct store *store, struct ring *ring, const struct lease *mine, struct reason *reason) MUST_USE;
/* Refuses unless this node is a member of the domain and there is one of it: for every transaction that writes, the master server's or not. ERR_DENIED, ERR_EXISTS, ERR_BUSY. */
enum coffer_err fence_member(struct store *store, struct ring *ring, struct reason *reason) MUST_USE;

/* Writes the lease: takes, renews or gives back. next: all of it but version and generation, which are set. The row must be the very write `expect` (version 0:
 * none there), else ERR_STATE and *out_found is what is there. ERR_DENIED, ERR_EXISTS as above; ERR_LIMIT: the write count is used up. */
enum coffer_err lease_write(struct store *store, struct ring *ring, const struct lease *expect, struct lease *next, struct lease *out_found,
	struct reason *reason) MUST_USE;

/* Notes that there are two of this node, so that the other one stops with its next write too. Fine when it is noted already. */
enum coffer_err fence_note_twin(struct store *store, struct ring *ring) MUST_USE;
/* Whether the row of table 64 is such a note, and of whom. */
bool fence_twin_of(const struct store_row *row, uint8_t out_node_id[static UUID_LEN]);
/* An administrator says which of the two goes on: takes the note away. Fine when there is none. */
enum coffer_err fence_clear_twin(struct store *store, const uint8_t node_id[static UUID_LEN]) MUST_USE;

#endif
