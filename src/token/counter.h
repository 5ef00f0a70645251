/* A number in the token that only goes up, beside struct token_ops: the anchor of the store (docs/formats.md section 19). A backend whose tokens cannot
 * count leaves the calls NULL; what is asked of it then is ERR_UNSUPPORTED. For a token that was told the binding, also where
 * attach then did not find the master secret: what the binding pins of the token itself must hold (else ERR_TOKEN_OTHER). ERR_STATE before; but for drop. Each call may be repeated. */
#ifndef COFFER_TOKEN_COUNTER_H
#define COFFER_TOKEN_COUNTER_H

#include "token/token.h"

#define TOKEN_COUNTER_REF_MAX 96u
#define TOKEN_COUNTER_PLACE 40u     /* bytes of a place with NUL */
#define TOKEN_COUNTER_OWNER_LEN 32u
#define TOKEN_COUNTER_AUTH_LEN 32u

/* Names one counter, for the backend that made it: kept under the store's seal. */
struct token_counter_ref {
	uint8_t data[TOKEN_COUNTER_REF_MAX];
	size_t len;                        /* 0: none */
	char place[TOKEN_COUNTER_PLACE];   /* for people: "NV index 0x01810C10" */
};

struct token_counter_wish {
	uint8_t owner[TOKEN_COUNTER_OWNER_LEN]; /* whose counter it is: stands in the token for everybody to read */
	struct view auth;                       /* TOKEN_COUNTER_AUTH_LEN bytes, the last one not zero; secret, borrowed */
	struct token_counter_ref ref;           /* read, raise; none: the owner's, wherever it is */
	uint64_t from;                          /* raise */
	bool replace;                           /* make: the owner's counters that do not take `auth` are removed */
};

enum token_counter_state {
	TOKEN_COUNTER_WELL = 1, /* it is there and takes the authorization value */
	TOKEN_COUNTER_NONE,     /* nothing is at the place; without a ref: the owner has none in this token */
	TOKEN_COUNTER_OTHER     /* another one is, or the owner has one that does not take the authorization value */
};

struct token_counter_answer {
	enum token_counter_state state;
	uint64_t value;               /* with WELL; 0: never raised yet */
	struct token_counter_ref ref; /* make */
};

typedef enum coffer_err token_counter_fn(struct token *t, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason);

struct token_counter_ops {
	/* Finds the owner's counter that takes `auth` (an earlier attempt) or makes one, and raises it once. OTHER: the owner has one that does not, and
	 * `replace` is not set. ERR_FULL: no place for one. */
	token_counter_fn *make;
	token_counter_fn *read;
	/* Raises it when it is at `from`; then says what it is. */
	token_counter_fn *raise;
	/* Removes every counter of the owner, whatever its authorization value, and looks again. Of the wish only `owner` counts; the token need not be attached, so that it is
	 * for who has destroyed the master secret. NONE. ERR_TOKEN: it says that it did, and still shows one. */
	token_counter_fn *drop;
};

/* Of the one backend linked into this program. */
extern const struct token_counter_ops token_counter_backend;

#endif
