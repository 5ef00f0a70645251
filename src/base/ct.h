/* Constant-time helpers for secrets. Time depends on lengths only, never on contents. */
#ifndef COFFER_BASE_CT_H
#define COFFER_BASE_CT_H

#include <stdbool.h>
#include <stddef.h>

/* True when the len bytes at a and b are equal. */
bool ct_equal(const void *a, const void *b, size_t len);
/* True when all len bytes are zero. */
bool ct_is_zero(const void *a, size_t len);
/* Wipes memory so that the compiler cannot drop it (explicit_bzero). p may be NULL when len is 0. */
void wipe(void *p, size_t len);
/* Zeroes the vector registers. A copy or a cipher leaves 16 bytes and more of what it worked on in them, and the kernel keeps them with a thread that
 * waits, where a core dump and a debugger find them: a thread that handled secrets calls this before it waits. */
void wipe_registers(void);

#endif
