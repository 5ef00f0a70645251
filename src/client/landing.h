/* The result of one large answer on its way to the caller's memory, without standing in the connection's block before. Under the connection's lock. */
#ifndef COFFER_CLIENT_LANDING_H
#define COFFER_CLIENT_LANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LANDING_PADDING 8u /* bytes behind a result are fewer (KMIP 1.4 section 9.1.1.4) */

struct landing {
	uint8_t *out;        /* the caller's, of `len` bytes at least */
	size_t len, padding; /* bytes that are to come: the result, and zeros behind it */
	size_t got;          /* of both */
	uint8_t zeros[LANDING_PADDING];
};

/* As recv without flags, of what is to come yet and nothing behind it. */
ssize_t landing_recv(struct landing *l, int fd);
/* Bytes that are to come yet. */
size_t landing_left(const struct landing *l);
/* Whether what came behind the result is what belongs there. All of it is here. */
bool landing_is_well(const struct landing *l);
/* Wipes what came. */
void landing_drop(struct landing *l);

#endif
