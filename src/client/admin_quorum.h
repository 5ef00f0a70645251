/* Calls about acts that need two administrators. Conventions of admin.h. */
#ifndef COFFER_CLIENT_ADMIN_QUORUM_H
#define COFFER_CLIENT_ADMIN_QUORUM_H

#include <stdbool.h>

#include "client/include/coffer.h"

/* An act that waits; texts are borrowed for the call. approver: "" until somebody approved. */
struct admin_act { const char *id, *asker, *words, *approver; unsigned seconds_left; };

/* needed: 1 or 2. */
enum coffer_status admin_quorum_set(struct coffer *c, unsigned needed);
/* *out_needed = how many administrators the gravest acts need; fn (may be NULL) for each act that waits, oldest first. */
enum coffer_status admin_quorum_list(struct coffer *c, unsigned *out_needed, int (*fn)(void *arg, const struct admin_act *act), void *arg);
/* The second administrator's yes; fn is given the act that it was about. */
enum coffer_status admin_approve(struct coffer *c, const char *id, int (*fn)(void *arg, const struct admin_act *act), void *arg);

/* Destroys the master secret and everything that the node has of the domain with this fingerprint. *out_len = bytes of the JSON document in answer, not
 * NUL-terminated. Afterwards the daemon starts anew, and this connection ends. */
enum coffer_status admin_zeroise(struct coffer *c, const char *fingerprint, bool without_token, char *answer, size_t cap, size_t *out_len);

#endif
