/* A secret as a line of the file of markers (leak/forms.h), masked, on standard output: how one program tells another what it learnt. */
#ifndef COFFER_TESTS_LEAK_MARKER_H
#define COFFER_TESTS_LEAK_MARKER_H

#include "base/secret.h"

/* At most 64 bytes. ERR_LIMIT, ERR_CRYPTO. */
enum coffer_err marker_print(const char *name, const struct secret *s) MUST_USE;

#endif
