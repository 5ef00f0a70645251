/* The mark: the newest root version that this node knows to be durable, in a file beside the store (docs/formats.md section 14.3). A store that lost
 * its log, or an older copy of it, is behind its mark. Store thread. */
#ifndef COFFER_KEYRING_ROOT_MARK_H
#define COFFER_KEYRING_ROOT_MARK_H

#include "base/err.h"
#include "base/reason.h"
#include "keyring/ring.h"

struct root_mark;

/* Opens or makes `path` (mode 0600). ERR_USAGE: it is a link, or not this user's alone; ERR_IO, ERR_FULL. Caller closes. */
enum coffer_err root_mark_open(const char *path, struct root_mark **out, struct reason *reason) MUST_USE;
/* Accepts NULL; syncs. */
void root_mark_close(struct root_mark *mark);
/* The higher version of the slots whose MAC holds. ERR_NOT_FOUND: nothing is there; ERR_CORRUPT: something is, and none holds under this ring; ERR_IO. */
enum coffer_err root_mark_read(struct root_mark *mark, struct ring *ring, uint64_t *out_version) MUST_USE;
/* The highest generation of the data key that a slot names, also one whose MAC this ring cannot compute; 0: none. A slot that a power cut tore names
 * nothing (its check does not fit). Not authenticated: it can only make a start or a restore more careful. */
uint32_t root_mark_generation(struct root_mark *mark);
/* Empties it: of a store that is founded, or taken as it is. Without waiting for the disk. */
void root_mark_clear(struct root_mark *mark);
/* Without waiting for the disk. What fails is logged once and does no harm but that the mark stays behind. */
void root_mark_write(struct root_mark *mark, struct ring *ring, uint64_t version);
void root_mark_sync(struct root_mark *mark);

/* Where several nodes write one store: the newest root version of each other node that this node ever read, behind its own. */
#define ROOT_SEEN_MAX 129u /* 127 others, the cache (keyring/cache.h) and the held records (audit/held.h) */
typedef enum coffer_err root_seen_fn(void *arg, const uint8_t node_id[static UUID_LEN], uint64_t version);
/* In whose place the number of the newest held record of a node stands: no node has that id. */
void root_seen_held_id(const uint8_t node_id[static UUID_LEN], uint8_t out[static UUID_LEN]);
/* Every entry that holds under this ring; fn's error ends it and is returned. ERR_IO. */
enum coffer_err root_seen_load(struct root_mark *mark, struct ring *ring, root_seen_fn *fn, void *arg) MUST_USE;
/* Without waiting for the disk; after root_seen_load. What fails is logged once, as with root_mark_write. Nothing where it stands there already. */
void root_seen_write(struct root_mark *mark, struct ring *ring, const uint8_t node_id[static UUID_LEN], uint64_t version);

#endif
