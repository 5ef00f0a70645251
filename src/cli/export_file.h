/* Reading exports of the audit log: line by line, whatever is in them. */
#ifndef COFFER_CLI_EXPORT_FILE_H
#define COFFER_CLI_EXPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

/* fn gets each line without its newline. A line that is longer than any of an export is handed out as its beginning. torn: the last line has no
 * newline; it is not handed out. EXIT_DONE, or the status after a sentence. */
typedef void export_line_fn(void *arg, struct view line);
int export_file_read(const char *path, export_line_fn *fn, void *arg, bool *out_torn);
/* The first line, and the second one behind it (may be NULL; empty when there is none): views of out, which has cap bytes. Empty: there is none, or none that ends
 * within cap. */
int export_file_first(const char *path, uint8_t *out, size_t cap, struct view *out_first, struct view *out_second);

#endif
