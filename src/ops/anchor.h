/* The rollback anchor: a counter in the token that says how new the store must be (docs/formats.md section 19). Here is what is compared and what is
 * raised; when, and who waits for it, is the daemon's (daemon/anchor_thread.h). */
#ifndef COFFER_OPS_ANCHOR_H
#define COFFER_OPS_ANCHOR_H

#include "keyring/anchor_record.h"
#include "ops/engine.h"

#define ANCHOR_ENDURANCE 500000u /* writes of one place that a TPM is good for */

enum anchor_level {
	ANCHOR_UNKNOWN,  /* the token was not asked yet */
	ANCHOR_NONE,     /* this kind of token cannot count */
	ANCHOR_TOKEN,    /* the token counts */
	ANCHOR_BROKEN,   /* it could, but no counter could be made */
	ANCHOR_REFUSED   /* the store is not the one that the counter speaks of: the node does not serve it */
};

struct anchor_facts {
	enum anchor_level level;
	char sentence[REASON_MAX];      /* "" when well */
	char place[TOKEN_COUNTER_PLACE];
	uint64_t first, counter;        /* what the token said when it was made, and last */
	uint64_t made_ms;               /* when it was made, by the wall clock */
	uint64_t root_version;          /* everything up to it is anchored */
	uint64_t raised_ms;             /* when, by the wall clock */
	bool late;                      /* the last raise failed */
	bool made_now;                  /* the last check made the counter: nothing was compared */
	bool uncompared;                /* opened without the token; its counter is asked as soon as it is well */
	uint32_t overridden;
	uint64_t overridden_ms, overridden_from, overridden_to;
};

struct anchor;

/* NULL when memory is short. */
struct anchor *anchor_new(void);
void anchor_free(struct anchor *anchor); /* accepts NULL */
/* Any thread. NULL: level UNKNOWN. */
void anchor_facts(struct anchor *anchor, struct anchor_facts *out);
/* Whether raises do something. Any thread. */
bool anchor_protects(struct anchor *anchor);
/* "token counter", "none", "refused" … for status. Static. */
const char *anchor_level_name(enum anchor_level level);

/* While it is kept, `rotate master` does not turn the token to another one. False: it is turned just now. NULL: true. Any thread; not for long. */
bool anchor_keep_token(struct anchor *anchor);
void anchor_let_token(struct anchor *anchor);

/* At start, with the ring in place and the store compared with its root, before anything is served: asks the token. Makes a counter where there never was
 * one; that this fails is no error. ERR_CORRUPT with a sentence: the store must not be served (level REFUSED). Other errors: the token did not answer, or
 * the store. Admin lane, admin_lock held. An engine without an anchor: ERR_OK. */
enum coffer_err anchor_check(struct engine *engine, struct reason *reason) MUST_USE;

/* After anchor_check failed because the token did not answer, on a node that shares or passphrase open: it serves without, and says so; facts.uncompared until it was asked. */
void anchor_go_without_token(struct engine *engine, enum coffer_err err, const struct reason *why);
/* An open node whose anchor_check found that it must not be served (engine->anchor_fault): the state becomes FAULT, with the sentence. Admin lane, admin_lock held. */
void anchor_stop_serving(struct engine *engine);
/* For an open node that was opened without the token (facts.uncompared), which is well now: asks its counter. What was found is in the audit log; FAULT where the store
 * is not the one that the counter speaks of. ERR_UNSUPPORTED: a TPM that says that it cannot count, which is not believed. Other errors: not asked yet. Admin lane, admin_lock held. */
enum coffer_err anchor_compare_late(struct engine *engine, struct reason *reason) MUST_USE;

/* Record, then raise, when anything was committed since the last one. recorded (may be NULL) is called on the store thread while the record is written: what was
 * committed until then is anchored when this succeeds; also called when there was nothing to do. ERR_BUSY: the token is turned to another
 * one just now. The one thread that raises. */
enum coffer_err anchor_raise(struct engine *engine, void (*recorded)(void *arg), void *arg, struct reason *reason) MUST_USE;

/* Takes the store as it is after REFUSED, with an audit row in the same transaction; then raises, or makes another counter; that this
 * fails is only logged. The caller opens the node, where anchor_check judges. ERR_STATE: there is nothing to take. by: who approved, for the audit log; may be "". Admin lane, admin_lock held. */
enum coffer_err anchor_accept(struct engine *engine, const struct principal *principal, const char *by, struct reason *reason) MUST_USE;

#endif
