/* The rows of held records, shared by held.c (their life) and held_row.c (as bytes). */
#ifndef COFFER_AUDIT_HELD_INTERNAL_H
#define COFFER_AUDIT_HELD_INTERNAL_H

#include "audit/held.h"
#include "base/buf.h"

#define HELD_ROW_COST 256u /* bytes beside the plaintext, at most */

/* One that is not durable yet. */
struct held_pending {
	struct buf plain;
	uint32_t generation;
	uint8_t link[AUDIT_HELD_LINK_LEN];
};

/* Of the record before; known false: that is not there, so nothing is compared. */
struct held_link {
	bool known;
	uint8_t bytes[AUDIT_HELD_LINK_LEN];
};

struct audit_held {
	struct store *rows;
	uint64_t most_records, most_bytes;
	struct ring *ring;           /* borrowed; NULL: not attached */
	struct root_mark *mark;
	bool ready;                  /* whole: records can be appended */
	bool settled;                /* compared with the database since it was attached */
	struct audit_held_place base; /* all up to it is in the database */
	uint32_t base_generation;    /* under which it is sealed */
	uint64_t newest, marked;     /* numbers */
	uint8_t link[AUDIT_HELD_LINK_LEN]; /* of the newest; valid while ready */
	uint64_t records, bytes;
	struct held_pending *pending;
	size_t pending_count, pending_cap;
	uint64_t pending_bytes;
};

/* Number of a record's row. ERR_NOT_FOUND: it is the base; ERR_CORRUPT: another node's, or none. */
enum coffer_err held_row_number(struct ring *ring, const struct store_row *row, uint64_t *out) MUST_USE;
/* Plaintext and link of a record behind another one. */
enum coffer_err held_record_make(struct ring *ring, const struct audit_event *event, const uint8_t before[static AUDIT_HELD_LINK_LEN], struct held_pending *out) MUST_USE;
/* Inside a transaction of h->rows. *out_bytes grows by what it takes. */
enum coffer_err held_row_write(struct audit_held *h, uint64_t number, const struct held_pending *record, uint64_t *out_bytes) MUST_USE;
/* One record, compared with *link, which is its own then; views of *out borrow *plain. ERR_CORRUPT: it is missing, does not open, or does not follow; *link is not known then. Errors of the store. */
enum coffer_err held_row_read(struct audit_held *h, uint64_t number, struct held_link *link, struct buf *plain, struct audit_event *out) MUST_USE;
/* The link that the row of a record has. ERR_NOT_FOUND, ERR_CORRUPT. */
enum coffer_err held_row_link(struct audit_held *h, uint64_t number, uint8_t out[static AUDIT_HELD_LINK_LEN]) MUST_USE;
/* Inside a transaction of h->rows: records up to `last` leave. */
enum coffer_err held_rows_erase(struct audit_held *h, uint64_t last) MUST_USE;

/* The base in h->rows: h->base and h->base_generation. ERR_NOT_FOUND, ERR_CORRUPT. */
enum coffer_err held_base_read(struct audit_held *h) MUST_USE;
/* Inside a transaction of h->rows. */
enum coffer_err held_base_write(struct audit_held *h, const struct audit_held_place *to) MUST_USE;
/* Up to where the database has it; number 0 where it has no record of that. ERR_CORRUPT: that does not open. */
enum coffer_err held_place_read(struct store *store, struct ring *ring, struct audit_held_place *out) MUST_USE;
/* Inside a transaction of the database. */
enum coffer_err held_place_write(struct store *store, struct ring *ring, const struct audit_held_place *to) MUST_USE;

#endif
