/* How many of the bytes that wait go to a stream socket at once, so that the kernel takes memory of one kind for them.
 *
 * Linux copies what is sent on a Unix socket into messages of its own: the first bytes into a head of less than a page, the others into blocks of 32 KiB, and a rest that is
 * no whole block into blocks of 16, 8 and 4 KiB, as its size demands. Who receives gives them back on his processor. Where requests and answers between two
 * processors come in blocks of different kinds, each of the two runs out of one kind and piles up the other, over a gigabyte after a while, and what is sent is copied into memory
 * that is in no cache (docs/performance.md, "Where a small request's time goes"). The daemon's answers are gathered, so nearly all of them stand in whole blocks;
 * what is sent ahead should as well.
 *
 * Nothing but speed depends on it, and a kernel that does otherwise costs two system calls more for each send. Pure functions. */
#ifndef COFFER_CLIENT_PORTION_H
#define COFFER_CLIENT_PORTION_H

#include <stddef.h>

#define PORTION_PAGE 4096u
#define PORTION_HEAD 3776u                                            /* of a page, without what the kernel keeps at its end */
#define PORTION_MAX (PORTION_HEAD + 32u * 1024u)                      /* bytes of one message of the kernel's */
#define PORTION_MIN (PORTION_MAX - PORTION_PAGE + 1)                  /* the fewest that take a whole block */

/* Of `len` bytes that wait, more than 0, those that go first: all of them where a rest cannot be helped; else the whole messages in front, or the first of
 * two halves, which take a block each. */
static inline size_t portion_of(size_t len)
{
	size_t messages = (len + PORTION_MAX - 1) / PORTION_MAX;
	if (messages > 2) return (messages - 2) * PORTION_MAX;
	return len < 2 * (size_t)PORTION_MIN ? len : len - len / 2;
}

#endif
