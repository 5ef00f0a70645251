/* Objects and transactions for the tests of objects/, access/ and audit/, on the domain of unit/keyring/fixture.h. */
#ifndef COFFER_TESTS_OBJECTS_SUPPORT_H
#define COFFER_TESTS_OBJECTS_SUPPORT_H

#include "objects/txn.h"
#include "store/store.h"
#include "unit/keyring/fixture.h"

/* A store in memory whose next commits can be made to fail, with a ring of one generation. */
struct world {
	struct store *store;
	struct object_table *table;
	struct ring *ring;
	struct txn *txn;
};

void world_open(struct world *w);
void world_close(struct world *w);
/* The next store_commit answers err: ERR_UNKNOWN_OUTCOME keeps the writes when `kept`, every other error undoes them. */
void world_fail_commit(struct world *w, enum coffer_err err, bool kept);
void begin(struct world *w);
void commit(struct world *w);

/* An active AES-256 key of unix:1000 with material 60…7f; name NULL: none. Caller unrefs. */
struct object *make_key(const char *name);
/* Adds Application Specific Information (data NULL: none), a custom text attribute, a Link. */
void add_application(struct object *o, const char *name_space, const char *data);
void add_custom(struct object *o, const char *name, const char *text);
void add_link(struct object *o, const char *linked);
/* Writes and commits it. */
void keep(struct world *w, struct object *o);
/* Writes and commits its row as a program of schema 1 or 2 wrote it: Names alone in the index column, no place in the order of creation. A newer schema's
 * number goes into the header as it is. broken: the row does not open. */
void keep_old(struct world *w, const struct object *o, uint8_t schema, bool broken);
/* A key by its name, written and committed. */
struct object *keep_key(struct world *w, const char *name);
/* How many rows the store handed out (get, scan and search) since the last call. */
size_t world_rows_read(struct world *w);
/* How many rows of a table the store has. */
uint64_t rows(struct world *w, enum store_table table);

#endif
