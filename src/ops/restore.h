/* Restoring an archive onto a node without a domain (docs/formats.md section 16.2): upload, checks, then the last steps of domain_found. Admin lane, engine->admin_lock held by
 * the caller. */
#ifndef COFFER_OPS_RESTORE_H
#define COFFER_OPS_RESTORE_H

#include "archive/archive.h"
#include "ops/engine.h"

#define RESTORE_ID_LEN 16u
#define RESTORE_PIECE_MAX (256u * 1024u)
#define RESTORE_IDLE_MS (10u * 60u * 1000u)

/* Makes room for an upload of `size` bytes with that SHA-256; whatever was uploaded before is forgotten. ERR_EXISTS: the node belongs to a domain; ERR_BUSY: another principal's upload is under way. */
enum coffer_err restore_begin(struct engine *engine, const struct principal *principal, uint64_t size, const uint8_t sha256[static 32],
	uint8_t out_id[static RESTORE_ID_LEN], struct reason *reason) MUST_USE;
/* The bytes at `offset`, which is how many came so far. */
enum coffer_err restore_write(struct engine *engine, const struct principal *principal, struct view id, uint64_t offset, struct view bytes,
	struct reason *reason) MUST_USE;

struct restore_wish {
	const char *token_uri;
	const struct view *proofs;       /* texts of shares, or the passphrase; secret, borrowed */
	unsigned proof_count;
	bool passphrase;
	bool accept_older;               /* than what this node still knows */
	bool accept_damaged;             /* rows that do not open stay refused */
};

/* What the new node's token says of the archive's age, by the counter that the archive's node had in it. */
enum restore_counter {
	RESTORE_COUNTER_NONE,    /* it has none of that node, or cannot count: not known */
	RESTORE_COUNTER_SAME,    /* where the archive has it */
	RESTORE_COUNTER_BEHIND,  /* the token was set back: not known */
	RESTORE_COUNTER_AHEAD,   /* raised since */
	RESTORE_COUNTER_OTHER    /* one of that node that the archive does not know */
};

struct restore_result {
	struct archive_facts facts;
	struct token_info token;
	uint8_t node_id[UUID_LEN];       /* the new one */
	uint64_t limited;                /* objects with Usage Limits */
	uint64_t raised;                 /* keys whose GCM invocations were set ahead */
	uint64_t faults;                 /* accepted ones */
	uint64_t newer_by;               /* root versions that this node's mark is ahead of the archive; 0: none, or no mark */
	bool mark_known;                 /* there was one */
	bool mark_foreign;               /* there was one that the archive's keys do not open: whether it is newer nobody knows */
	enum restore_counter counter;
	uint64_t counter_ahead;          /* raises since the archive was made, with AHEAD */
	bool administrator;              /* the caller got a grant */
};

/* All checks, then the domain. The upload stays when the failure is one of shares, passphrase, token or a flag, so that the command may be given again. */
enum coffer_err restore_commit(struct engine *engine, const struct principal *principal, struct view id, const struct restore_wish *wish,
	struct restore_result *out, struct reason *reason) MUST_USE;
/* Forgets the upload. Also when the process ends. */
void restore_drop(struct engine *engine);
/* Removes what a crash left of an upload. */
void restore_sweep(const char *state_dir);

#endif
