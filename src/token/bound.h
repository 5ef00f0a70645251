/* What a binding says to a program that does not speak to its token. */
#ifndef COFFER_TOKEN_BOUND_H
#define COFFER_TOKEN_BOUND_H

#include "token/token.h"

/* Whether it is a TPM's whose wrapped data keys want a PIN (docs/formats.md section 18.2). One that cannot be read: no. Any thread. */
bool token_binding_wants_pin(const struct token_binding *binding);

#endif
