/* What the token contract suite needs of a backend: tokens to test with. One implementation per backend: fixture_tpm.c
 * starts swtpm, fixture_p11.c makes SoftHSM tokens. A fixture that cannot be made aborts the test program. */
#ifndef COFFER_TESTS_CONTRACT_TOKEN_FIXTURE_H
#define COFFER_TESTS_CONTRACT_TOKEN_FIXTURE_H

#include <stddef.h>

struct fixture;

/* A token of its own, without a master secret, ready to be opened. Several may exist at a time. Caller frees. */
struct fixture *fixture_new(void);
/* Ends it and removes every trace; accepts NULL. */
void fixture_free(struct fixture *f);
/* The token URI: borrowed from f. */
const char *fixture_uri(const struct fixture *f);
/* Power off and on again, where the token can do that; nothing is open. */
void fixture_restart(struct fixture *f);
/* The token goes away (pulled out, powered off), also while it is open; and is there again, as it was. */
void fixture_vanish(struct fixture *f);
void fixture_return(struct fixture *f);
/* The master secret is removed by somebody else, while nothing is open; and another one is put in its place, under its name. */
void fixture_remove_master(struct fixture *f);
void fixture_replace_master(struct fixture *f);
/* A URI of this backend that is well formed and names a token that is not there: static storage. */
const char *fixture_uri_absent(void);
/* How many transient objects and sessions the token holds though nothing has it open (0 where it cannot hold any). */
size_t fixture_residue(struct fixture *f);

#endif
