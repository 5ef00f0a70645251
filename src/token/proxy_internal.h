/* Inside of the token proxy: the helper process (proxy_helper.c), the PINs on their way (proxy_sent.c), the states (proxy_state.c), the thread (proxy_thread.c) and the
 * calls (proxy.c). For token/ and its tests alone. */
#ifndef COFFER_TOKEN_PROXY_INTERNAL_H
#define COFFER_TOKEN_PROXY_INTERNAL_H

#include <pthread.h>

#include "base/sm.h"
#include "token/channel.h"
#include "token/proxy.h"

/* How the proxy goes on in a state. */
enum proxy_retry {
	PROXY_RETRY_NONE,     /* nothing to mend */
	PROXY_RETRY_BACKOFF,  /* again at once, then with growing pauses */
	PROXY_RETRY_SLOW,     /* every PROXY_PAUSE_MAX_MS: only an operator can mend it, and a look costs nothing */
	PROXY_RETRY_ASKED     /* only after token_proxy_retry: a look may cost a PIN try */
};

#define PROXY_PAUSE_MIN_MS 500u
#define PROXY_PAUSE_MAX_MS 2000u
#define PROXY_ATTEMPT_MIN_MS 2500u  /* shortest deadline of an attempt; with the longest pause below 5 s */
#define PROXY_CUT_MS 100u
#define PROXY_STOP_MS 500u          /* for a call under way to end when the proxy is freed */
#define PROXY_CLOSE_MS 2000u        /* an orderly end */

extern const struct sm_table proxy_states;
enum proxy_retry proxy_state_retry(enum token_state state);
/* What a call fails with in this state. */
enum coffer_err proxy_state_error(enum token_state state);
/* The state that a failed attempt or a fatal call leads to. */
enum token_state proxy_state_after(enum coffer_err err);
/* The sentence for status: the reason of the failure, or the state's own, and what the operator does. */
/* given: the PIN came from a person, who is told to give it again. told: the reason says all by itself. */
void proxy_state_explain(enum token_state state, bool given, bool told, const struct reason *why, struct reason *out);
/* Pause before the attempt after `failures` failures in a row (>= 1). */
uint64_t proxy_state_pause_ms(enum token_state state, uint32_t failures);

/* What the helpers said of PINs (token/notice.h). The proxy's thread alone. */
struct proxy_sent {
	struct secret *marks;    /* of the one that was sent last, of the one that was taken last; NULL: no word of any */
	enum token_pin_step way; /* TOKEN_PIN_GOES, TOKEN_PIN_CHANGES: one is on its way, without an answer; 0: none */
	bool known;              /* the token has taken one, and refused none since */
	bool repeated;           /* that one was on its way when a helper ended, and nothing was taken since */
};

enum proxy_lost { PROXY_LOST_NOTHING, PROXY_LOST_LOGIN, PROXY_LOST_CHANGE };

void proxy_sent_note(struct proxy_sent *s, const struct token_notice *notice);
/* The call ended with an answer of the token. False: one that leaves open whether the PIN was changed, so that proxy_sent_lost follows. */
bool proxy_sent_answered(struct proxy_sent *s, enum coffer_err err);
/* The helper ended without one. PROXY_LOST_NOTHING: the next may send what it sends. Else none goes out before an operator asks. */
enum proxy_lost proxy_sent_lost(struct proxy_sent *s);
/* Another token, or the end of the proxy: wiped. */
void proxy_sent_forget(struct proxy_sent *s);

/* One helper process at most. Owned by the proxy's thread; fd is closed and replaced under the lock. */
struct proxy_helper {
	const struct token_spawner *spawner;
	enum token_kind kind;
	pthread_mutex_t *lock;
	int fd;             /* -1: no helper */
	uint32_t instance;
	uint32_t sequence;
	struct buf frame;   /* of the last request or reply */
	struct proxy_sent sent;
	bool lost;          /* the last call failed because a PIN was on its way: ERR_AUTH, with a sentence that says all */
};

enum coffer_err proxy_helper_start(struct proxy_helper *h, struct reason *reason) MUST_USE;
/* Kills it and forgets it; fine without one. */
void proxy_helper_end(struct proxy_helper *h);
/* One request (its sequence is filled in here) and its reply. ERR_TIMEOUT, ERR_TOKEN_GONE, and ERR_AUTH with h->lost: the helper was ended. Another
 * failure is the token's answer: reply->err. Views in *reply borrow h->frame until the next call. */
enum coffer_err proxy_helper_call(struct proxy_helper *h, struct channel_request *request, uint64_t limit_ms,
	struct channel_reply *reply, struct reason *reason) MUST_USE;

/* Where token_proxy_retarget leads. */
struct proxy_target {
	const char *uri;
	enum token_kind kind;
	const struct token_binding *binding; /* may be NULL */
	bool home;                           /* the way back */
};

/* A call of another thread, on that thread's stack until done. */
struct proxy_job {
	struct channel_request request;
	const struct proxy_target *target; /* NULL: a request; else the proxy turns there */
	bool ends;  /* a zeroise: also where the PIN is wrong or not given, and where the master secret does not show */
	bool asked; /* the request itself was sent */
	uint64_t limit_ms;
	/* Copies the reply to where the caller wants it; runs in the proxy's thread while the caller waits. May be NULL. */
	enum coffer_err (*take)(struct proxy_job *job, const struct channel_reply *reply);
	void *out;
	size_t out_len;
	enum coffer_err err;
	struct reason reason;
	bool done;
	struct proxy_job *next;
};

struct token_proxy {
	/* fixed */
	uint64_t open_ms, call_ms, provision_ms, probe_interval_ms;
	void (*on_health)(void *arg, enum token_state from, enum token_state to);
	void *on_health_arg;
	pthread_t thread;
	int wake_fd;          /* eventfd(2): work for the thread */

	pthread_mutex_t lock; /* guards everything down to the next comment */
	pthread_cond_t done;  /* for the callers */
	bool stop, busy, retry_asked, bound;
	bool attended, unlocked;           /* attended: attempts are made while it is unlocked */
	bool anew;                         /* what retry_asked asks for: another helper, also where one serves */
	struct secret *pin;                /* given by token_proxy_unlock; NULL: none */
	struct secret *aside_pin;          /* given for the token that the proxy was turned away from, or is about to turn to, NULL: none; of */
	char aside_uri[TOKEN_URI_MAX + 1]; /* this one alone: with another it would cost a try */
	bool pin_lent;                     /* pin is a copy: given for another place in the same TPM, where it is aside for */
	struct secret *next_pin;           /* what it becomes with token_proxy_policy_adopt; NULL: it stays */
	bool joined; /* of the thread that stops it */
	char uri[TOKEN_URI_MAX + 1];
	struct token_binding binding;
	struct proxy_job *first_job, *last_job;
	uint64_t probe_wanted, probe_done; /* numbers of token_proxy_probe_now */
	enum coffer_err probe_err;
	struct reason probe_reason;
	unsigned state;        /* enum token_state; written by the thread alone */
	uint64_t since_wall_s, probed_at_ms, probe_duration_ms;
	struct reason sentence;
	bool probed, described;
	uint32_t failures, restarts;
	struct token_info info;

	/* the thread's own */
	struct proxy_helper helper;
	bool started_once;
	bool given;               /* what the last attempt was refused came from a person, */
	bool source_refused;      /* or from the pin-source of a PKCS#11 token */
	uint64_t next_at_ms;      /* of the next probe or attempt; UINT64_MAX: none */
	uint64_t last_attempt_ms; /* how long the last good attempt took; 0: none yet */
};

void *proxy_thread_main(void *proxy);
/* Queues the job and waits for it; the reason only on failure. Any thread but the proxy's. */
enum coffer_err proxy_run(struct token_proxy *p, struct proxy_job *job, struct reason *reason) MUST_USE;
/* Under the lock, p->uri still that of before: p->pin becomes the one that was given for uri, NULL: none, and what it was is kept for the way back (proxy_pin.c). */
void proxy_pin_turn(struct token_proxy *p, const char *uri);
/* Under the lock, p->uri still that of before: the PIN that p->uri's pin-source has is what this one's has, and no other was given for it. */
bool proxy_pin_is_same(const struct token_proxy *p, const char *uri);
/* Under the lock: another PIN for the token of now (owned; NULL: none); the earlier one is forgotten, wherever in that token it was kept for. */
void proxy_pin_replace(struct token_proxy *p, struct secret *pin);
/* Under the lock: the token did not take p->pin, which is forgotten. */
void proxy_pin_refused(struct token_proxy *p);
/* Whether this is a call of a TPM's counter, which wants neither PIN nor master secret, and the state one that these are the cause of. With the lock, or in the proxy's thread. */
bool proxy_counts_without_pin(const struct token_proxy *p, enum channel_op op);
/* Whether the job is such a call, or one of a zeroise (job->ends), for which a TPM wants its owner and no PIN; these go also where nothing was connected to yet (TOKEN_WAITING). As above. */
bool proxy_goes_without_pin(const struct token_proxy *p, const struct proxy_job *job);
/* Runs it with a helper of its own that has no PIN, and so cannot spend a try; the state stays what it is. That the master secret is not there, or another one is, fails all but
 * the calls of a counter. The proxy's thread, without the lock, in a state without a helper. */
void proxy_run_without_pin(struct token_proxy *p, struct proxy_job *job);
/* Whether calls are taken: STARTING, OPEN, WELL. */
bool proxy_state_serves(enum token_state state);

#endif
