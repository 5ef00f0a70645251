/* Times as text. */
#include "cli/when.h"

#include <string.h>
#include <time.h>

void when_text(uint64_t unix_s, char out[static WHEN_TEXT_MAX])
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	if (unix_s > INT64_MAX || !gmtime_r(&t, &tm) || strftime(out, WHEN_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) memcpy(out, "?", 2);
}
