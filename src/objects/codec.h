/* A managed object as a store record (docs/formats.md sections 6 and 6.1). Store thread. */
#ifndef COFFER_OBJECTS_CODEC_H
#define COFFER_OBJECTS_CODEC_H

#include "base/buf.h"
#include "keyring/ring.h"
#include "objects/index.h"
#include "objects/object.h"
#include "store/store.h"

#define OBJECT_SCHEMA_INDEXED 3u /* header schema of rows whose index column has every entry of objects/index.h */

/* The clear columns of a row. */
struct object_head {
	uint8_t schema;
	uint32_t type, algorithm, length_bits, usage_mask;
	enum object_state state; /* as stored: a date may have moved it since */
	struct view owner;       /* borrows the row */
};

/* The sealed row of `o` (record_version and state as they stand) under the ring's newest generation; sets o->generation. The row's views
 * point into the three buffers. */
enum coffer_err object_to_row(struct ring *ring, struct object *o, struct store_row *row, struct buf *header, struct buf *index,
	struct buf *body) MUST_USE;
/* Opens a row. ERR_CORRUPT when anything does not fit; ERR_VERSION when a header schema or an attribute is not known here. Caller unrefs *out. */
enum coffer_err object_from_row(struct ring *ring, const struct store_row *row, struct object **out) MUST_USE;
/* Reads the clear columns without opening the row: what they say is not authentic until it opens. ERR_CORRUPT, ERR_VERSION. */
enum coffer_err object_peek(const struct store_row *row, struct object_head *out) MUST_USE;

#endif
