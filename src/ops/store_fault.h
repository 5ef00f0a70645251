/* Faults of the store in words: what is wrong with which row, and what to do (docs/operations.md section 12). */
#ifndef COFFER_OPS_STORE_FAULT_H
#define COFFER_OPS_STORE_FAULT_H

#include <stddef.h>

#include "keyring/rooted_store.h"

/* "object", "grant" …; "unknown". Static. */
const char *store_fault_table(enum store_table table);
/* One sentence, cut to cap with its NUL. */
void store_fault_sentence(const struct rooted_fault *fault, char *out, size_t cap);

#endif
