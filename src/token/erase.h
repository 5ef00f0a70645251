/* Optional calls of a token, beside struct token_ops: destroying the master secret (docs/formats.md section 22.2). */
#ifndef COFFER_TOKEN_ERASE_H
#define COFFER_TOKEN_ERASE_H

#include "token/token.h"

struct token_erase_ops {
	/* Destroys the master secret that the token is attached to, and looks for it again. Afterwards the token is not attached. ERR_TOKEN_REFUSED: the token
	 * does not destroy it; the sentence says how an operator does. ERR_TOKEN: it says that it did, and still shows it. Nothing is retried. */
	enum coffer_err (*erase)(struct token *t, struct reason *reason);
};

/* The one backend linked into this program. */
extern const struct token_erase_ops token_erase_backend;

#endif
