/* Audit records of a node whose database does not answer: durable in a file of its own before what they tell of is acknowledged, and in the domain's log once when the database is back
 * (docs/formats.md section 23.9). Numbered and linked; the mark beside the node knows the newest number, and the database the last one that was moved there. Store thread. */
#ifndef COFFER_AUDIT_HELD_H
#define COFFER_AUDIT_HELD_H

#include "audit/event.h"
#include "keyring/root_mark.h"
#include "objects/txn.h"

#define AUDIT_HELD_LINK_LEN 32u

#define AUDIT_HELD_PREFIX "held-" /* of the record in the database, with the node id in 32 hex digits behind it; and what the ids in the file begin with */

struct audit_held;

/* rows: a store of its own, moved in unless memory is short (NULL). It holds at most so many records, and bytes of them. Caller frees. */
struct audit_held *audit_held_new(struct store *rows, uint64_t most_records, uint64_t most_bytes);
/* Accepts NULL. What was appended and not committed is gone. */
void audit_held_free(struct audit_held *h);

/* Reads all that is there and compares it with itself and the mark. ring and mark are borrowed until audit_held_detach. Any error: nothing can be appended until it was settled with the database.
 * ERR_NOT_FOUND: it was never begun; ERR_CORRUPT, with a sentence: records are missing, changed, or another node's; what opens of them is moved all the same. Errors of the store. */
enum coffer_err audit_held_attach(struct audit_held *h, struct ring *ring, struct root_mark *mark, struct reason *reason) MUST_USE;
void audit_held_detach(struct audit_held *h);
/* The same data keys, or more, in another ring. */
void audit_held_set_ring(struct audit_held *h, struct ring *ring);
bool audit_held_is_attached(const struct audit_held *h);
/* Whether records can be appended now. */
bool audit_held_is_ready(const struct audit_held *h);
/* How many records are durable here and not known to be in the database. */
uint64_t audit_held_waiting(const struct audit_held *h);
/* Attached, and there is something that audit_held_move has to do. */
bool audit_held_is_due(const struct audit_held *h);

/* Behind what was appended before; undone with txn (NULL: with nothing) until audit_held_commit. ERR_STATE: it is not ready; ERR_FULL: the limits. */
enum coffer_err audit_held_append(struct audit_held *h, struct txn *txn, const struct audit_event *event) MUST_USE;
/* What was appended is durable. Any error: it is not, or that is not known; what txn did not undo is dropped by audit_held_drop. */
enum coffer_err audit_held_commit(struct audit_held *h, struct reason *reason) MUST_USE;
void audit_held_drop(struct audit_held *h);

/* Up to where a transaction of the database has taken it. */
struct audit_held_place {
	uint64_t number;
	uint8_t link[AUDIT_HELD_LINK_LEN];
	bool all; /* there is nothing behind it */
};

/* One record with its own number and time; or, where lost is not 0: that many from event->seq on are missing or were changed, and the rest of *event says nothing. */
typedef enum coffer_err audit_held_fn(void *arg, const struct audit_event *event, uint64_t lost);
/* Inside a transaction of the database: the next records, at most so many, that it does not have yet, and in the same transaction up to where. Errors of either store and of fn. */
enum coffer_err audit_held_move(struct audit_held *h, struct txn *txn, size_t most, audit_held_fn *fn, void *arg, struct audit_held_place *out) MUST_USE;
/* That transaction is durable: what was moved leaves this file. An error: it leaves with the next one. */
enum coffer_err audit_held_moved(struct audit_held *h, const struct audit_held_place *to) MUST_USE;

#endif
