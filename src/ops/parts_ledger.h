/* Who keeps how much secret memory for operations in parts: so that one principal, on however many connections, leaves room for the others. */
#ifndef COFFER_OPS_PARTS_LEDGER_H
#define COFFER_OPS_PARTS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct ledger_line; /* one principal's; shared by all its parts */

/* Charges `bytes` to a principal (text, NUL-terminated); a line is made when it has none. All together take at most `most`, one principal at most half of
 * what the others leave of it. *line: NULL for the first charge of a part, else what the first one gave. ERR_BUSY, ERR_MEMORY. Any thread. */
enum coffer_err ledger_take(struct ledger_line **line, const char *principal, size_t bytes, size_t most) MUST_USE;
/* Gives back what a part took in all, with its reference. Accepts NULL. Any thread. */
void ledger_give(struct ledger_line *line, size_t bytes);

#endif
