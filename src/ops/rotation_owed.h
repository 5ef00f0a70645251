/* A change of the data key that is owed: a node was removed, and opens what is sealed under the newest generation until there is a newer one (docs/formats.md section 23.4). Noted in the transaction
 * of the removal, so that no crash, no change under way, no token that is away and no other master server forgets it; the note leaves in the transaction that begins any newer generation. */
#ifndef COFFER_OPS_ROTATION_OWED_H
#define COFFER_OPS_ROTATION_OWED_H

#include "ops/engine.h"

/* Inside the transaction that removes the node of this name. */
enum coffer_err rotation_owe(struct engine *engine, struct txn *txn, const char *node) MUST_USE;
/* Inside the transaction that makes a newer generation. */
enum coffer_err rotation_owe_nothing(struct engine *engine, struct txn *txn) MUST_USE;
/* The record may be another than the one that is known: it is read before anything is made of it. Any thread. */
void rotation_owed_look_again(struct engine *engine);
/* Whether it is to be read. Any thread. */
bool rotation_owed_unread(struct engine *engine);
/* Store thread; does nothing where there is nothing new. Errors of the store: try again. */
enum coffer_err rotation_owed_read(struct engine *engine) MUST_USE;
/* As it was read last. Any thread. */
bool rotation_is_owed(struct engine *engine);
/* Why it is not begun yet, for status, and for the log when it is new; "": it was. Any thread. */
void rotation_owed_waits(struct engine *engine, const char *why);

#endif
