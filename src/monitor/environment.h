/* What of the environment the monitor keeps for itself and hands to its children. */
#ifndef COFFER_MONITOR_ENVIRONMENT_H
#define COFFER_MONITOR_ENVIRONMENT_H

#include <stddef.h>

#include "base/err.h"
#include "config/config.h"

#define ENVIRONMENT_WORDS_MAX 4200u /* bytes, with NUL: a configuration line and TSS2_LOG */

/* Names that end in NULL: for children, and for the monitor (which also talks to the service manager). */
extern const char *const environment_kept[];
extern const char *const environment_of_monitor[];

/* NAME=VALUE words that the token helper gets besides: tokend_environment, and a silent TSS unless log_level is debug or the
 * configuration says otherwise. */
enum coffer_err environment_of_tokend(const struct config *config, char *out, size_t cap) MUST_USE;

#endif
