/* One operation over a connection. */
#include "client/call.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/ct.h"
#include "base/text.h"

#define FRAME_OVERHEAD 1024u /* headers, batch item, message extension */
#define CONTEXT_NAME_MAX 255u  /* docs/formats.md section 3 */
#define CONTEXT_VALUE_MAX 4096u

static enum coffer_status take(struct call *call, struct coffer *c, bool may_be_ahead)
{
	call->c = c;
	call->frame = view_of(NULL, 0);
	call->len = 0;
	pthread_mutex_lock(&c->lock);
	c->text[0] = '\0';
	enum coffer_status st = COFFER_OK;
	if (c->broken) st = conn_fail(c, COFFER_ECLOSED, "the connection is broken; connect again");
	else if (c->ahead && !may_be_ahead)
		st = conn_fail(c, COFFER_EBUSY, "a stream on this connection has segments under way; collect them first");
	if (st) pthread_mutex_unlock(&c->lock);
	call->deadline_ms = clock_mono_ms() + c->timeout_ms;
	return st;
}

static enum coffer_status begin(struct call *call, struct coffer *c, uint32_t operation, size_t payload_max, bool may_be_ahead)
{
	enum coffer_status st = take(call, c, may_be_ahead);
	if (st) return st;
	st = conn_prepare(c, payload_max + FRAME_OVERHEAD);
	if (st) return call_end(call, st);
	writer_init(&call->w, c->out.ptr, c->out.cap);
	call->request = kmip_request_begin(&call->w, KMIP_VERSION_HIGHEST, 0, 1);
	call->item = kmip_request_item_begin(&call->w, &(struct kmip_item_id){ .operation = operation });
	return COFFER_OK;
}

enum coffer_status call_begin(struct call *call, struct coffer *c, uint32_t operation, size_t payload_max)
{
	return begin(call, c, operation, payload_max, false);
}

enum coffer_status call_begin_ahead(struct call *call, struct coffer *c, uint32_t operation, size_t payload_max)
{
	return begin(call, c, operation, payload_max, true);
}

enum coffer_status call_begin_collect(struct call *call, struct coffer *c)
{
	return take(call, c, true);
}

enum coffer_status call_send(struct call *call, bool change)
{
	uint8_t request_id[KMIP_REQUEST_ID_LEN];
	struct coffer *c = call->c;
	if (change && getrandom(request_id, sizeof request_id, 0) != (ssize_t)sizeof request_id)
		return conn_fail(c, COFFER_ESERVER, "the system has no random bytes");
	kmip_request_item_end(&call->w, call->item, change ? request_id : NULL);
	kmip_request_end(&call->w, call->request);
	if (writer_done(&call->w) != ERR_OK) {
		wipe(c->out.ptr, c->out.cap);
		return conn_fail(c, COFFER_ETOOLARGE, "the request is too large");
	}
	call->len = writer_len(&call->w);
	return conn_send(c, call->len, call->deadline_ms);
}

enum coffer_status call_malformed(struct call *call)
{
	call->c->broken = true;
	return conn_fail(call->c, COFFER_EPROTOCOL, "the daemon's answer is not well-formed");
}

enum coffer_status call_receive(struct call *call)
{
	struct coffer *c = call->c;
	struct ttlv_limits limits = ttlv_limits_of(c->max_memory);
	enum coffer_status st = conn_receive(c, call->deadline_ms, &call->frame);
	if (st) return st;
	limits.max_items = 1000000;
	if (kmip_response_parse(call->frame, &limits, &call->answer, NULL) != ERR_OK || call->answer.count != 1)
		return call_malformed(call);
	const struct kmip_response_item *item = &call->answer.items[0];
	if (item->err == ERR_OK) return COFFER_OK;
	text_printable(item->message, c->text, sizeof c->text);
	return conn_status_of(item->err);
}

/* Sends the same bytes again over a new connection. */
static enum coffer_status again(struct call *call)
{
	enum coffer_status st = conn_reconnect(call->c, call->deadline_ms);
	call->frame = view_of(NULL, 0);
	if (!st) st = conn_send(call->c, call->len, call->deadline_ms);
	return st ? st : call_receive(call);
}

enum coffer_status call_run(struct call *call, bool change)
{
	enum coffer_status st = call_send(call, change);
	if (!st) st = call_receive(call);
	bool lost = change && st == COFFER_ECLOSED;
	while (lost && (st == COFFER_ECLOSED || st == COFFER_ESEALED) && conn_pause(call->deadline_ms)) st = again(call);
	if (!st) call->c->text[0] = '\0'; /* of the attempts before */
	return st;
}

enum coffer_status call_end(struct call *call, enum coffer_status status)
{
	if (call->frame.len) conn_consume(call->c, call->frame.len);
	if (call->len) wipe(call->c->out.ptr, call->len);
	pthread_mutex_unlock(&call->c->lock);
	return status;
}

bool call_is_uuid(const char *key)
{
	uint8_t uuid[UUID_LEN];
	return text_parse_uuid(view_str(key), uuid) == ERR_OK;
}

enum coffer_status call_check_key(struct coffer *c, const char *key)
{
	size_t len = strnlen(key, COFFER_NAME_MAX + 1);
	if (len < 1 || len > COFFER_NAME_MAX) return conn_refuse(c, COFFER_EINVAL, "a key's name has 1 to %u bytes", COFFER_NAME_MAX);
	return COFFER_OK;
}

void call_put_key(struct call *call, const char *key)
{
	ttlv_put_str(&call->w, call_is_uuid(key) ? TAG_UNIQUE_IDENTIFIER : TAG_COFFER_KEY_NAME, key);
}

enum coffer_status call_check_context(struct coffer *c, const struct coffer_pair *context, size_t count, size_t *out_size)
{
	size_t size = 0;
	if (count > COFFER_CONTEXT_MAX) return conn_refuse(c, COFFER_EINVAL, "a context has at most %d pairs", COFFER_CONTEXT_MAX);
	if (count && !context) return conn_refuse(c, COFFER_EINVAL, "the context is missing");
	for (size_t i = 0; i < count; i++) {
		size_t len = context[i].name ? strnlen(context[i].name, CONTEXT_NAME_MAX + 1) : 0;
		if (len < 1 || len > CONTEXT_NAME_MAX)
			return conn_refuse(c, COFFER_EINVAL, "a name in the context has 1 to %u bytes", CONTEXT_NAME_MAX);
		if (context[i].value_len > CONTEXT_VALUE_MAX || (!context[i].value && context[i].value_len))
			return conn_refuse(c, COFFER_EINVAL, "a value in the context has at most %u bytes", CONTEXT_VALUE_MAX);
		size += len + context[i].value_len + 64;
	}
	*out_size = size;
	return COFFER_OK;
}

void call_put_context(struct call *call, const struct coffer_pair *context, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct ttlv_mark pair = ttlv_begin(&call->w, TAG_COFFER_CONTEXT);
		ttlv_put_str(&call->w, TAG_COFFER_CONTEXT_NAME, context[i].name);
		ttlv_put_bytes(&call->w, TAG_COFFER_CONTEXT_VALUE, view_of(context[i].value, context[i].value_len));
		ttlv_end(&call->w, pair);
	}
}

enum coffer_status call_copy_out(struct call *call, struct view bytes, void *out, size_t out_cap, size_t *out_len)
{
	if (bytes.len > out_cap)
		return conn_fail(call->c, COFFER_ENOSPACE, "the out buffer has %zu bytes, %zu are needed", out_cap, bytes.len);
	if (bytes.len) memcpy(out, bytes.ptr, bytes.len);
	*out_len = bytes.len;
	return COFFER_OK;
}
