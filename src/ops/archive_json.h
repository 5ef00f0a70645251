/* A restore as JSON. */
#ifndef COFFER_OPS_ARCHIVE_JSON_H
#define COFFER_OPS_ARCHIVE_JSON_H

#include "ops/json_out.h"
#include "ops/restore.h"

/* The answer of a restore: one object. */
void archive_json_restored(struct json_out *j, const struct restore_result *result);

#endif
