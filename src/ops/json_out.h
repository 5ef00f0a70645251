/* A small JSON writer over struct writer, for the status document and audit rows: objects of texts, numbers and objects. Names are our own
 * constants; values are escaped, and bytes that are no UTF-8 become '?'. No allocation; any thread. */
#ifndef COFFER_OPS_JSON_OUT_H
#define COFFER_OPS_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/writer.h"

struct json_out {
	struct writer *w;
	bool has_member; /* in the object that is open: the next one needs a comma */
};

/* { with a name inside another object, NULL at the top. */
void json_begin(struct json_out *j, const char *name);
void json_end(struct json_out *j);
void json_text(struct json_out *j, const char *name, struct view value);
void json_str(struct json_out *j, const char *name, const char *value);
void json_u64(struct json_out *j, const char *name, uint64_t value);

#endif
