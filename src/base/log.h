/* Levelled, structured, secret-free log lines to stderr (systemd's journal reads it there). Thread-safe, one write(2) a
 * line. Format: "<N>program: text" with the syslog level prefix when $JOURNAL_STREAM is set, else with UTC time. */
#ifndef COFFER_BASE_LOG_H
#define COFFER_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* program: static storage. */
void log_init(const char *program, enum log_level max_level);
void log_set_level(enum log_level max_level);
/* Control bytes in the formatted text become '?': no line can be forged. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
