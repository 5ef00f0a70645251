/* The status document: what the node says of itself. Admin lane. */
#ifndef COFFER_OPS_STATUS_JSON_H
#define COFFER_OPS_STATUS_JSON_H

#include "base/writer.h"
#include "ops/engine.h"

/* Everything, for who may read the status. A token that was well more than a second ago is asked again, for at most two seconds. */
void status_json_full(struct engine *engine, struct writer *w);
/* State and version alone, for everybody. */
void status_json_brief(struct engine *engine, struct writer *w);

#endif
