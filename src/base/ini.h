/* Configuration lines: `key = value`, `[section]`, comments with # or ;. Values are plain text to the end of the line,
 * trimmed. Keeps file and line for precise errors. At most INI_FILE_MAX bytes, lines of at most INI_LINE_MAX bytes. */
#ifndef COFFER_BASE_INI_H
#define COFFER_BASE_INI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"

#define INI_FILE_MAX (256u * 1024u)
#define INI_LINE_MAX 4096u

struct ini_line {
	const char *file;  /* for messages */
	unsigned line;     /* from 1 */
	const char *section; /* "" before the first section */
	const char *key;
	const char *value;
};

/* Called for each key line, strings valid during the call. A failure ends the parse and is returned. */
typedef enum coffer_err ini_fn(void *arg, const struct ini_line *line, struct reason *reason);

/* Parses bytes (need not end in a newline). ERR_USAGE with "FILE:LINE: …" for a bad line, a doubled key within a section,
 * a NUL or control byte. */
enum coffer_err ini_parse(const char *file, struct view bytes, ini_fn *fn, void *arg, struct reason *reason) MUST_USE;
/* Reads the file and parses it. ERR_NOT_FOUND, ERR_IO. */
enum coffer_err ini_parse_file(const char *path, ini_fn *fn, void *arg, struct reason *reason) MUST_USE;

/* Value parsers with precise sentences ("FILE:LINE: key: …"). */
enum coffer_err ini_bool(const struct ini_line *line, bool *out, struct reason *reason) MUST_USE; /* yes/no/true/false/on/off */
/* Decimal number in min..max. */
enum coffer_err ini_u64(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out, struct reason *reason) MUST_USE;
/* Bytes with optional K, M, G (powers of 1024). */
enum coffer_err ini_size(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out, struct reason *reason) MUST_USE;
/* Milliseconds from "500ms", "10s", "5m", "1h", "7d"; a bare number means seconds. */
enum coffer_err ini_duration_ms(const struct ini_line *line, uint64_t min, uint64_t max, uint64_t *out, struct reason *reason) MUST_USE;
/* The nearest of `names` (NULL-terminated) to `word` by edit distance at most 3, or NULL. */
const char *ini_nearest(const char *word, const char *const *names);

#endif
