/* The domain, keys and frozen answers of tests/vectors/formats-v1.json, for the tests of keyring/ and recovery/. */
#ifndef COFFER_TESTS_KEYRING_FIXTURE_H
#define COFFER_TESTS_KEYRING_FIXTURE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"
#include "keyring/ring.h"
#include "store/store.h"
#include "token/token.h"

#define ANSWER_MAX 2048u /* bytes */

/* Starts the arena and reads the vectors. cmocka group setup; fixture_stop is the teardown and fails when
 * arena memory was not given back. */
int fixture_start(void **state);
int fixture_stop(void **state);

/* Bytes of an answer; at most ANSWER_MAX. The test fails when there is none of this name. */
struct view answer(const char *name, uint8_t *into);
/* The printed form of share x (1 … 5), borrowed. */
struct view answer_sheet(unsigned x);
void assert_answer(const char *name, const void *bytes, size_t len);

/* first, first + 1, … */
void rising(uint8_t first, uint8_t *out, size_t len);
struct secret *rising_secret(uint8_t first, size_t len);

/* Domain 00…0f, node 10…1f, the public key of seed e0…ff. */
void fixture_domain(struct domain_id *out);
/* A ring of that domain whose generation 1 is 20…3f; generations 2 to count begin one byte later each. Caller frees. */
struct ring *fixture_ring(unsigned count);
/* The domain seed e0…ff. Caller frees. */
struct secret *fixture_seed(void);
/* The binding of the vectors. */
void fixture_binding(struct token_binding *out);

/* The row of the vectors' object record without its body; header and index are static. */
void fixture_object_row(struct store_row *out);

#endif
