/* One operation over a connection. */
#include "client/call.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/ct.h"
#include "base/text.h"
#include "base/uuid.h"

#define CONTEXT_NAME_MAX 255u  /* docs/formats.md section 3 */
#define CONTEXT_VALUE_MAX 4096u

static enum coffer_status take(struct call *call, struct coffer *c, bool may_be_ahead)
{
	call->c = c;
	call->frame = view_of(NULL, 0);
	call->len = 0;
	call->batch = 0;
	call->asks_sealed = call->gets_sealed = false;
	pthread_mutex_lock(&c->lock);
	conn_take_back(c);
	c->text[0] = '\0';
	enum coffer_status st = COFFER_OK;
	bool gathered = c->queue.next != c->queue.first; /* where another request would be written */
	if (c->broken) st = conn_is_broken(c);
	else if (gathered || (c->ahead && !may_be_ahead))
		st = conn_fail(c, COFFER_EBUSY, "%s on this connection are under way; collect them first", gathered ? "operations sent ahead" : "segments of a stream");
	if (st) pthread_mutex_unlock(&c->lock);
	call->deadline_ms = clock_mono_ms() + c->timeout_ms;
	return st;
}

/* The lock, and room for a request. */
static enum coffer_status open_request(struct call *call, struct coffer *c, size_t size, bool may_be_ahead)
{
	enum coffer_status st = take(call, c, may_be_ahead);
	if (st) return st;
	st = conn_prepare(c, size);
	if (st) return call_end(call, st);
	writer_init(&call->w, c->out.ptr, c->out.cap);
	return COFFER_OK;
}

enum coffer_status call_open(struct call *call, struct coffer *c, size_t size)
{
	return open_request(call, c, size, false);
}

static enum coffer_status begin(struct call *call, struct coffer *c, uint32_t operation, size_t payload_max, bool may_be_ahead)
{
	enum coffer_status st = open_request(call, c, payload_max + CALL_OVERHEAD, may_be_ahead);
	if (st) return st;
	call->request = kmip_request_begin(&call->w, KMIP_VERSION_HIGHEST, 0, 1);
	call->item = kmip_request_item_begin(&call->w, &(struct kmip_item_id){ .operation = operation });
	return COFFER_OK;
}

enum coffer_status call_begin(struct call *call, struct coffer *c, uint32_t operation, size_t payload_max)
{
	return begin(call, c, operation, payload_max, false);
}

enum coffer_status call_begin_batch(struct call *call, struct coffer *c, unsigned items, size_t size)
{
	enum coffer_status st = call_open(call, c, size + CALL_OVERHEAD);
	if (st) return st;
	call->batch = items;
	call->request = kmip_request_begin_batch(&call->w, KMIP_VERSION_HIGHEST);
	return COFFER_OK;
}

enum coffer_status call_begin_ahead(struct call *call, struct coffer *c, uint32_t operation, size_t payload_max)
{
	return begin(call, c, operation, payload_max, true);
}

enum coffer_status call_begin_collect(struct call *call, struct coffer *c)
{
	return take(call, c, true);
}

enum coffer_status call_transmit(struct call *call)
{
	struct coffer *c = call->c;
	if (writer_done(&call->w) != ERR_OK) {
		wipe(c->out.ptr, c->out.cap);
		c->aside = view_of(NULL, 0);
		return conn_fail(c, COFFER_ETOOLARGE, "the request is too large");
	}
	call->len = writer_len(&call->w);
	return conn_send(c, call->len, call->deadline_ms);
}

bool call_request_id(uint8_t out[static KMIP_REQUEST_ID_LEN])
{
	if (getrandom(out, KMIP_REQUEST_ID_LEN, 0) != (ssize_t)KMIP_REQUEST_ID_LEN) return false;
	uuid_of_time(out, clock_date_ms());
	return true;
}

enum coffer_status call_send(struct call *call, bool change)
{
	uint8_t request_id[KMIP_REQUEST_ID_LEN];
	if (change && !call_request_id(request_id))
		return conn_fail(call->c, COFFER_ESERVER, "the system has no random bytes");
	kmip_request_item_end(&call->w, call->item, change ? request_id : NULL);
	kmip_request_end(&call->w, call->request);
	return call_transmit(call);
}

enum coffer_status call_malformed(struct call *call)
{
	call->c->broken = call->c->garbled = true;
	return conn_fail(call->c, COFFER_EPROTOCOL, "the daemon's answer is not well-formed");
}

bool call_item_is(const struct kmip_response_item *item, uint8_t number)
{
	return item->id.unique_id.len == 1 && item->id.unique_id.ptr[0] == number;
}

enum coffer_status call_item_status(struct coffer *c, const struct kmip_response_item *item)
{
	if (item->err == ERR_OK) return COFFER_OK;
	text_printable(item->message, c->text, sizeof c->text);
	return conn_status_of(item->err);
}

enum coffer_status call_next(struct call *call)
{
	struct kmip_response_item *item = &call->answer.items[0];
	struct view rest = call->items.rest;
	if (kmip_response_take(&call->items, item) != ERR_OK) return call_malformed(call);
	call->from = view_of(rest.ptr, rest.len - call->items.rest.len);
	if (call->named && !call_item_is(item, call->position++)) return call_malformed(call);
	return call_item_status(call->c, item);
}

/* A refusal of the whole message is one failed item. A sealed node refuses all, and repeating may help (call_exchange). */
static enum coffer_status open_batch(struct call *call, uint32_t count)
{
	struct ttlv_cursor first = call->items;
	bool whole = count != call->batch;
	enum coffer_status st = call_next(call);
	if (call->c->broken || (whole && !st)) return call_malformed(call);
	if (whole || st == COFFER_ESEALED) return st;
	call->items = first;
	call->position = 0;
	call->c->text[0] = '\0';
	return COFFER_OK;
}

enum coffer_status call_await(struct call *call)
{
	return conn_receive(call->c, call->deadline_ms, &call->frame);
}

enum coffer_status call_read(struct call *call)
{
	struct coffer *c = call->c;
	struct kmip_response_header header;
	struct ttlv_limits limits = ttlv_limits_of(c->max_memory);
	limits.max_items = 1000000;
	if (kmip_response_open(call->frame, &limits, &header, &call->items, NULL) != ERR_OK) return call_malformed(call);
	if (header.batch_count != 1 && (call->batch == 0 || header.batch_count != call->batch)) return call_malformed(call);
	call->named = header.batch_count > 1;
	call->position = 0;
	if (call->batch) return open_batch(call, header.batch_count);
	enum coffer_status st = call_next(call);
	return c->broken || ttlv_done(&call->items) == ERR_OK ? st : call_malformed(call);
}

enum coffer_status call_receive(struct call *call)
{
	enum coffer_status st = call_await(call);
	return st ? st : call_read(call);
}

/* Sends the same bytes again over a new connection. */
static enum coffer_status again(struct call *call)
{
	enum coffer_status st = conn_reconnect(call->c, call->deadline_ms);
	call->frame = view_of(NULL, 0);
	if (!st) st = conn_send(call->c, call->len, call->deadline_ms);
	return st ? st : call_receive(call);
}

static enum coffer_status finish(struct call *call, bool change, enum coffer_status st)
{
	if (!st) st = call_receive(call);
	bool lost = change && st == COFFER_ECLOSED;
	while (lost && (st == COFFER_ECLOSED || st == COFFER_ESEALED) && conn_pause(call->deadline_ms)) st = again(call);
	if (!st) call->c->text[0] = '\0'; /* of the attempts before */
	return st;
}

enum coffer_status call_run(struct call *call, bool change)
{
	return finish(call, change, call_send(call, change));
}

enum coffer_status call_exchange(struct call *call, bool change)
{
	kmip_request_end_batch(&call->w, call->request, call->batch);
	return finish(call, change, call_transmit(call));
}

enum coffer_status call_end(struct call *call, enum coffer_status status)
{
	if (call->frame.len) (call->gets_sealed ? conn_pass_over : conn_consume)(call->c, call->frame.len);
	if (call->asks_sealed) conn_leave_request(call->c);
	else if (call->len) conn_wipe_request(call->c, call->len);
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
	if (!text_is_utf8(view_of(key, len))) return conn_refuse(c, COFFER_EINVAL, "a key's name is UTF-8, and this one is not");
	return COFFER_OK;
}

void call_put_key(struct call *call, const char *key)
{
	call_write_key(&call->w, key);
}

void call_write_key(struct writer *w, const char *key)
{
	ttlv_put_str(w, call_is_uuid(key) ? TAG_UNIQUE_IDENTIFIER : TAG_COFFER_KEY_NAME, key);
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
		if (!text_is_utf8(view_of(context[i].name, len))) return conn_refuse(c, COFFER_EINVAL, "a name in the context is UTF-8, and this one is not");
		if (context[i].value_len > CONTEXT_VALUE_MAX || (!context[i].value && context[i].value_len))
			return conn_refuse(c, COFFER_EINVAL, "a value in the context has at most %u bytes", CONTEXT_VALUE_MAX);
		size += len + context[i].value_len + 64;
	}
	*out_size = size;
	return COFFER_OK;
}

void call_put_context(struct call *call, const struct coffer_pair *context, size_t count)
{
	call_write_context(&call->w, context, count);
}

void call_write_context(struct writer *w, const struct coffer_pair *context, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct ttlv_mark pair = ttlv_begin(w, TAG_COFFER_CONTEXT);
		ttlv_put_str(w, TAG_COFFER_CONTEXT_NAME, context[i].name);
		ttlv_put_bytes(w, TAG_COFFER_CONTEXT_VALUE, view_of(context[i].value, context[i].value_len));
		ttlv_end(w, pair);
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

bool call_find_bytes(struct ttlv_cursor *payload, uint32_t tag, struct view *out)
{
	struct ttlv_item item;
	while (ttlv_next(payload, &item))
		if (item.tag == tag) return ttlv_get_bytes(&item, out) == ERR_OK;
	return false;
}

enum coffer_status call_take_json(struct call *call, char *text, size_t cap, size_t *out_len)
{
	struct view json;
	if (ttlv_take_text(&call->answer.items[0].payload, TAG_COFFER_JSON, &json) != ERR_OK) return call_malformed(call);
	if (json.len > cap) return COFFER_ENOSPACE;
	if (json.len) memcpy(text, json.ptr, json.len);
	*out_len = json.len;
	return COFFER_OK;
}

enum coffer_status call_end_json(struct call *call, char *text, size_t cap, size_t *out_len)
{
	enum coffer_status st = call_run(call, false);
	if (!st) st = call_take_json(call, text, cap, out_len);
	return call_end(call, st);
}
