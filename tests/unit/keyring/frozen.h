/* Frozen answers of a file of tests/vectors: an object of names and bytes in hexadecimal. */
#ifndef COFFER_TESTS_KEYRING_FROZEN_H
#define COFFER_TESTS_KEYRING_FROZEN_H

#include "unit/keyring/fixture.h"

/* cmocka group setup with the file, and teardown: fixture_start and fixture_stop with the answers beside them. */
int frozen_start(const char *file, void **state);
int frozen_stop(void **state);

/* An answer that is text; the test fails when there is none of this name. */
const char *frozen_text(const char *name);
/* The bytes of an answer, at most ANSWER_MAX; the test fails when there is none of this name. */
struct view frozen_bytes(const char *name, uint8_t out[static ANSWER_MAX]);
void assert_frozen(const char *name, const void *bytes, size_t len);

#endif
