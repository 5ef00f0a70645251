/* Messages of the store interface between cofferd and coffer-stored, on a stream socket (docs/formats.md section 25). One request at a time, answered in
 * order. Both sides distrust the other: decoding is strict and bounded, and each message has one form. No state; views in what was decoded borrow the frame. */
#ifndef COFFER_STORE_REMOTE_WIRE_H
#define COFFER_STORE_REMOTE_WIRE_H

#include "base/reader.h"
#include "base/writer.h"
#include "store/store.h"

#define REMOTE_PROTOCOL 2u
#define REMOTE_LEN_BYTES 4u                                    /* u32 before each frame: its length */
#define REMOTE_ROW_MAX (STORE_HEADER_MAX + STORE_BODY_MAX + 2u + STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN + STORE_ID_MAX + 64u)
#define REMOTE_PAGE_BYTES (256u * 1024u)                       /* rows of a page; the last one may go above it */
#define REMOTE_FRAME_MAX (REMOTE_ROW_MAX + REMOTE_PAGE_BYTES + 2048u)
#define REMOTE_PAGE_ROWS 64u
#define REMOTE_PAGE_IDS 1024u
#define REMOTE_TEXT_MAX 400u                                   /* bytes of a sentence */
#define REMOTE_CONNINFO_MAX 4096u
#define REMOTE_NAME_MAX 255u                                   /* bytes of a schema's, a host's or a file's name */
#define REMOTE_PATH_MAX 4095u

enum remote_op {
	REMOTE_OPEN = 1,  /* once, first */
	REMOTE_GET, REMOTE_PUT, REMOTE_ERASE, REMOTE_SCAN, REMOTE_COUNT, REMOTE_FIND, REMOTE_SURVEY, REMOTE_SAME, REMOTE_ORPHANS, REMOTE_STRAYS,
	REMOTE_SAVEPOINT, REMOTE_RELEASE, REMOTE_COMMIT, REMOTE_ROLLBACK,
	REMOTE_HOLD, /* a GET that holds the row */
	REMOTE_NEWS, /* outside a transaction */
	REMOTE_OP_END
};

enum {
	REMOTE_BEGIN = 1,     /* a transaction begins before this */
	REMOTE_QUIET = 2,     /* PUT with REPLACE, SAVEPOINT, RELEASE, ROLLBACK: no answer; a failure is the answer of every call to come in the transaction */
	REMOTE_BACKWARDS = 4, /* SCAN */
	REMOTE_REPLACE = 8,   /* PUT */
	REMOTE_KEEP = 16,     /* RELEASE */
	REMOTE_READING = 32   /* with BEGIN, of a call that reads: the transaction reads alone, and ROLLBACK ends it */
};

struct remote_request {
	enum remote_op op;
	unsigned flags;
	enum store_table table; /* of a row or a page; else 0 */
	uint8_t index;          /* FIND */
	uint32_t limit;         /* SCAN, FIND, SURVEY, ORPHANS: rows of this page; at least 1 */
	struct view id;         /* GET, HOLD, ERASE, SAME: 1..STORE_ID_MAX; SCAN, FIND: after, may be empty; SURVEY, ORPHANS: the place, one byte more */
	struct view token;      /* FIND: STORE_TOKEN_LEN; SAME: an index column */
	struct store_row row;   /* PUT */
	struct {                /* OPEN */
		uint64_t writer;
		uint32_t connect_ms, statement_ms;
		uint64_t system;    /* of servers that may be used, and their lowest timeline: store/postgres.h; 0: any */
		uint32_t timeline;
		struct view conninfo, schema, passfile; /* without NUL */
	} open;
};

struct remote_answer {
	enum remote_op op;
	enum coffer_err err;
	struct view text;       /* the sentence of a failure; may be empty */
	struct store_row row;   /* GET, HOLD */
	uint64_t number;        /* COUNT, STRAYS */
	bool same;              /* SAME, NEWS */
	bool more;              /* SCAN, FIND, SURVEY, ORPHANS: the page ended before the rows did */
	uint32_t count;         /* of the items of a page, which may come before a failure */
	struct view place;      /* SURVEY, ORPHANS: where the next page begins */
	struct view items;      /* of a page; taken out with the functions below, checked before */
	struct {                /* OPEN */
		uint32_t version;   /* of the server, as 150004 */
		uint64_t system;    /* its history: store/postgres.h; 0: not known */
		uint32_t timeline;
		struct view server; /* host and port, for people */
	} open;
};

/* Appends the frame without its length. */
void remote_encode_request(const struct remote_request *q, struct writer *w);
/* ERR_INPUT for anything that remote_encode_request would not write. */
enum coffer_err remote_decode_request(struct view frame, struct remote_request *out) MUST_USE;
/* Bytes that the request takes at most. */
size_t remote_request_size(const struct remote_request *q);

/* Appends an answer. items: what remote_put_row and remote_put_id wrote. */
void remote_encode_answer(const struct remote_answer *a, struct writer *w);
/* ERR_INPUT for anything that remote_encode_answer would not write, and for an answer to another op. */
enum coffer_err remote_decode_answer(struct view frame, enum remote_op op, struct remote_answer *out) MUST_USE;

void remote_put_row(struct writer *w, const struct store_row *row, bool is_whole);
void remote_put_id(struct writer *w, struct view id);
/* Next item of a page that was decoded. */
enum coffer_err remote_take_row(struct reader *r, struct store_row *out, bool *out_whole) MUST_USE;
enum coffer_err remote_take_id(struct reader *r, struct view *out) MUST_USE;

/* Whether pages answer the op: rows, or ids alone (FIND). */
bool remote_is_page(enum remote_op op);

#endif
