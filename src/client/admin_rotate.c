/* Changing the data key and the master secret. */
#include "client/admin_rotate.h"

#include <string.h>

#include "base/text.h"
#include "client/admin_fields.h"
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

enum coffer_status admin_rotate_master(struct coffer *c, const char *token_uri, bool forget_old, const struct secret *pin, char *line, size_t line_cap, char *old, size_t old_cap)
{
	struct call call;
	struct ttlv_item item;
	line[0] = old[0] = '\0';
	if (token_uri && strlen(token_uri) > 4096) return conn_refuse(c, COFFER_EINVAL, "the token URI is too long");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_ROTATE_MASTER, 8192);
	if (st) return st;
	call.deadline_ms += 2 * ROTATE_TIMEOUT_MS;
	if (token_uri) ttlv_put_str(&call.w, TAG_COFFER_TOKEN_URI, token_uri);
	if (forget_old) ttlv_put_bool(&call.w, TAG_COFFER_FORGET_OLD, true);
	if (pin) ttlv_put_bytes(&call.w, TAG_COFFER_TOKEN_PIN, view_of(secret_bytes(pin), secret_len(pin) - 1));
	st = call_run(&call, false);
	while (!st && ttlv_next(&call.answer.items[0].payload, &item)) {
		if (item.tag == TAG_COFFER_TOKEN_KEY_LABEL) (void)admin_text(&item, line, line_cap);
		if (item.tag == TAG_COFFER_OLD_MASTER) (void)admin_text(&item, old, old_cap);
	}
	return call_end(&call, st);
}

enum coffer_status admin_key_schedule(struct coffer *c, const char *key, uint32_t interval_s)
{
	struct call call;
	enum coffer_status st = call_check_key(c, key);
	if (!st) st = call_begin(&call, c, OPERATION_COFFER_SET_ROTATION, 1024);
	if (st) return st;
	call_put_key(&call, key);
	ttlv_put_interval(&call.w, TAG_COFFER_ROTATE_INTERVAL, interval_s);
	return call_end(&call, call_run(&call, true));
}
