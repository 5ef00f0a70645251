/* A domain comes to this node, made by init or brought by restore: identity file, then the rows in one transaction, then the file at its place, then open. A crash
 * leaves none of it or all (daemon/interrupted.h). Admin lane, engine->admin_lock held. */
#ifndef COFFER_OPS_DOMAIN_FOUND_H
#define COFFER_OPS_DOMAIN_FOUND_H

#include "ops/engine.h"

struct domain_founding {
	const struct identity *identity;
	struct ring **ring;            /* moved in */
	struct token_proxy **proxy;    /* moved in when the domain is written */
	engine_store_fn *write;        /* every row; opens engine->audit */
	void *arg;
	const char *recovery;          /* for status */
	const char *command;           /* for sentences: "coffer init" */
};

/* ERR_EXISTS with the fingerprint when the node belongs to a domain. */
enum coffer_err domain_check_none(struct engine *engine, struct reason *reason);
/* ERR_EXISTS: the store is one that several nodes share, and holds a domain: this node joins it. */
enum coffer_err domain_check_store(struct engine *engine, struct reason *reason) MUST_USE;
enum coffer_err domain_found(struct engine *engine, const struct domain_founding *founding, struct reason *reason);

#endif
