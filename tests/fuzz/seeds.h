/* The committed corpora are made by this program: `fuzz_seeds tests/fuzz/corpus`, from an ordinary build. It writes what is not random the same way
 * every time; names of files say what is in them. */
#ifndef COFFER_TESTS_FUZZ_SEEDS_H
#define COFFER_TESTS_FUZZ_SEEDS_H

#include "base/buf.h"
#include "base/view.h"

#define SEED_MAX 4096u /* bytes of a file */

/* Writes FOLDER/target/name; says so and leaves it out when it is larger than SEED_MAX. */
void seed_write(const char *target, const char *name, struct view bytes);

void seeds_archive(void);   /* archive */
void seeds_requests(void);  /* kmip, vendor, attributes, response */
void seeds_rows(void);      /* row */
void seeds_stored(void);    /* stored */
void seeds_small(void);     /* config, control, share */

#endif
