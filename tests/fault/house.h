/* The house in which faults happen: the real dispatcher, store thread, keyring, audit chain and rooted SQLite store on a folder of its own, under a fixed
 * data key. A request goes the way it goes in cofferd, with the socket left out. What must hold is judged after each request, and again when a
 * round is over. Every failure of what must hold ends the program with a sentence that names scenario, fault and n. */
#ifndef COFFER_TESTS_FAULT_HOUSE_H
#define COFFER_TESTS_FAULT_HOUSE_H

#include "daemon/daemon.h"
#include "kmip/message.h"
#include "unit/ops/ask.h"

#define HOUSE_ADMIN 4001u
#define HOUSE_NOW_S UINT64_C(1700000000)
#define HOUSE_ROWS_MAX 512u

/* The rows of a table as one number each. */
struct house_print {
	uint8_t ids[HOUSE_ROWS_MAX][STORE_ID_MAX];
	uint64_t sums[HOUSE_ROWS_MAX];
	size_t count;
};

struct house {
	struct daemon daemon;
	struct config config;
	struct ring *ring;
	struct op_local *worker;
	struct op_streams *streams;
	char dir[64], path[96];
	uint64_t now_s;
	unsigned uid;                       /* who sends; HOUSE_ADMIN unless changed */
	bool open_again;                    /* the engine asked for it */
	bool empty;                         /* house_up makes no domain: the node is uninitialised */
	const struct token_spawner *spawner; /* may be NULL */
	struct reason reason;               /* why house_up failed */
	struct house_print objects, grants; /* as last judged */
	struct kmip_response response;      /* of the last house_send; views into answer */
	struct buf answer;
	unsigned closed;                    /* connections that ended without an answer, since house_open */
	bool away;                          /* the store could not be read when it was judged last */
	unsigned unknown;                   /* answers that said: unknown outcome */
};

/* Makes the folder, the store and the threads. */
struct house *house_open(void);
/* One without a domain; tokens come from the spawner. */
struct house *house_open_empty(const struct token_spawner *spawner);
/* Ends the threads and opens everything again on what the store holds, as after a restart. Judges that nothing changed by it. */
void house_again(struct house *h);
void house_close(struct house *h);
/* As far as it goes, with the folder that an init which waits for a restart has in it. */
void house_remove_folder(const char *path);
/* The two halves of house_again. What house_up made before it failed is gone again. */
enum coffer_err house_up(struct house *h);
void house_down(struct house *h);

/* Sends what was asked, judges the answer and the store, returns the error of the first item that failed (ERR_CLOSED: no answer, the connection ends). The payload of
 * item 0 is h->response's. Takes the frame. The caller stands aside (fault_aside): only what the request does is hit. */
enum coffer_err house_send(struct house *h, struct ask *a);
/* The daemon's tick: a domain that did not open is opened. */
void house_tick(struct house *h);
/* The same for requests that must succeed, with no fault armed. */
void house_must(struct house *h, struct ask *a);
/* Every object row opens, is whole and is what memory has; the audit chain verifies; nothing is staged. */
void house_judge(struct house *h);
uint64_t house_count(struct house *h, enum store_table table);
/* State of the object with this name; 0 when there is none. */
uint32_t house_state(struct house *h, const char *name);
/* The Unique Identifier in the last answer. */
void house_id(struct house *h, char out[static UUID_TEXT_LEN + 1]);
struct view house_field(struct house *h, uint32_t tag);

/* What is going on, for the sentence of a failure. */
void house_says(const char *scenario, const char *fault, unsigned n);
void house_words(struct view text); /* of the last refusal */
bool house_said(const char *part);  /* whether they have this */
_Noreturn void house_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define MUST(cond) do { if (!(cond)) house_die("%s:%d: %s", __FILE__, __LINE__, #cond); } while (0)
#define MUST_OK(expr) do { enum coffer_err must_ = (expr); if (must_) house_die("%s:%d: %s: %s", __FILE__, __LINE__, #expr, err_name(must_)); } while (0)

#endif
