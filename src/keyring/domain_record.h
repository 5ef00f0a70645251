/* Small sealed records of the domain, by name (table 5 of docs/formats.md section 6): header 1 u8, state 0, no index entries. Store thread. */
#ifndef COFFER_KEYRING_DOMAIN_RECORD_H
#define COFFER_KEYRING_DOMAIN_RECORD_H

#include "base/buf.h"
#include "keyring/ring.h"
#include "store/store.h"

#define DOMAIN_RECORD_MAX 4096u /* bytes of plaintext */

/* The id of a record that each node has one of: prefix, then the 32 hex digits of the node id, into row->id. prefix: at most 32 bytes. */
void domain_record_node_id(const char *prefix, const struct domain_id *domain, struct store_row *row);
/* The same as a name. */
void domain_record_node_name(const char *prefix, const struct domain_id *domain, char out[static STORE_ID_MAX + 1]);

/* Appends the plaintext. ERR_NOT_FOUND; ERR_CORRUPT: it does not open; ERR_VERSION: another header. */
enum coffer_err domain_record_get(struct store *store, struct ring *ring, const char *name, struct buf *plain) MUST_USE;
/* The same of a row that was read from table 5, also while a scan tells it. */
enum coffer_err domain_record_open(struct ring *ring, const struct store_row *row, struct buf *plain) MUST_USE;
/* Inside a transaction: makes or replaces it, under the ring's newest generation. ERR_TOO_LARGE, ERR_LIMIT. */
enum coffer_err domain_record_put(struct store *store, struct ring *ring, const char *name, struct view plain) MUST_USE;
/* Inside a transaction; none there is no error. */
enum coffer_err domain_record_erase(struct store *store, const char *name) MUST_USE;
/* The one of this node, by its prefix as above. */
enum coffer_err domain_record_erase_of_node(struct store *store, const char *prefix, const uint8_t node_id[static UUID_LEN]) MUST_USE;

#endif
