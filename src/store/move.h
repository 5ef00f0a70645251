/* Moving a store to another place: every row as it is, sealed (docs/formats.md section 26). Two open stores, one page of rows at a time; whatever ends it in between,
 * the same call goes on. Knows neither keys nor files. One thread at a time. */
#ifndef COFFER_STORE_MOVE_H
#define COFFER_STORE_MOVE_H

#include "base/text.h"
#include "store/store.h"

#define STORE_MOVE_ID_LEN 16u
#define STORE_MOVE_PLACE_MAX 200u /* bytes with NUL */

enum store_move_state {
	STORE_MOVE_NONE,           /* no mark: a store like any other */
	STORE_MOVE_INCOMPLETE,     /* rows are being put there */
	STORE_MOVE_LEFT,           /* the domain went on elsewhere */
	STORE_MOVE_CLEARING        /* what was left there goes, before rows are put */
};

/* The row of STORE_MOVE. Clear, and under no key: it can make a start more careful and nothing else. */
struct store_move_mark {
	enum store_move_state state;
	uint8_t move_id[STORE_MOVE_ID_LEN], domain_id[UUID_LEN], node_id[UUID_LEN];
	uint64_t at_ms;
	char place[STORE_MOVE_PLACE_MAX]; /* where the domain went, or comes from; for people */
};

/* state NONE where there is none. ERR_CORRUPT: there is one that is none of this program's. */
enum coffer_err store_move_mark_get(struct store *s, struct store_move_mark *out) MUST_USE;
/* In a transaction of its own; NONE takes it away. */
enum coffer_err store_move_mark_set(struct store *s, const struct store_move_mark *mark, struct reason *reason) MUST_USE;

enum store_move_phase { STORE_MOVE_ADMIT, STORE_MOVE_CLEAR, STORE_MOVE_COPY, STORE_MOVE_COMPARE, STORE_MOVE_DONE };
struct store_move_page; /* rows held in ordinary memory: they are sealed */

struct store_move {
	struct store *from, *to;       /* borrowed, the lowest of each; nobody else writes either of them */
	struct store_move_mark mark;   /* what is put into `to` while it is not whole; its state is set here */
	enum store_move_phase phase;
	unsigned table;                /* that is worked on */
	uint8_t last[STORE_ID_MAX];    /* the last id of it that was dealt with */
	size_t last_len;
	bool placed;                   /* last is known */
	uint64_t copied, compared;     /* rows, by this process */
	struct store_move_page *page;
};

/* mark: ids, time and place. ERR_MEMORY. Caller ends it. */
enum coffer_err store_move_begin(struct store_move *m, struct store *from, struct store *to, const struct store_move_mark *mark) MUST_USE;
void store_move_end(struct store_move *m); /* accepts a zeroed one */

/* Whether rows may be put into the store: it is empty, or has the mark of this node's domain. Reads alone. ERR_EXISTS, ERR_CORRUPT with a sentence. */
enum coffer_err store_move_admits(struct store *to, const struct store_move_mark *mark, struct reason *reason) MUST_USE;

/* One page more: first everything is copied, then everything is compared, row by row and byte by byte. *out_done: both hold the same, and `to` still has its mark. Outside of transactions.
 * After an error, which is one of the stores', the next call goes on where it was (after store_reopen, where that is wanted). ERR_EXISTS: as store_move_admits; ERR_CORRUPT: they differ, or a
 * row of `from` cannot be read; each with a sentence. */
enum coffer_err store_move_step(struct store_move *m, bool *out_done, struct reason *reason) MUST_USE;

#endif
