/* A token of the tests: helpers are threads of this process that speak the channel's protocol. */
#ifndef COFFER_TESTS_OPS_FAKE_TOKEN_H
#define COFFER_TESTS_OPS_FAKE_TOKEN_H

#include <pthread.h>
#include <stdatomic.h>

#include "token/channel.h"
#include "token/proxy.h"

#define FAKE_HELPERS_MAX 16u

/* What becomes of the frames of a call. But for the first and the last of these the helper ends with it. */
enum fake_wire {
	FAKE_WIRE_WELL,
	FAKE_WIRE_LOST,    /* the request does not arrive: nothing is done */
	FAKE_WIRE_CUT,     /* done, and half of the reply goes out */
	FAKE_WIRE_GARBLED, /* done, and a byte of the reply's head is another one: of length, number and error in turn */
	FAKE_WIRE_SLOW     /* done, and the reply goes out byte by byte */
};

struct fake_token {
	struct token_spawner spawner;
	_Atomic bool other_key_comes_back; /* unwrap answers something else */
	_Atomic bool no_random;
	_Atomic bool silent;               /* no answer any more */
	_Atomic unsigned provisions;
	_Atomic unsigned policies;         /* made so far */
	void (*on_thread)(void);           /* may be NULL: begins each helper's thread */
	enum coffer_err (*on_call)(void);  /* may be NULL: an error that this call answers */
	enum coffer_err (*on_ask)(const struct channel_request *q); /* may be NULL: sees each call; an error that it answers */
	enum fake_wire (*on_wire)(void);   /* may be NULL: once for each call */
	/* The counter calls; NULL: this token cannot count. auth borrows the request. */
	enum coffer_err (*on_counter)(unsigned op, const struct token_counter_wish *wish, struct token_counter_answer *out);
	/* The signer calls; NULL: an answer of zeros. */
	enum coffer_err (*on_signer)(unsigned op, const struct token_signer_wish *wish, struct token_signer_answer *out);
	/* The endorsement calls; NULL: this token has no certificate. bytes: what a credential hides. */
	enum coffer_err (*on_endorse)(const struct channel_request *q, const struct secret *transport, struct token_endorse_answer *out, struct buf *bytes);
	/* Every call of a helper that stands in the n-th place; NULL: as fake_token.c fills it. bytes: what r->bytes will be. */
	void (*on_request)(unsigned helper, const struct channel_request *q, struct channel_reply *r, struct buf *bytes);
	/* The transport key: one, made when it is asked for. Helpers of one proxy are one after another. */
	struct secret *transport;
	uint8_t transport_owner[TOKEN_TRANSPORT_OWNER_LEN], transport_auth[TOKEN_TRANSPORT_AUTH_LEN];
	_Atomic unsigned transports;       /* made so far */
	unsigned count;
	struct fake_helper { struct fake_token *token; int ours, theirs; pthread_t thread; bool ended; } helpers[FAKE_HELPERS_MAX];
};

/* What a data key is xored with that is wrapped for this binding. */
uint8_t fake_token_mask(const struct token_binding *binding);

void fake_token_init(struct fake_token *t);
/* Joins every helper; no proxy may be left. */
void fake_token_done(struct fake_token *t);

#endif
