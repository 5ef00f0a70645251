/* Environment variables of the processes. */
#include "monitor/environment.h"

#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZERS "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
#else
#define SANITIZERS
#endif

#define FOR_ALL SANITIZERS "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY", "COFFER_TEST_NO_MEMFD_SECRET", "COFFER_TEST_BROKEN_AEAD"

const char *const environment_kept[] = { FOR_ALL, NULL };
const char *const environment_of_monitor[] = { FOR_ALL, "NOTIFY_SOCKET", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", NULL };

enum coffer_err environment_of_tokend(const struct config *config, char *out, size_t cap)
{
	bool quiet = config->log_level != LOG_LEVEL_DEBUG && !strstr(config->tokend_environment, "TSS2_LOG=");
	int n = snprintf(out, cap, "%s%s", config->tokend_environment, quiet ? " TSS2_LOG=all+NONE" : "");
	return n >= 0 && (size_t)n < cap ? ERR_OK : ERR_TOO_LARGE;
}
