/* Where several nodes write one store: what the others changed leaves this node's memory (docs/formats.md section 23.1). Store lane, outside a transaction. */
#ifndef COFFER_OPS_SHARED_NEWS_H
#define COFFER_OPS_SHARED_NEWS_H

#include "ops/engine.h"

struct shared_news {
	size_t rows;      /* that others changed, as far as it is told */
	bool everything;  /* more than was told may be different: all objects left memory, and `tables` has them all */
	unsigned tables;  /* bit t: rows of table t; what is read from slots, nodes and recovery stanzas is the caller's to read again */
};

/* Objects that others changed leave memory, so that the next use reads them; grants, how many administrators are needed, and what status says of the recovery are read again. When it fails, what was in memory stays as
 * it was, but for objects that left it, and nothing counts as heard. Errors as rooted_store_refresh; ERR_MEMORY; ERR_CORRUPT: a record does not open. Does nothing over a store of one node. */
enum coffer_err shared_news_read(struct engine *engine, struct shared_news *out, struct reason *reason) MUST_USE;

#endif
