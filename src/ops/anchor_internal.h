/* What the parts of the anchor share. */
#ifndef COFFER_OPS_ANCHOR_INTERNAL_H
#define COFFER_OPS_ANCHOR_INTERNAL_H

#include "ops/anchor.h"

/* How the token's answer stands to the record; the rows of docs/formats.md section 19.4. */
enum anchor_verdict {
	ANCHOR_WELL, ANCHOR_STEP_BEHIND,                      /* to be served */
	ANCHOR_STORE_OLD, ANCHOR_TOKEN_OLD, ANCHOR_GONE, ANCHOR_REPLACED, ANCHOR_BEFORE, ANCHOR_ELSEWHERE, ANCHOR_DAMAGED /* refused */
};

struct anchor {
	pthread_rwlock_t turning; /* for writing by who turns the token to another one, for reading by who must not see that; before `lock` */
	pthread_mutex_t lock;  /* guards facts */
	struct anchor_facts facts;
	/* admin lane, admin_lock or the one thread that raises */
	enum anchor_verdict verdict;
	bool other_token;      /* the verdict is on a counter in a token that `rotate master` was to go to */
	bool left_token;       /* the verdict is on the counter in the token that `rotate master` left */
	uint64_t confirmed;    /* what the token said last; 0: nothing */
	uint32_t unsure;       /* the override that anchor_accept wrote with an unknown outcome; 0: none since the verdict */
};

/* The record of a made counter beside what the token says. */
enum anchor_verdict anchor_judge(uint64_t recorded, const struct token_counter_answer *answer);
/* The same of the counter that `record` is about: one that was left was to be raised then, and once more before that. */
enum anchor_verdict anchor_judge_record(const struct anchor_record *record, const struct token_counter_answer *answer);
void anchor_set_level(struct anchor *a, enum anchor_level level, const char *sentence);
/* Level REFUSED, with the sentence; ERR_CORRUPT. value: what the token says. */
enum coffer_err anchor_refuse(struct engine *engine, enum anchor_verdict verdict, const struct anchor_record *record, uint64_t value, struct reason *reason) MUST_USE;
/* Level BROKEN, with the sentence, and the token is asked as soon as it answers. */
void anchor_set_uncompared(struct anchor *a, const char *sentence);
/* What status shows of the record, and what the token said. */
void anchor_know(struct anchor *a, const struct anchor_record *record);

struct anchor_write {
	struct anchor_record *record;
	bool found; /* load: there is one */
};
/* An event of the node itself, with these details, into the audit log; that it cannot be written is logged. */
void anchor_event(struct engine *engine, const char *details);
/* Of the store thread, inside a transaction (engine_store_fn). Load leaves ANCHOR_RECORD_NONE where there is none. */
enum coffer_err anchor_load(struct engine *engine, struct txn *txn, void *write, struct reason *reason) MUST_USE;
/* Sets root version and time, too. */
enum coffer_err anchor_store(struct engine *engine, struct txn *txn, struct anchor_record *record, struct reason *reason) MUST_USE;
/* Has the token make a counter for a record of stage MAKING that stands in the store, and writes that it is made. *out_other: the node has another counter in
 * this token, and nothing was made. */
enum coffer_err anchor_make(struct engine *engine, struct anchor_record *record, bool replace, bool *out_other, struct reason *reason) MUST_USE;

#endif
