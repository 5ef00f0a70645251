/* Times as people and scripts read them. */
#ifndef COFFER_CLI_WHEN_H
#define COFFER_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#define WHEN_TEXT_MAX 32u /* bytes with NUL */

/* "2026-11-21T12:13:46Z"; "?" for a time that the calendar does not hold. */
void when_text(uint64_t unix_s, char out[static WHEN_TEXT_MAX]);
/* "90d" and the like: a number from 1 on with s, m, h, d, w or y (365 d), up to 2^32 - 1 s. False: it is none. */
bool when_interval(const char *text, uint32_t *out_s);
/* The same the other way round, in the largest unit that it is whole in. */
void when_interval_text(uint32_t s, char out[static WHEN_TEXT_MAX]);

#endif
