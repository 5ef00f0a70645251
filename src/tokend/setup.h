/* What differs between the two helper programs besides the backend; one of setup_tpm2.c and setup_pkcs11.c is linked in. */
#ifndef COFFER_TOKEND_SETUP_H
#define COFFER_TOKEND_SETUP_H

#include <stddef.h>

#include "base/err.h"

extern const char setup_program[];     /* for log lines */
extern const size_t setup_arena_size;  /* bytes of secret memory */

/* After arena_init, before anything of the backend. */
enum coffer_err setup_memory(void) MUST_USE;

#endif
