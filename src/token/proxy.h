/* cofferd's side of the token: one thread that owns one coffer-tokend at a time, gives every call a deadline, probes the
 * token's health, and ends and restarts a helper that hangs, crashes or breaks the protocol. Calls block and are made by
 * admin threads, never by workers; any number of threads may call at once, one call runs at a time.
 *
 * No retry costs a PIN try: a wrong PIN and a locked token stop the automatic attempts until token_proxy_retry. */
#ifndef COFFER_TOKEN_PROXY_H
#define COFFER_TOKEN_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/counter.h"
#include "token/kind.h"
#include "token/sign.h"
#include "token/token.h"

struct token_proxy;

/* How helpers come to be: in cofferd through the monitor. Called from the proxy's thread only; may block for a few seconds. */
struct token_spawner {
	/* A fresh helper of this kind: *out_fd is a stream socket to it (the proxy's to close), *out_instance names it in kill. */
	enum coffer_err (*start)(void *arg, enum token_kind kind, int *out_fd, uint32_t *out_instance, struct reason *reason);
	/* SIGKILL, also for a stopped helper; one that ended already is no error. */
	void (*kill)(void *arg, uint32_t instance);
	void *arg;
};

/* The state of the token as this node sees it; the diagram of moves stands in token/proxy_state.c. */
enum token_state {
	TOKEN_STARTING,      /* first attempt under way */
	TOKEN_OPEN,          /* open, without a binding: waits for token_proxy_provision */
	TOKEN_WELL,          /* open, attached, the last probe went well */
	TOKEN_NOT_ANSWERING, /* a deadline passed; attempts go on */
	TOKEN_GONE,          /* not present, helper ended or cannot be started; attempts go on */
	TOKEN_REFUSED,       /* the master secret does not meet the rules; looked at again every 2 s */
	TOKEN_KEY_MISSING,   /* the token does not show the master secret; looked at again every 2 s */
	TOKEN_OTHER,         /* another token or master secret; looked at again every 2 s */
	TOKEN_WRONG_PIN,     /* stopped until token_proxy_retry */
	TOKEN_LOCKED,        /* stopped until token_proxy_retry */
	TOKEN_MISCONFIGURED, /* the URI is not usable; stopped until token_proxy_retry */
	TOKEN_WAITING        /* attended: not connected to; stopped until token_proxy_unlock */
};

#define TOKEN_DEFAULT_DEADLINE_MS 10000u
#define TOKEN_DEFAULT_PROBE_INTERVAL_MS 10000u

struct token_proxy_config {
	const char *uri;                       /* copied */
	const struct token_binding *binding;   /* copied; NULL before provisioning */
	const struct token_spawner *spawner;   /* borrowed, outlives the proxy */
	uint64_t deadline_ms;                  /* open and attach; provision has three times as much, other calls half; 0: default */
	uint64_t probe_interval_ms;            /* while well; 0: default */
	bool attended;                         /* nothing is done before token_proxy_unlock; a refused PIN ends that */
	/* A change of state; called from the proxy's thread without locks. It must not call the proxy but for
	 * token_proxy_health and token_proxy_retry. May be NULL. */
	void (*on_health)(void *arg, enum token_state from, enum token_state to);
	void *on_health_arg;
};

struct token_health {
	enum token_state state;
	uint64_t since_wall_s;             /* when the state was entered */
	char sentence[REASON_MAX];         /* what is wrong and what to do; "" when well */
	bool probed;                       /* the next two are valid */
	uint64_t probe_age_ms;             /* since the last successful probe */
	uint64_t probe_duration_ms;
	uint32_t failures;                 /* attempts and probes that failed since the token was last well */
	uint32_t restarts;                 /* helpers started after the first one */
	bool described;                    /* info is valid (of the last good attach, also while the token is unwell) */
	struct token_info info;
};

/* Starts the thread and the first attempt, and returns at once. ERR_USAGE: URI; ERR_MEMORY; ERR_IO: no thread. */
enum coffer_err token_proxy_new(const struct token_proxy_config *config, struct token_proxy **out, struct reason *reason) MUST_USE;
/* Ends the helper and the thread: calls under way, those that wait for their turn and all later ones fail (ERR_CLOSED, or what became of
 * the helper). The proxy stays until it is freed. Accepts NULL; again does nothing. One thread. */
void token_proxy_stop(struct token_proxy *p);
/* Stops it, unless it is; no call may be under way. Accepts NULL. */
void token_proxy_free(struct token_proxy *p);

/* The calls. Each waits for its turn, while the state is TOKEN_STARTING for the attempt to end, and then at most its deadline. In
 * an unwell state it fails at once with the state's error and sentence. ERR_TIMEOUT and ERR_TOKEN_GONE: the helper was
 * ended, and whether a provision took effect is not known (it may be repeated: it adopts what it made). */

/* Only without a binding (ERR_STATE): makes or adopts the master secret; the proxy keeps the binding for restarts. */
enum coffer_err token_proxy_provision(struct token_proxy *p, struct token_binding *out, struct reason *reason) MUST_USE;
/* From now on the proxy speaks to the token of this URI, with this binding (NULL: none yet; provision follows), with a helper of its own; waits for the first
 * attempt. Also from an unwell state. When it fails the proxy stays with the new URI and goes on trying. Both are copied. */
enum coffer_err token_proxy_retarget(struct token_proxy *p, const char *uri, const struct token_binding *binding, struct reason *reason) MUST_USE;
/* The same, back to the token in force. Where the same PKCS#11 token has just refused what the same pin-source gives, that is not tried once more: ERR_AUTH or ERR_TOKEN_LOCKED at once, and the state
 * stays so until an operator asks. */
enum coffer_err token_proxy_go_home(struct token_proxy *p, const char *uri, const struct token_binding *binding, struct reason *reason) MUST_USE;
/* Takes *pin (moved), that of the token of uri, to which the next token_proxy_retarget leads; no other token is given it. Nothing is sent now. That of the token in force is
 * given by token_proxy_unlock: for its URI this drops it. */
void token_proxy_give_pin(struct token_proxy *p, const char *uri, struct secret **pin);
/* Whether a person gave the PIN of the token that the proxy is turned to. */
bool token_proxy_has_pin(struct token_proxy *p);
/* Whether token_proxy_retarget would give the token of uri a PIN that a person gave. */
bool token_proxy_brings_pin(struct token_proxy *p, const char *uri);
/* The token that the proxy is turned to stays so: the PIN of another one, kept for the way there, is wiped unless keep_other. */
void token_proxy_is_home(struct token_proxy *p, bool keep_other);
/* plain: TOKEN_SECRET_LEN bytes. Appends at most TOKEN_BLOB_MAX bytes to out. ERR_STATE while there is no binding. */
enum coffer_err token_proxy_wrap(struct token_proxy *p, const struct secret *plain, struct buf *out, struct reason *reason) MUST_USE;
/* ERR_CORRUPT when the token refuses the blob. Caller frees *out. ERR_STATE while there is no binding. */
enum coffer_err token_proxy_unwrap(struct token_proxy *p, struct view blob, struct secret **out, struct reason *reason) MUST_USE;
/* Destroys the master secret (token/erase.h). ERR_TOKEN_KEY_MISSING: the token does not show it. ERR_STATE while there is no binding. */
enum coffer_err token_proxy_erase(struct token_proxy *p, struct reason *reason) MUST_USE;
/* As token_proxy_erase, and of a TPM also where its PIN was refused, is locked out, cannot be read or was not given (TOKEN_WAITING): destroying wants the TPM's owner and no PIN. It is
 * attached to by a helper that has none, so that no try is spent; what that attach says is what this fails with. *out_asked: whether the token was told to destroy it; else it was not. */
enum coffer_err token_proxy_zeroise(struct token_proxy *p, bool *out_asked, struct reason *reason) MUST_USE;
/* len: at most CHANNEL_RANDOM_MAX (4096) bytes, else ERR_TOO_LARGE. */
enum coffer_err token_proxy_random(struct token_proxy *p, uint8_t *out, size_t len, struct reason *reason) MUST_USE;
enum coffer_err token_proxy_describe(struct token_proxy *p, struct token_info *out, struct reason *reason) MUST_USE;
/* The counter calls (token/counter.h), each with the deadline of a call. ERR_UNSUPPORTED: this kind of token cannot count. ERR_STATE while there is no
 * binding. A TPM's counter wants neither PIN nor master secret: where the PIN was wrong, the TPM is locked, pin-source cannot be read, or the TPM answers and has no master secret of this node
 * (or another one), make, read and raise are served all the same, by a helper that has no PIN, so that no try is spent. */
enum coffer_err token_proxy_counter_make(struct token_proxy *p, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason) MUST_USE;
enum coffer_err token_proxy_counter_read(struct token_proxy *p, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason) MUST_USE;
enum coffer_err token_proxy_counter_raise(struct token_proxy *p, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason) MUST_USE;
/* Whether make, read and raise would be tried in the state of now. Any thread. */
bool token_proxy_counts(struct token_proxy *p);
/* Removes the owner's counters; also when the token is open without its master secret, and in the states in which token_proxy_zeroise destroys. */
enum coffer_err token_proxy_counter_drop(struct token_proxy *p, const uint8_t owner[static TOKEN_COUNTER_OWNER_LEN], struct reason *reason) MUST_USE;
/* The signer calls (token/sign.h), each with the deadline of a call. ERR_UNSUPPORTED: this token signs nothing. ERR_STATE while there is no binding. */
enum coffer_err token_proxy_signer_make(struct token_proxy *p, const struct token_signer_wish *wish, struct token_signer_answer *out,
	struct reason *reason) MUST_USE;
enum coffer_err token_proxy_signer_drop(struct token_proxy *p, const uint8_t owner[static TOKEN_SIGNER_OWNER_LEN], struct reason *reason) MUST_USE;
enum coffer_err token_proxy_sign(struct token_proxy *p, const struct token_signer_wish *wish, struct token_signer_answer *out,
	struct reason *reason) MUST_USE;
/* Probes now; in an unwell state that is not stopped makes an attempt now. ERR_TIMEOUT after max_wait_ms (what was begun goes on). */
enum coffer_err token_proxy_probe_now(struct token_proxy *p, uint64_t max_wait_ms, struct reason *reason) MUST_USE;

/* An operator asks for a new attempt (SIGHUP, unseal): also from the stopped states; this one may cost a PIN try. */
void token_proxy_retry(struct token_proxy *p);

/* Makes one attempt now, with this PIN (*pin is moved) or, when it is NULL, as the URI says, and waits for its end. The PIN is kept for helpers started
 * later and wiped when the token refuses it or the proxy is freed. In a serving state it only probes, and the PIN is wiped; a TPM is opened anew with it. Whether a TPM takes it an unwrap
 * says, not this. Errors as the state's; ERR_TIMEOUT. */
enum coffer_err token_proxy_unlock(struct token_proxy *p, struct secret **pin, struct reason *reason) MUST_USE;

void token_proxy_health(struct token_proxy *p, struct token_health *out);
/* "starting", "open", "well", "not answering", "gone", "refused", "key missing", "other token", "wrong PIN", "locked",
 * "misconfigured", "waiting". Static storage. */
const char *token_state_name(enum token_state state);

#endif
