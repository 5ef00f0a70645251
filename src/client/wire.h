/* Bytes on their way over a connection, in ordinary memory that is wiped where it was used. Belongs to one connection, under its lock. */
#ifndef COFFER_CLIENT_WIRE_H
#define COFFER_CLIENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/include/coffer.h"

/* `len` bytes from `begin` on. When it is wrapped they are whole frames, at least one, and `front` bytes more, which come after them, stand at the start of the
 * block. */
struct wire {
	uint8_t *ptr;
	size_t begin, len, cap;
	size_t front;
	bool wrapped;
	size_t stale; /* below it may stand plaintext that is done with and not wiped yet */
};

#define WIRE_NO_TAIL SIZE_MAX

/* Wipes it. */
void wire_free(struct wire *w);
/* Bytes in it. */
size_t wire_total(const struct wire *w);
/* Where the next bytes go, and for how many there is room. */
uint8_t *wire_end(const struct wire *w);
size_t wire_room(const struct wire *w);
/* So many bytes were put there. */
void wire_added(struct wire *w, size_t n);
/* Room for `want` bytes where there is not: at the start of the block, by moving what is in it, or in a larger block of `max` bytes at most. tail: of a wire that is
 * not wrapped, bytes at its end that are no whole frame yet; WIRE_NO_TAIL: it is all of one piece. COFFER_ETOOLARGE, COFFER_EMEMORY: what is in it is as it was. */
enum coffer_status wire_make_room(struct wire *w, size_t want, size_t max, size_t tail);
/* The first `len` bytes, no more than begin there, are done with; they are not wiped. */
void wire_pass_over(struct wire *w, size_t len);
/* The bytes before `end` in the block may be plaintext: wire_settle wipes them. */
void wire_leave(struct wire *w, size_t end);
/* Wipes what was left, and nothing of what is in it. */
void wire_settle(struct wire *w);
/* All that is in it is done with, and may be plaintext. */
void wire_drop(struct wire *w);

#endif
