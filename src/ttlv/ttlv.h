/* The TTLV encoding alone (KMIP 1.4 section 9.1): Tag (3 bytes), Type (1), Length (4), Value, padding to 8 bytes.
 *
 * Reading: bytes from outside pass ttlv_check once (one pass, no recursion, no allocation); then cursors walk the
 * checked message. Cursors and items borrow the message and die with it. They stay inside their parent even on bytes
 * that were never checked.
 * Writing: ttlv_put_* append to a sticky struct writer; failures show in writer_done (ERR_TOO_LARGE, ERR_MEMORY).
 * No state, no allocation, no printing; any thread.
 *
 * Errors: ERR_INPUT the encoding is broken or a field has the wrong type or is doubled; ERR_TRUNCATED a length
 * points past the end; ERR_MISSING a required field is absent; ERR_FIELD a field that does not belong here;
 * ERR_DEPTH, ERR_LIMIT, ERR_TOO_LARGE the limits. */
#ifndef COFFER_TTLV_TTLV_H
#define COFFER_TTLV_TTLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/be.h"
#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"
#include "base/writer.h"

#define TTLV_HEADER_LEN 8u                        /* bytes: tag, type, length */
#define TTLV_DEPTH_MAX 16u                        /* structures inside each other, the message counting as 1 */
#define TTLV_ITEMS_MAX 4096u                      /* items of one message, the message itself included */
#define TTLV_MESSAGE_MAX (17u * 1024u * 1024u)    /* bytes: a 16 MiB stream segment and its frame */

enum ttlv_type {
	TTLV_ANY = 0, /* never on the wire: "no fixed type" in tables */
#define TTLV_TYPE(id, number, len, name) TTLV_##id = number,
#include "ttlv/types.def"
#undef TTLV_TYPE
	TTLV_TYPE_END
};

/* One item: value is the raw value without padding; for a structure the encoded children. */
struct ttlv_item {
	uint32_t tag;
	enum ttlv_type type;
	struct view value;
};

/* ---- checking (check.c) ---- */

struct ttlv_limits {
	size_t max_len;     /* bytes of the whole message */
	uint32_t max_items;
	uint32_t max_depth; /* at most TTLV_DEPTH_MAX */
};

/* { max_len, TTLV_ITEMS_MAX, TTLV_DEPTH_MAX } */
struct ttlv_limits ttlv_limits_of(size_t max_len);
/* Checks that `message` is exactly one well-formed item: tags begin with 42 or 54, known types, every length inside
 * its parent (compared raw, then with its padding), fixed lengths by type, zero padding, Booleans 0 or 1, text UTF-8
 * without NUL, nothing left over, and the limits (NULL: TTLV_MESSAGE_MAX and the other defaults). ERR_INPUT,
 * ERR_TRUNCATED, ERR_DEPTH, ERR_LIMIT, ERR_TOO_LARGE with a sentence that names the byte offset (never contents).
 * reason may be NULL. */
enum coffer_err ttlv_check(struct view message, const struct ttlv_limits *limits, struct reason *reason) MUST_USE;
/* For a listener, from the first 8 bytes alone (more are ignored): the header must be a Structure with this tag
 * (Request or Response Message), a length that is a multiple of 8, and the whole frame at most max bytes. *out =
 * bytes of the whole frame, header included. ERR_TRUNCATED fewer than 8 bytes, ERR_FOREIGN not such a header,
 * ERR_TOO_LARGE. */
enum coffer_err ttlv_frame_size(struct view first8, uint32_t tag, size_t max, size_t *out) MUST_USE;

/* ---- walking (cursor.c) ---- */

struct ttlv_cursor {
	struct view rest;      /* encoded items that are still to come */
	uint32_t last;         /* tag of the item handed out last; 0 none */
	enum coffer_err err;   /* the first failure; it sticks */
	bool lenient;          /* ttlv_done accepts unknown trailing fields (KMIP 1.4 section 11.1: newer minor version) */
};

/* The one item that fills `message`. ERR_INPUT, ERR_TRUNCATED. */
enum coffer_err ttlv_root(struct view message, struct ttlv_item *out) MUST_USE;
/* A cursor over the children of a structure; ERR_INPUT when it is none. */
enum coffer_err ttlv_enter(const struct ttlv_item *item, struct ttlv_cursor *out) MUST_USE;
/* A cursor over encoded items in a row (possibly none). */
struct ttlv_cursor ttlv_cursor_of(struct view items);
/* The next item. False at the end and after a failure, which ttlv_done reports:
 *     while (ttlv_next(&c, &item)) { … }
 *     TRY(ttlv_done(&c)); */
bool ttlv_next(struct ttlv_cursor *c, struct ttlv_item *out);
/* Tag of the next item; 0 at the end or after a failure. */
uint32_t ttlv_peek_tag(const struct ttlv_cursor *c);
/* What stands where the tag of the next item stands, of which nothing is checked: to pass over many optional fields at once. 0 at the end or after a
 * failure. */
static inline uint32_t ttlv_tag_ahead(const struct ttlv_cursor *c)
{
	return c->err == ERR_OK && c->rest.len >= TTLV_HEADER_LEN ? (uint32_t)(be64_get(c->rest.ptr) >> 40) : 0;
}
/* The next item, which must carry this tag; else ERR_MISSING (the cursor does not move). */
enum coffer_err ttlv_take(struct ttlv_cursor *c, uint32_t tag, struct ttlv_item *out) MUST_USE;
/* The next item if it carries this tag: *out_present true; else false and *out untouched. */
enum coffer_err ttlv_take_optional(struct ttlv_cursor *c, uint32_t tag, struct ttlv_item *out, bool *out_present) MUST_USE;
/* Ends the reading of a structure: ERR_OK when nothing is left (or the cursor is lenient); ERR_INPUT when the item
 * taken last comes again (KMIP 1.4 section 11.1: Invalid Message); ERR_FIELD for any other leftover (unknown, or out
 * of order: Invalid Field); or the first failure. */
enum coffer_err ttlv_done(struct ttlv_cursor *c) MUST_USE;

/* ---- typed values (get.c); ERR_INPUT when the item has another type or a length that does not fit it ---- */

enum coffer_err ttlv_get_i32(const struct ttlv_item *item, int32_t *out) MUST_USE;
enum coffer_err ttlv_get_i64(const struct ttlv_item *item, int64_t *out) MUST_USE;
enum coffer_err ttlv_get_enum(const struct ttlv_item *item, uint32_t *out) MUST_USE;
enum coffer_err ttlv_get_bool(const struct ttlv_item *item, bool *out) MUST_USE;
enum coffer_err ttlv_get_text(const struct ttlv_item *item, struct view *out) MUST_USE;   /* borrowed, not NUL-terminated */
enum coffer_err ttlv_get_bytes(const struct ttlv_item *item, struct view *out) MUST_USE;  /* borrowed */
enum coffer_err ttlv_get_time(const struct ttlv_item *item, int64_t *out) MUST_USE;       /* POSIX seconds */
enum coffer_err ttlv_get_interval(const struct ttlv_item *item, uint32_t *out) MUST_USE;  /* seconds */
enum coffer_err ttlv_get_bigint(const struct ttlv_item *item, struct view *out) MUST_USE; /* borrowed, two's complement */

/* ---- ttlv_take and a getter in one ---- */

enum coffer_err ttlv_take_i32(struct ttlv_cursor *c, uint32_t tag, int32_t *out) MUST_USE;
enum coffer_err ttlv_take_i64(struct ttlv_cursor *c, uint32_t tag, int64_t *out) MUST_USE;
enum coffer_err ttlv_take_enum(struct ttlv_cursor *c, uint32_t tag, uint32_t *out) MUST_USE;
enum coffer_err ttlv_take_bool(struct ttlv_cursor *c, uint32_t tag, bool *out) MUST_USE;
enum coffer_err ttlv_take_text(struct ttlv_cursor *c, uint32_t tag, struct view *out) MUST_USE;
enum coffer_err ttlv_take_bytes(struct ttlv_cursor *c, uint32_t tag, struct view *out) MUST_USE;
enum coffer_err ttlv_take_time(struct ttlv_cursor *c, uint32_t tag, int64_t *out) MUST_USE;
enum coffer_err ttlv_take_interval(struct ttlv_cursor *c, uint32_t tag, uint32_t *out) MUST_USE;
/* The required structure as a cursor over its children (lenient when c is). */
enum coffer_err ttlv_take_structure(struct ttlv_cursor *c, uint32_t tag, struct ttlv_cursor *out) MUST_USE;

/* The same for optional fields: absent is ERR_OK, *out untouched (set a default before), *out_present false.
 * out_present may be NULL. */
enum coffer_err ttlv_take_optional_i32(struct ttlv_cursor *c, uint32_t tag, int32_t *out, bool *out_present) MUST_USE;
enum coffer_err ttlv_take_optional_i64(struct ttlv_cursor *c, uint32_t tag, int64_t *out, bool *out_present) MUST_USE;
enum coffer_err ttlv_take_optional_enum(struct ttlv_cursor *c, uint32_t tag, uint32_t *out, bool *out_present) MUST_USE;
enum coffer_err ttlv_take_optional_bool(struct ttlv_cursor *c, uint32_t tag, bool *out, bool *out_present) MUST_USE;
enum coffer_err ttlv_take_optional_text(struct ttlv_cursor *c, uint32_t tag, struct view *out, bool *out_present) MUST_USE;
enum coffer_err ttlv_take_optional_bytes(struct ttlv_cursor *c, uint32_t tag, struct view *out, bool *out_present) MUST_USE;
enum coffer_err ttlv_take_optional_time(struct ttlv_cursor *c, uint32_t tag, int64_t *out, bool *out_present) MUST_USE;
enum coffer_err ttlv_take_optional_interval(struct ttlv_cursor *c, uint32_t tag, uint32_t *out, bool *out_present) MUST_USE;

/* ---- writing (encode.c) ---- */

void ttlv_put_i32(struct writer *w, uint32_t tag, int32_t v);
void ttlv_put_i64(struct writer *w, uint32_t tag, int64_t v);
void ttlv_put_enum(struct writer *w, uint32_t tag, uint32_t v);
void ttlv_put_bool(struct writer *w, uint32_t tag, bool v);
void ttlv_put_text(struct writer *w, uint32_t tag, struct view utf8); /* the caller answers for valid UTF-8 without NUL */
void ttlv_put_str(struct writer *w, uint32_t tag, const char *s);     /* NUL-terminated text */
void ttlv_put_bytes(struct writer *w, uint32_t tag, struct view bytes);
void ttlv_put_time(struct writer *w, uint32_t tag, int64_t unix_s);
void ttlv_put_interval(struct writer *w, uint32_t tag, uint32_t seconds);
/* An Integer whose value is written later with writer_fill_u32. */
struct writer_mark ttlv_reserve_i32(struct writer *w, uint32_t tag);
/* Two's complement, big-endian, any length; sign-extended in front to a multiple of 8 bytes (no bytes: zero). */
void ttlv_put_bigint(struct writer *w, uint32_t tag, struct view number);
/* Copies an item under another tag (or item->tag): a structure with all its children. */
void ttlv_put_item(struct writer *w, uint32_t tag, const struct ttlv_item *item);

/* A structure: begin, put the children, end with the mark. */
struct ttlv_mark { struct writer_mark len; };
struct ttlv_mark ttlv_begin(struct writer *w, uint32_t tag);
void ttlv_end(struct writer *w, struct ttlv_mark mark);

/* A byte string of up to max_len bytes that the caller fills in place, so that ciphertext needs no copy: write to
 * .ptr (NULL after a failure of the writer) before anything else is written, then commit the true length. */
struct ttlv_space {
	uint8_t *ptr;
	size_t at;                /* writer_len where the value begins */
	size_t max_len;
	struct writer_mark len;
};
struct ttlv_space ttlv_reserve_bytes(struct writer *w, uint32_t tag, size_t max_len);
/* actual_len <= max_len; the rest is wiped and taken back. Nothing may have been written since the reservation. */
void ttlv_commit_bytes(struct writer *w, struct ttlv_space space, size_t actual_len);

/* ---- printing (dump.c) ---- */

/* Name of a tag, or NULL (kmip_tag_name fits). */
typedef const char *ttlv_tag_name_fn(uint32_t tag);
/* Writes the message as indented lines of text, one item each: name or number, type, and the value of numbers,
 * enumerations, Booleans and dates. Text strings, byte strings and big integers show their length only, so no key,
 * passphrase or name is printed. A malformed rest becomes one line that says so. tag_name may be NULL. Debugging and
 * tests. */
void ttlv_dump(struct view message, ttlv_tag_name_fn *tag_name, struct writer *out);
/* "Integer" …; "?" for an unknown type. Static storage. */
const char *ttlv_type_name(enum ttlv_type type);

#endif
