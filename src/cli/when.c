/* Times as text. */
#include "cli/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void when_text(uint64_t unix_s, char out[static WHEN_TEXT_MAX])
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	if (unix_s > INT64_MAX || !gmtime_r(&t, &tm) || strftime(out, WHEN_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) memcpy(out, "?", 2);
}

static const struct { char letter; uint32_t s; } units[] = { { 'y', 31536000u }, { 'w', 604800u }, { 'd', 86400u }, { 'h', 3600u }, { 'm', 60u }, { 's', 1u } };
#define UNITS (sizeof units / sizeof units[0])

bool when_interval(const char *text, uint32_t *out_s)
{
	uint64_t n = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > UINT32_MAX) return false;
	}
	for (size_t i = 0; i < UNITS; i++) {
		if (p[0] != units[i].letter || p[1]) continue;
		n *= units[i].s;
		*out_s = (uint32_t)n;
		return n > 0 && n <= UINT32_MAX;
	}
	return false;
}

void when_interval_text(uint32_t s, char out[static WHEN_TEXT_MAX])
{
	size_t i = 0;
	while (i + 1 < UNITS && s % units[i].s) i++;
	snprintf(out, WHEN_TEXT_MAX, "%u%c", (unsigned)(s / units[i].s), units[i].letter);
}
