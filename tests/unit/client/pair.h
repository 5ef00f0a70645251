/* A connection of libcoffer without a server: the test holds the other end, and says in advance what the daemon answers. */
#ifndef COFFER_TESTS_CLIENT_PAIR_H
#define COFFER_TESTS_CLIENT_PAIR_H

#include "client/conn.h"

struct pair {
	struct coffer *c;
	int peer;
};

/* As after coffer_connect, with this `batch`. */
struct pair pair_open(uint32_t batch);
/* The next answers. end: and nothing behind them. */
void pair_say(const struct pair *p, struct view answers, bool end);
/* The same: an answer of so many sealed messages of `len` bytes, which are `first` in the first one, and one more in each that follows. numbered: as items of
 * a batch. */
void pair_say_sealed(const struct pair *p, unsigned count, bool numbered, uint8_t first, size_t len);
void pair_close(struct pair *p);

#endif
