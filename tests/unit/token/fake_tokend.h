/* Token helpers as threads: each speaks the channel protocol over a socket pair and does, for each operation, what the test says. */
#ifndef COFFER_TESTS_FAKE_TOKEND_H
#define COFFER_TESTS_FAKE_TOKEND_H

#include <pthread.h>

#include "token/channel.h"
#include "token/proxy.h"

enum fake_act {
	FAKE_DO,       /* answer well */
	FAKE_FAIL,     /* answer with fake.err[op] */
	FAKE_HANG,     /* never answer */
	FAKE_CRASH,    /* close the channel */
	FAKE_STALE,    /* answer with the sequence before */
	FAKE_OVERSIZE, /* announce a frame of 4 GiB */
	FAKE_GARBAGE   /* a frame of noise */
};

#define FAKE_OPS 32u
#define FAKE_HELPERS 200u

struct fake_helper {
	struct fake *fake;
	pthread_t thread;
	int fd;
	bool running, killed;
};

struct fake {
	pthread_mutex_t lock; /* guards all below */
	enum fake_act act[FAKE_OPS];
	enum coffer_err err[FAKE_OPS];
	enum token_pin_step says[FAKE_OPS]; /* a notice in front of what is done, with the last PIN as its mark; 0: none */
	bool start_fails;
	unsigned count[FAKE_OPS]; /* requests seen */
	unsigned starts, kills;
	struct token_binding attached; /* the last ATTACH */
	char opened[TOKEN_URI_MAX + 1];  /* of the last OPEN */
	char pin[TOKEN_PIN_MAX_LEN + 1]; /* of the last PIN */
	char makes_uri[TOKEN_URI_MAX + 1]; /* of what POLICY_MAKE gives; "": that of the proxy */
	struct fake_helper helpers[FAKE_HELPERS];
	struct token_spawner spawner;
	/* changes of state, in order */
	enum token_state seen[256];
	unsigned seen_count;
};

/* What the fake token provisions. */
extern const struct token_binding fake_binding;

struct fake *fake_new(void);
/* After the proxy is gone. Fails the test when a helper was left unkilled. */
void fake_free(struct fake *f);
void fake_set(struct fake *f, enum channel_op op, enum fake_act act, enum coffer_err err);
/* From now on this operation sends, or changes, the PIN; done well, the token has taken it. 0: no more. */
void fake_says(struct fake *f, enum channel_op op, enum token_pin_step step);
unsigned fake_count(struct fake *f, enum channel_op op);
unsigned fake_starts(struct fake *f);
/* Ends the newest helper as a crash would. */
void fake_crash(struct fake *f);
/* Attempt and open deadline 1 s, calls 0.5 s. */
struct token_proxy *fake_proxy(struct fake *f, const struct token_binding *binding, uint64_t probe_interval_ms);
/* Waits at most limit_ms for the state; fails the test when it does not come. Returns how long it took, in ms. */
uint64_t fake_await(struct token_proxy *p, enum token_state state, uint64_t limit_ms);

#endif
