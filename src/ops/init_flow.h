/* Making a domain, in two requests. Init makes everything in memory and hands out the recovery shares; Init Confirm, with the proof that people
 * hold them, writes it down. Nothing lasts before that but the master secret in the token, which the next init adopts.
 * Admin lane, engine->admin_lock held by the caller. */
#ifndef COFFER_OPS_INIT_FLOW_H
#define COFFER_OPS_INIT_FLOW_H

#include "ops/engine.h"
#include "recovery/recovery.h"

#define INIT_ID_LEN 16u                         /* bytes */
#define INIT_LIFETIME_MS (10u * 60u * 1000u)    /* between Init and Init Confirm */

enum init_recovery { INIT_RECOVERY_SHARES = 1, INIT_RECOVERY_PASSPHRASE = 2, INIT_RECOVERY_NONE = 3 };

struct init_wish {
	char token_uri[TOKEN_URI_MAX + 1];
	enum init_recovery recovery;
	unsigned shares, threshold;      /* with shares */
	struct view passphrase;          /* with a passphrase; secret, borrowed */
	struct view pin;                 /* of the token, in place of its pin-source; empty: none; secret, borrowed */
};

/* A domain that is made but not yet written. */
struct init_pending {
	uint8_t init_id[INIT_ID_LEN];
	char owner[PRINCIPAL_MAX + 1];   /* who began it */
	uint64_t ends_mono_ms;
	enum init_recovery recovery;
	unsigned shares, threshold;
	struct identity identity;
	struct token_proxy *proxy;
	struct token_info info;
	struct ring *ring;               /* generation 1 */
	struct secret *seed;             /* private half of the domain key pair */
	uint8_t signature[DOMAIN_SIGNATURE_LEN]; /* of generation 1 */
	struct buf blob;                 /* the data key, wrapped by the token */
	struct store_row stanza;         /* unless without recovery */
	struct buf stanza_body;
	struct buf *texts;               /* `shares` of them: printed shares, until they are handed out */
};

/* ERR_EXISTS with the fingerprint when the node belongs to a domain. */
enum coffer_err init_check_new(struct engine *engine, struct reason *reason) MUST_USE;
/* Replaces a pending init of the same principal; another principal's is ERR_BUSY, but not to root. On ERR_OK engine->pending is the new one. */
enum coffer_err init_begin(struct engine *engine, const struct principal *principal, const struct init_wish *wish,
	struct reason *reason) MUST_USE;
/* The pending init with this id. ERR_NOT_FOUND: none, another principal's, or its time is over. Borrowed. */
enum coffer_err init_find(struct engine *engine, const struct principal *principal, struct view init_id, struct init_pending **out,
	struct reason *reason) MUST_USE;
/* ERR_MISSING, ERR_CORRUPT, ERR_AUTH …: which share or line is wrong; the pending init stays. */
enum coffer_err init_prove(const struct init_pending *pending, const struct view *proofs, unsigned count, struct reason *reason) MUST_USE;
/* Writes the domain and opens it (init_found.c). The pending init is gone afterwards, also on failure. */
enum coffer_err init_found(struct engine *engine, const struct principal *principal, struct reason *reason) MUST_USE;
/* Forgets the pending init; its token helper ends. Also when the process ends. */
void init_drop(struct engine *engine);
/* Wipes the printed shares once they are in the answer. */
void init_forget_texts(struct init_pending *pending);

#endif
