/* The format level of a domain: what its nodes may write (docs/formats.md section 23.8). A program reads all levels from LEVEL_FIRST to the one that it knows, and writes what the domain's level has: so
 * nodes of two versions of Coffer work on one store, and the older one meets nothing that it cannot read. Records of table 5. Store thread. */
#ifndef COFFER_DOMAIN_LEVEL_H
#define COFFER_DOMAIN_LEVEL_H

#include "base/reason.h"
#include "keyring/ring.h"
#include "store/store.h"

#define LEVEL_RECORD "level" /* its id: of the domain */
#define LEVEL_FIRST 1u       /* where there is no record */
#define LEVEL_SIGN_DATE 2u   /* from here on a sign of life has its node's date (domain/sign_row.h) */
#define LEVEL_SIGN_VIEW 3u   /* from here on it says how far behind its node's view is, and what its cache has */
#define LEVEL_PROGRAM_MAX 32u

/* The highest level that this program knows, and its version. */
uint32_t level_known(void);
const char *level_program(void);

/* Of the domain. *out_program: the version of the program that raised it, "" at the first level; NULL: not wanted. ERR_CORRUPT: no such record; errors of the store. */
enum coffer_err level_get(struct store *store, struct ring *ring, uint32_t *out, char *out_program) MUST_USE;
/* Whether this program may open the domain. ERR_VERSION: it does not know its level; the sentence names both versions and what helps. A record that does not open is no error here
 * (then the level is the first): it is under a data key that this node has not got yet, or the store's check finds it. Errors of the store. */
enum coffer_err level_check(struct store *store, struct ring *ring, uint32_t *out, struct reason *reason) MUST_USE;
/* Inside a transaction: what this node knows stands in the store. Nothing is written where it does. */
enum coffer_err level_note_own(struct store *store, struct ring *ring) MUST_USE;
/* What a node said that it knows. */
enum coffer_err level_of_node(struct store *store, struct ring *ring, const uint8_t node_id[static UUID_LEN], uint32_t *out) MUST_USE;
/* What each node said that it knows, in one reading. fn may not call the store; what it returns ends the reading. What does not open is passed over. Errors of the store. */
typedef enum coffer_err level_node_fn(void *arg, const uint8_t node_id[static UUID_LEN], uint32_t level);
enum coffer_err level_each_node(struct store *store, struct ring *ring, level_node_fn *fn, void *arg) MUST_USE;
/* The highest level that every member of the domain knows, and how many members there are. ERR_LIMIT: there are too many. */
enum coffer_err level_of_members(struct store *store, struct ring *ring, uint32_t *out, size_t *out_members) MUST_USE;
/* Inside a fenced transaction, which read level_of_members: the domain's level from now on. */
enum coffer_err level_raise(struct store *store, struct ring *ring, uint32_t level) MUST_USE;
/* Inside a transaction: the node is removed. */
enum coffer_err level_erase(struct store *store, const struct domain_id *domain, const uint8_t node_id[static UUID_LEN]) MUST_USE;

#endif
