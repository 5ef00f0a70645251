/* What differs between the two helper programs besides the backend; one of setup_tpm2.c and setup_pkcs11.c is linked in. */
#ifndef COFFER_TOKEND_SETUP_H
#define COFFER_TOKEND_SETUP_H

#include <stddef.h>

#include "base/err.h"
#include "base/reason.h"

extern const char setup_program[];     /* for log lines */
extern const size_t setup_arena_size;  /* bytes of secret memory */

/* After arena_init, before anything of the backend. */
enum coffer_err setup_memory(void) MUST_USE;

/* Before the token with this URI is opened: gives up every system call that the backend does not need (src/confine). Files: the token's device,
 * module and sockets can be anywhere, so they are left to permissions. */
enum coffer_err setup_confine(const char *uri, struct reason *reason) MUST_USE;

#endif
