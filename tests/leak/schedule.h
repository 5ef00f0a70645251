/* The expanded key of AES (FIPS 197 section 5.2), as a cipher keeps it in memory. */
#ifndef TESTS_LEAK_SCHEDULE_H
#define TESTS_LEAK_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AES_SCHEDULE_MAX 240u /* bytes, AES-256 */

/* Writes the round keys of a key of 16, 24 or 32 bytes and returns their size; with `inverse` those of the equivalent inverse cipher (section 5.3.5), in
 * the order of the rounds of encryption. */
size_t aes_schedule(const uint8_t *key, size_t len, bool inverse, uint8_t out[static AES_SCHEDULE_MAX]);

#endif
