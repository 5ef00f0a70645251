/* Tokens of a fixture, opened: the test fails, with the backend's sentence, when one does not open. Closed by the caller. */
#ifndef COFFER_TESTS_CONTRACT_TOKEN_OPENED_H
#define COFFER_TESTS_CONTRACT_TOKEN_OPENED_H

#include "contract/token/fixture.h"
#include "token/token.h"

struct token *open_token(const struct fixture *f);
/* With its master secret made. */
struct token *open_provisioned(const struct fixture *f, struct token_binding *binding);
/* With the master secret that binding names. */
struct token *open_attached(const struct fixture *f, const struct token_binding *binding);

#endif
