/* A store that counts the rows and ids it hands out, so that a test tells how much a search reads. One counted store at a time; one thread. */
#ifndef COFFER_TESTS_STORE_COUNTING_STORE_H
#define COFFER_TESTS_STORE_COUNTING_STORE_H

#include "store/store.h"

/* Puts the counting in front of the store's own functions; does nothing when it is there already. Lasts until the store is closed. */
void counting_store_begin(struct store *s);
/* Rows and ids handed out since the last call. */
size_t counting_store_rows(void);
/* The row with this id, in any table, cannot be read any more: scans end at it with ERR_CORRUPT, surveys say that it is not whole. Until the next counted store. */
void counting_store_spoil(struct view id);

#endif
