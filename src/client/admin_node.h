/* Calls about the nodes of a domain. Conventions of admin.h. */
#ifndef COFFER_CLIENT_ADMIN_NODE_H
#define COFFER_CLIENT_ADMIN_NODE_H

#include <stdbool.h>

#include "base/secret.h"
#include "client/include/coffer.h"

#define ADMIN_NODE_TEXT 512u

struct admin_join {
	const char *token_uri;      /* "": the one of the configuration */
	const char *domain;         /* fingerprint */
	const char *name;           /* NULL: as it was, or the configuration's */
	const char *answer;         /* fingerprint of the answer that it must be; NULL: any */
	const struct secret *pin;   /* of the token, with a NUL behind it that is not part of it; NULL: none */
	const struct secret *enrolment; /* an enrolment token's text, likewise; NULL: none */
	bool endorsement;           /* by the token's endorsement certificate */
	bool anew;
};
/* This node asks to join, or goes on with that. *out_len = bytes of the JSON document in text, not NUL-terminated: state ("waiting", "member"), domain, node, name, fingerprint, by, and with that certificate certificate. token: one line
 * about the master secret. */
enum coffer_status admin_node_join(struct coffer *c, const struct admin_join *join, char *text, size_t cap, size_t *out_len, char *token, size_t token_cap);
/* A JSON document: nodes, waiting. */
enum coffer_status admin_node_list(struct coffer *c, char *text, size_t cap, size_t *out_len);

struct admin_node {
	char id[COFFER_UUID_TEXT];
	char name[ADMIN_NODE_TEXT];
	char answer[64];               /* of an approval: fingerprint of the answer */
	uint32_t generation;           /* of a removal: the new data key's; 0: there is none */
	uint32_t enrolments;           /* of a removal: enrolment tokens that were revoked with it */
	uint32_t certificates;         /* of a removal: endorsement certificates that left the list with it */
	char left_to_do[ADMIN_NODE_TEXT]; /* why there is none */
};
enum coffer_status admin_node_approve(struct coffer *c, const char *fingerprint, struct admin_node *out);
enum coffer_status admin_node_remove(struct coffer *c, const char *name_or_id, struct admin_node *out);
/* One of two machines with its identity is gone. */
enum coffer_status admin_node_accept(struct coffer *c, const char *name_or_id, struct admin_node *out);

struct admin_enrol {
	const char *name;           /* NULL: one is made up */
	uint32_t uses, life_s;      /* 0: the daemon's own */
};
/* *out_token: the token's text, with a NUL behind it that is not part of it; the caller's to free. The JSON document about it as in a list. */
enum coffer_status admin_node_enrol(struct coffer *c, const struct admin_enrol *wish, struct secret **out_token, char *text, size_t cap, size_t *out_len);
/* A JSON document: enrolments. */
enum coffer_status admin_node_enrolments(struct coffer *c, char *text, size_t cap, size_t *out_len);
/* name: of what was revoked. */
enum coffer_status admin_node_enrol_revoke(struct coffer *c, const char *name_or_id, char *name, size_t cap);

/* One thing of a kind ends: an operation with its name or id under `tag`, which answers its name under the same. */
enum coffer_status admin_node_end_named(struct coffer *c, uint32_t operation, uint32_t tag, const char *name_or_id, char *name, size_t cap);

#endif
