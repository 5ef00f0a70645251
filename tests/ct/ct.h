/* Constant time under valgrind: secrets are marked as undefined, the real code runs, and memcheck reports every branch and every address that
 * depends on them. A case is one such run; a control is a variant that must be reported, so that the net is known to hold fish.
 *
 * What may be known of a secret is declassified at the functions that CMakeLists.txt wraps (wraps.c), and nowhere else. */
#ifndef COFFER_TESTS_CT_H
#define COFFER_TESTS_CT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"

enum ct_kind {
	CT_CLEAN,   /* nothing may be reported */
	CT_CONTROL  /* must be reported */
};

struct ct_case {
	const char *name;
	enum ct_kind kind;
	enum coffer_err (*run)(void); /* ERR_OK: ran as expected, whether reported or not */
};

/* Tables of cases, each ending in a row without a name. */
extern const struct ct_case ct_base[], ct_crypto[], ct_openssl[], ct_keyring[], ct_recovery[], ct_kmip[];

/* From here on the bytes are secret. */
void ct_hide(void *p, size_t len);
/* From here on they may be known. */
void ct_show(void *p, size_t len);
/* Whether any of the bytes depends on a secret: what shows that a case did what it says. */
bool ct_is_hidden(const void *p, size_t len);
/* ERR_OK when the bytes depend on a secret, which is then declassified; else ERR_STATE. */
enum coffer_err ct_take(void *p, size_t len) MUST_USE;
/* first, first + 1, … as a hidden secret; aborts when the arena is full. Caller frees. */
struct secret *ct_secret(unsigned first, size_t len);

#endif
