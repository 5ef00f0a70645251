/* A managed object as a store record (docs/formats.md sections 6 and 6.1). Store thread. */
#ifndef COFFER_OBJECTS_CODEC_H
#define COFFER_OBJECTS_CODEC_H

#include "base/buf.h"
#include "keyring/ring.h"
#include "objects/object.h"
#include "store/store.h"

#define OBJECT_INDEX_NAME 1u
#define OBJECT_INDEX_GROUP 2u

/* The sealed row of `o` (record_version and state as they stand) under the ring's newest generation; sets o->generation. The row's views
 * point into the three buffers. */
enum coffer_err object_to_row(struct ring *ring, struct object *o, struct store_row *row, struct buf *header, struct buf *index,
	struct buf *body) MUST_USE;
/* Opens a row. ERR_CORRUPT when anything does not fit; ERR_VERSION when a header schema or an attribute is not known here. Caller unrefs *out. */
enum coffer_err object_from_row(struct ring *ring, const struct store_row *row, struct object **out) MUST_USE;

#endif
