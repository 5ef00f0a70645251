/* Translation of OpenSSL's error queue (style.md 12). Nothing of the queue's text travels further: it may name inputs. */
#ifndef COFFER_CRYPTO_CRYPTO_ERR_H
#define COFFER_CRYPTO_CRYPTO_ERR_H

#include "base/err.h"

/* Empties this thread's OpenSSL error queue; ERR_MEMORY when an allocation failed (the arena is full), else ERR_CRYPTO.
 * Call it right after an OpenSSL call that failed: ENSURE(EVP_x(…) == 1, crypto_err_take()). */
enum coffer_err crypto_err_take(void) MUST_USE;
/* Told by OpenSSL's allocator that an allocation of this thread failed: not all of OpenSSL says so in its queue. */
void crypto_err_note_memory(void);
/* Empties the queue after a failure that is expected (a tag that does not match). */
void crypto_err_drop(void);
/* Before a new piece of work: want of memory that an earlier one got over is not the cause of what fails now. Cheap. */
void crypto_err_begin(void);

#endif
