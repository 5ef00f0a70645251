/* A server for sealed messages that needs no key: "sealed" is 68 bytes and the plaintext with every bit turned. It can refuse, stop, lose the connection,
 * drip and say what no daemon says, at an operation that the test chooses. */
#ifndef COFFER_TESTS_CLIENT_ECHO_H
#define COFFER_TESTS_CLIENT_ECHO_H

#include <stdatomic.h>

#include "unit/client/server.h"

#define ECHO_SEALED 0x5e   /* each of the 68 bytes in front, after Seal */
#define ECHO_REWRAPPED 0x77 /* … after Rewrap */

enum echo_spoil { /* what is wrong with an answer */
	ECHO_GOOD,
	ECHO_OTHER_ITEM,   /* an item names another one of the batch */
	ECHO_NO_NAME,      /* … or none */
	ECHO_ONE_LESS,     /* an item is missing, and the count says so */
	ECHO_NO_RESULT,    /* a success without its result */
	ECHO_ONE_GOOD,     /* one success for the whole batch */
	ECHO_LEFT_OVER,    /* an item more than the count says */
	ECHO_GARBAGE       /* no TTLV */
};

struct echo {
	/* operations count from 1; 0: never */
	unsigned refuse_every; /* each n-th is refused, with ECHO_SENTENCE and its number */
	unsigned refuse_message; /* the message with this one is refused as a whole */
	unsigned close_at;     /* the connection ends instead of the answer to the message with this one */
	unsigned close_inside; /* … in the middle of that answer */
	unsigned hang_at;      /* from here on nothing is answered until the client closes */
	unsigned spoil_at;
	enum echo_spoil spoil;
	bool drip;             /* every byte by itself */
	/* seen */
	atomic_uint operations, messages, most;
};

#define ECHO_SENTENCE "this one is refused:"
server_fn echo_serve;

#endif
