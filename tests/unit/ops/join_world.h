/* Two nodes over one store, as operations see them: the founder, which is master server, and one that joins. No daemon. */
#ifndef COFFER_TESTS_OPS_JOIN_WORLD_H
#define COFFER_TESTS_OPS_JOIN_WORLD_H

#include "keyring/domain.h"
#include "unit/ops/founded.h"

struct join_world {
	struct founded *a, *b; /* the founder, and who joins */
	char domain[DOMAIN_FINGERPRINT_TEXT];
};

extern int join_fail_at; /* the joining node's token's call that fails; 0: none */

void join_open(struct join_world *w);
void join_close(struct join_world *w);

/* Node Join, with what is not NULL. */
struct join_ask { const char *domain, *token, *name, *answer, *enrolment; bool anew, endorsement; };
struct join_said { char state[16], print[DOMAIN_FINGERPRINT_TEXT], node[UUID_TEXT_LEN + 1], why[512]; };
enum coffer_err join_ask(struct join_world *w, const struct join_ask *wish, struct join_said *out);
/* Node Approve; out->why where it is refused. */
enum coffer_err join_approve(struct join_world *w, const char *print, char answer_print[static DOMAIN_FINGERPRINT_TEXT], struct join_said *out);
void join_approve_well(struct join_world *w, const char *print);
/* As after the process was killed: what is in memory is gone. */
void join_kill(struct join_world *w);
void join_expect_member(struct join_world *w);

#endif
