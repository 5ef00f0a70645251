/* Changing the data key and the master secret. */
#include "client/admin_rotate.h"

#include "client/call.h"

#define ROTATE_TIMEOUT_MS 120000u /* token calls take their time */

enum coffer_status admin_rotate_data_key(struct coffer *c, uint32_t *out_generation)
{
	struct call call;
	int32_t generation = 0;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_ROTATE_DATA_KEY, 64);
	if (st) return st;
	call.deadline_ms += ROTATE_TIMEOUT_MS;
	st = call_run(&call, false);
	if (!st && (ttlv_take_i32(&call.answer.items[0].payload, TAG_COFFER_GENERATION, &generation) != ERR_OK || generation <= 0)) st = call_malformed(&call);
	if (!st) *out_generation = (uint32_t)generation;
	return call_end(&call, st);
}
