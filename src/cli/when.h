/* Times as people and scripts read them. */
#ifndef COFFER_CLI_WHEN_H
#define COFFER_CLI_WHEN_H

#include <stdint.h>

#define WHEN_TEXT_MAX 32u /* bytes with NUL */

/* "2026-11-21T12:13:46Z"; "?" for a time that the calendar does not hold. */
void when_text(uint64_t unix_s, char out[static WHEN_TEXT_MAX]);

#endif
