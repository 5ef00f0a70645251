/* A PIN that a person gives at the start, in place of the URI's pin-source: an optional table of a backend, beside struct token_ops. */
#ifndef COFFER_TOKEN_LOGIN_H
#define COFFER_TOKEN_LOGIN_H

#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"

#define TOKEN_PIN_MAX 255u /* bytes */

struct token_login_ops {
	/* Takes *pin (moved) for the next open alone. NULL: this kind of token takes none. Before open; the thread that opens. */
	void (*take_pin)(struct secret **pin);
};

/* Of the one backend linked into this program. */
extern const struct token_login_ops token_login_backend;

#endif
