/* Random bytes and the status document. */
#include <string.h>

#include "client/call.h"

enum coffer_status coffer_random(struct coffer *c, void *out, size_t len)
{
	struct call call;
	struct view bytes;
	if (!c) return COFFER_EINVAL;
	if (!out || len == 0 || len > 65536) return conn_refuse(c, COFFER_EINVAL, "1 to 65536 random bytes can be asked for");
	enum coffer_status st = call_begin(&call, c, OPERATION_RNG_RETRIEVE, 64);
	if (st) return st;
	ttlv_put_i32(&call.w, TAG_DATA_LENGTH, (int32_t)len);
	st = call_run(&call, false);
	if (!st && (ttlv_take_bytes(&call.answer.items[0].payload, TAG_DATA, &bytes) != ERR_OK || bytes.len != len))
		st = call_malformed(&call);
	if (!st) memcpy(out, bytes.ptr, len);
	return call_end(&call, st);
}

enum coffer_status coffer_status_json(struct coffer *c, char *out, size_t out_cap, size_t *out_len)
{
	struct call call;
	struct view text;
	if (!c) return COFFER_EINVAL;
	if (!out || !out_len) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_STATUS, 64);
	if (st) return st;
	st = call_run(&call, false);
	if (!st && ttlv_take_text(&call.answer.items[0].payload, TAG_COFFER_STATUS_JSON, &text) != ERR_OK) st = call_malformed(&call);
	if (!st && text.len >= out_cap) st = conn_fail(c, COFFER_ENOSPACE, "the status has %zu bytes", text.len);
	if (!st) {
		memcpy(out, text.ptr, text.len);
		out[text.len] = '\0';
		*out_len = text.len;
	}
	return call_end(&call, st);
}
