/* The `rollback` section of the status document. */
#ifndef COFFER_OPS_ANCHOR_JSON_H
#define COFFER_OPS_ANCHOR_JSON_H

#include "ops/engine.h"
#include "ops/json_out.h"

/* Nothing before the token was asked. root_version: what the store is at, 0 where that is not known. Admin lane. */
void anchor_json(struct engine *engine, uint64_t root_version, struct json_out *j);

#endif
