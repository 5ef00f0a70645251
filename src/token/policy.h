/* What a token's wrapped data keys are bound to besides the token itself, and how that changes: a table beside struct token_ops. The same rules:
 * one thread, no deadline, no repetition that costs a PIN try. */
#ifndef COFFER_TOKEN_POLICY_H
#define COFFER_TOKEN_POLICY_H

#include "token/token.h"

#define TOKEN_CHANGES_MAX 1024u /* bytes of what a reseal asks for */
#define TOKEN_PIN_MAX_LEN 255u  /* bytes */

enum token_boot {
	TOKEN_BOOT_OPENS,   /* as the machine is now, its next start opens the data key */
	TOKEN_BOOT_CLOSED,  /* it does not */
	TOKEN_BOOT_UNKNOWN  /* this kind of token cannot tell */
};

/* For people; printable text. */
struct token_policy_status {
	enum token_boot boot;
	char policy[256];          /* "PCRs sha256:0,7, 2 sets of values; PIN from file:/x"; "none" */
	char pcrs[256];            /* "0 as bound, 7 differs"; "" without PCRs */
	char sentence[REASON_MAX]; /* why the next start does not open it, and what to do; "" when it does */
	char warning[256];         /* "" or what weakens the policy */
};

struct token_policy_made {
	struct token_binding binding;
	char uri[TOKEN_URI_MAX + 1];
};

struct token_policy_ops {
	/* Attached only, and so are all the others. */
	enum coffer_err (*status)(struct token *t, struct token_policy_status *out, struct reason *reason);
	/* The binding and URI after a change; nothing lasting is made, but for a PIN that the token keeps itself (then the
	 * binding is the one of before). changes: "name=value&…", as in the token's URI; pin: the new PIN, or NULL. The new
	 * policy is proved to open now. */
	enum coffer_err (*make)(struct token *t, const char *changes, const struct secret *pin, struct token_policy_made *out,
		struct reason *reason);
	/* Wraps for a binding of the same master secret that is not the present one. */
	enum coffer_err (*wrap)(struct token *t, const struct token_binding *under, const struct secret *plain, struct buf *out,
		struct reason *reason);
	/* Goes on with what `make` gave, once it is written down. */
	enum coffer_err (*adopt)(struct token *t, const struct token_policy_made *made, struct reason *reason);
};

extern const struct token_policy_ops token_policy_backend;

#endif
