/* Log lines to stderr. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LOG_TEXT_MAX 1536 /* bytes of the formatted text, with its NUL; the line stays below PIPE_BUF */

static _Atomic(const char *) program_name = "coffer";
static atomic_int level_max = LOG_LEVEL_INFO;
static atomic_bool to_journal;

static const char level_syslog[] = { [LOG_LEVEL_ERROR] = '3', [LOG_LEVEL_WARN] = '4', [LOG_LEVEL_INFO] = '6',
	[LOG_LEVEL_DEBUG] = '7' };

void log_init(const char *program, enum log_level max_level)
{
	atomic_store(&program_name, program);
	atomic_store(&level_max, (int)max_level);
	atomic_store(&to_journal, getenv("JOURNAL_STREAM") != NULL);
}

void log_set_level(enum log_level max_level)
{
	atomic_store(&level_max, (int)max_level);
}

static void format_prefix(enum log_level level, char *out, size_t out_cap)
{
	const char *program = atomic_load(&program_name);
	if (atomic_load(&to_journal)) {
		snprintf(out, out_cap, "<%c>%.64s: ", level_syslog[level], program);
		return;
	}
	char stamp[32] = "";
	struct tm utc;
	time_t now = (time_t)clock_wall_s();
	if (gmtime_r(&now, &utc)) strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(out, out_cap, "%s %.64s: ", stamp, program);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char raw[LOG_TEXT_MAX], text[LOG_TEXT_MAX], prefix[128], line[LOG_TEXT_MAX + 130];
	int saved_errno = errno;
	va_list args;

	if (level > LOG_LEVEL_DEBUG || (int)level > atomic_load(&level_max)) return;
	va_start(args, fmt);
	vsnprintf(raw, sizeof raw, fmt, args);
	va_end(args);
	text_printable(view_str(raw), text, sizeof text);
	format_prefix(level, prefix, sizeof prefix);
	int len = snprintf(line, sizeof line, "%s%s\n", prefix, text);

	ssize_t wrote;
	do
		wrote = write(STDERR_FILENO, line, (size_t)len);
	while (wrote < 0 && errno == EINTR);
	errno = saved_errno;
}
