/* Loads and initialises the one PKCS#11 module that the URI names (never all registered ones), after the last fork. */
#ifndef COFFER_HSM_MODULE_H
#define COFFER_HSM_MODULE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"
#include "hsm/p11.h"

struct hsm_module {
	CK_FUNCTION_LIST *fn; /* NULL when not loaded */
	bool initialised;
};

/* ERR_USAGE: no such file, not a regular file, writable by everyone, not a PKCS#11 module. ERR_TOKEN_GONE …: C_Initialize. */
enum coffer_err hsm_module_open(struct hsm_module *out, const char *path, struct reason *reason) MUST_USE;
/* Finalises and unloads; accepts a zeroed struct. */
void hsm_module_close(struct hsm_module *m);

#endif
