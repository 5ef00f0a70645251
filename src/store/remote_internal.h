/* The parts of the remote store. Only src/store/remote*.c includes it. */
#ifndef COFFER_STORE_REMOTE_INTERNAL_H
#define COFFER_STORE_REMOTE_INTERNAL_H

#include <pthread.h>

#include "store/remote_bytes.h"
#include "store/remote.h"
#include "store/remote_wire.h"
#include "store/store_internal.h"

/* Calls without an answer since the last one with an answer. */
struct remote_quiet {
	uint32_t calls;
	uint64_t bytes;
};

struct remote_store {
	struct store base;
	struct store_spawner spawner;
	char *conninfo, *schema, *passfile; /* ours */
	uint64_t writer;
	uint32_t connect_ms, statement_ms;
	int fd;                      /* -1: there is no process */
	uint32_t instance;
	bool begin_due;              /* store_begin was called and nothing was sent yet */
	bool reading;                /* it was store_begin_reading */
	bool asked;                  /* something was sent in this transaction */
	enum coffer_err doom;        /* this transaction can only be rolled back */
	bool unknown;                /* outcome of a commit is unknown */
	bool lost;                   /* only store_reopen helps */
	struct remote_quiet quiet;
	struct remote_bytes out, in; /* sealed bytes only; `in` holds what views of the last answer borrow */
	uint64_t system, opened_system; /* of the server that confirmed a commit last, and of the one that is open now; 0: not known */
	uint32_t timeline, opened_timeline;
	pthread_mutex_t lock;        /* guards facts */
	struct remote_facts facts;
};

/* remote_call.c: all talk with the process. */

/* Ends the process; the store is lost. */
void remote_drop(struct remote_store *s);
/* A new process that has opened the store. */
enum coffer_err remote_connect(struct remote_store *s, struct reason *reason) MUST_USE;
/* Sends the request, and takes the answer unless it is quiet. ERR_OK: *out is an answer, whose own error is out->err. ERR_CLOSED, ERR_TIMEOUT: the process is gone,
 * with a sentence. */
enum coffer_err remote_ask(struct remote_store *s, struct remote_request *q, struct remote_answer *out, struct reason *reason) MUST_USE;
/* The sentence of an answer that is a failure. */
enum coffer_err remote_answer_fail(const struct remote_answer *a, struct reason *reason) MUST_USE;

/* remote.c: a call inside or outside of a transaction, with its doom. ERR_OK: *out is an answer without an error, or of a page with one. */
enum coffer_err remote_step(struct remote_store *s, struct remote_request *q, struct remote_answer *out) MUST_USE;
/* A failure that an answer told: dooms what is under way unless it is about one row, and drops a process whose connection to the database is lost. Returns it. */
enum coffer_err remote_failed(struct remote_store *s, enum remote_op op, enum coffer_err err) MUST_USE;

/* remote_rows.c */
enum coffer_err remote_put(struct store *base, enum store_table table, const struct store_row *row, bool replace);
enum coffer_err remote_get(struct store *base, enum store_table table, struct view id, struct store_row *out);
enum coffer_err remote_hold(struct store *base, enum store_table table, struct view id, struct store_row *out);
enum coffer_err remote_erase(struct store *base, enum store_table table, struct view id);
enum coffer_err remote_scan(struct store *base, enum store_table table, struct view after, bool backwards, size_t limit, store_row_fn *fn, void *arg);
enum coffer_err remote_count(struct store *base, enum store_table table, uint64_t *out);
enum coffer_err remote_index_find(struct store *base, enum store_table table, uint8_t index, struct view token, struct view after, size_t limit,
	store_id_fn *fn, void *arg);
enum coffer_err remote_survey(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg);
enum coffer_err remote_index_same(struct store *base, enum store_table table, struct view id, struct view index, bool *out_same);
enum coffer_err remote_index_orphans(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg);
enum coffer_err remote_strays(struct store *base, uint64_t *out);

#endif
