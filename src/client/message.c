/* Sealed messages: encrypt, decrypt, rewrap. */
#include "client/message.h"

#include <string.h>

#include "base/be.h"

static const struct { uint32_t operation, in_tag, result_tag; } operations[] = {
	[MESSAGE_ENCRYPT] = { OPERATION_COFFER_SEAL, TAG_COFFER_PLAINTEXT, TAG_COFFER_SEALED_DATA },
	[MESSAGE_DECRYPT] = { OPERATION_COFFER_OPEN, TAG_COFFER_SEALED_DATA, TAG_COFFER_PLAINTEXT },
	[MESSAGE_REWRAP] = { OPERATION_COFFER_REWRAP, TAG_COFFER_SEALED_DATA, TAG_COFFER_SEALED_DATA },
};

_Static_assert(sizeof operations / sizeof operations[0] == FORM_OPS, "forms are kept for each operation");

static enum coffer_status check_plain(struct coffer *c, const struct message *m)
{
	if (m->in.len > COFFER_MESSAGE_MAX)
		return conn_refuse(c, COFFER_ETOOLARGE, "a sealed message holds at most %u bytes; use a stream", COFFER_MESSAGE_MAX);
	return call_check_key(c, m->key);
}

static enum coffer_status check_sealed(struct coffer *c, const struct message *m)
{
	if (m->in.len >= 4 && memcmp(m->in.ptr, "CFRS", 4) == 0)
		return conn_refuse(c, COFFER_EFOREIGN, "this is a sealed stream, not a sealed message; open it with coffer_stream_open");
	if (m->in.len <= COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD) return COFFER_OK; /* the daemon judges it */
	if (memcmp(m->in.ptr, "CFR1", 4) != 0) return conn_refuse(c, COFFER_EFOREIGN, "this is not sealed by Coffer; give it what coffer encrypt wrote");
	return conn_refuse(c, COFFER_ETOOLARGE, "this is larger than a sealed message can be");
}

enum coffer_status message_check(struct coffer *c, struct message *m)
{
	size_t context_size;
	if ((m->op == MESSAGE_ENCRYPT && !m->key) || (!m->in.ptr && m->in.len)) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = m->op == MESSAGE_ENCRYPT ? check_plain(c, m) : check_sealed(c, m);
	if (!st) st = call_check_context(c, m->context, m->context_count, &context_size);
	if (st) return st;
	m->key_len = m->key ? strlen(m->key) : 0;
	m->size = m->in.len + m->key_len + context_size + 64;
	return COFFER_OK;
}

/* ---- writing ---- */

static struct view key_of(const struct message *m)
{
	return view_of(m->key, m->key_len);
}

/* Field by field. Keeps the form. number: NULL with a message alone. */
static void put_anew(struct coffer *c, struct writer *w, const struct message *m, const uint8_t *number, struct request_form *form)
{
	struct request_places at = { .start = writer_len(w) };
	struct kmip_item_id id = { .operation = operations[m->op].operation, .has_unique_id = number != NULL, .unique_id = view_of(number, number != NULL) };
	struct kmip_request_mark message = { .batch_count = { 0 } };
	if (!number) message = kmip_request_begin(w, KMIP_VERSION_HIGHEST, 0, 1);
	at.item = writer_len(w);
	struct kmip_item_mark item = kmip_request_item_begin(w, &id);
	at.payload = writer_len(w) - TTLV_HEADER_LEN;
	if (m->key) call_write_key(w, m->key);
	at.context = writer_len(w);
	call_write_context(w, m->context, m->context_count);
	conn_put_bytes(c, w, operations[m->op].in_tag, m->in);
	at.tail = writer_len(w);
	kmip_request_item_end(w, item, NULL);
	if (!number) kmip_request_end(w, message);
	request_form_keep(form, w, &at, key_of(m));
}

/* The data and what ends the item. */
static void put_rest(uint8_t *at, const struct message *m, size_t padding, const struct request_form *form)
{
	be64_put(at, (uint64_t)operations[m->op].in_tag << 40 | (uint64_t)TTLV_BYTES << 32 | (uint32_t)m->in.len);
	at += TTLV_HEADER_LEN;
	if (m->in.len) memcpy(at, m->in.ptr, m->in.len);
	at += m->in.len;
	memset(at, 0, padding);
	memcpy(at + padding, form->tail, form->tail_len);
}

/* With a form. Data that is sent from the caller's memory is not worth one. */
static void put_form(struct writer *w, const struct message *m, uint8_t number, const struct request_form *form)
{
	size_t padding = (0u - m->in.len) % 8, start = writer_len(w), data = TTLV_HEADER_LEN + m->in.len + padding;
	uint8_t *head = writer_space(w, form->len);
	if (m->context_count) call_write_context(w, m->context, m->context_count);
	size_t more = writer_len(w) - start - form->len + data;
	uint8_t *rest = writer_space(w, data + form->tail_len);
	if (!head || !rest) return; /* the writer has failed */
	request_form_fill(form, head, more, number);
	put_rest(rest, m, padding, form);
}

static bool has_form(const struct message *m, const struct request_form *form)
{
	return m->in.len < CONN_ASIDE_MIN && request_form_is_for(form, key_of(m));
}

void message_put_alone(struct coffer *c, struct writer *w, const struct message *m)
{
	struct request_form *form = &c->forms.requests[m->op].alone;
	if (has_form(m, form)) put_form(w, m, 0, form);
	else put_anew(c, w, m, NULL, form);
}

void message_put_item(struct coffer *c, struct writer *w, const struct message *m, uint8_t number)
{
	struct request_form *form = &c->forms.requests[m->op].of_batch;
	if (has_form(m, form)) put_form(w, m, number, form);
	else put_anew(c, w, m, &number, form);
}

/* ---- reading ---- */

struct answer_form *message_answer_form(struct coffer *c, enum message_op op, bool alone)
{
	return alone ? &c->forms.answers[op].alone : &c->forms.answers[op].of_batch;
}

bool message_result(struct coffer *c, enum message_op op, bool alone, struct kmip_response_item *item, struct view from, struct view *out)
{
	struct view fields = item->payload.rest;
	uint32_t tag = operations[op].result_tag;
	if (!call_find_bytes(&item->payload, tag, out)) return false;
	if (alone || item->id.has_unique_id) answer_form_keep(message_answer_form(c, op, alone), from, item, fields, tag, *out);
	return true;
}

bool message_is_secret(const struct message *m)
{
	return m->op == MESSAGE_ENCRYPT || m->context_count > 0;
}

bool message_answer_is_secret(enum message_op op)
{
	return op == MESSAGE_DECRYPT;
}

size_t message_result_max(const struct message *m)
{
	return m->in.len + (m->op == MESSAGE_ENCRYPT ? COFFER_MESSAGE_OVERHEAD : 0);
}

/* The result, when the answer is like the one before. */
static bool is_alike(struct call *call, enum message_op op, struct view *out)
{
	struct answer_header_form *header = &call->c->forms.header;
	struct answer_form *item = &call->c->forms.answers[op].alone;
	size_t len;
	if (!answer_header_is_like(header, call->frame, 1)) return false;
	struct view rest = view_of(call->frame.ptr + header->len, call->frame.len - header->len);
	if (rest.len == 0 || answer_form_match(item, rest, 0, &len) != rest.len) return false;
	*out = view_of(rest.ptr + item->len, len);
	return true;
}

static enum coffer_status read_result(struct call *call, enum message_op op, struct view *out)
{
	if (is_alike(call, op, out)) return COFFER_OK;
	enum coffer_status st = call_read(call);
	if (st) return st;
	answer_header_keep(&call->c->forms.header, call->frame);
	return message_result(call->c, op, true, &call->answer.items[0], call->from, out) ? COFFER_OK : call_malformed(call);
}

/* ---- a large result goes to the caller as it comes ---- */

/* Callers may open a message where it lies; what they have is theirs until all of the answer is here. */
static bool overlap(struct view in, const uint8_t *out, size_t out_cap)
{
	return (uintptr_t)in.ptr < (uintptr_t)out + out_cap && (uintptr_t)out < (uintptr_t)in.ptr + in.len;
}

/* Bytes of the answer in front of its result, if that is large and the answer may be like the one before; else 0. */
static size_t head_of(const struct coffer *c, const struct message *m)
{
	const struct answer_form *item = &c->forms.answers[m->op].alone;
	bool large = m->in.len >= CONN_ASIDE_MIN && wire_total(&c->in) == 0;
	return large && c->forms.header.len && item->len ? c->forms.header.len + item->len : 0;
}

/* Whether the `len` bytes that are here begin an answer like the one before, with a result of *out_len bytes and *out_padding zeros to come. */
static bool begins_alike(struct coffer *c, enum message_op op, size_t len, size_t *out_len, size_t *out_padding)
{
	struct answer_header_form *header = &c->forms.header;
	const uint8_t *head = c->in.ptr + c->in.begin;
	size_t size = 0;
	bool whole = false;
	if (c->in.len != len || conn_whole_frame(c, &size, &whole) || whole || size < len) return false;
	if (!answer_header_is_like(header, view_of(head, size), 1)) return false;
	if (!answer_form_is_head(&c->forms.answers[op].alone, head + header->len, size - header->len, 0, out_len)) return false;
	*out_padding = size - len - *out_len;
	return *out_padding < LANDING_PADDING;
}

/* *out_landed: the result is where the caller wants it. Else the answer, or its beginning, stands in c->in, to be read as any other. */
static enum coffer_status land(struct call *call, const struct message *m, uint8_t *out, size_t out_cap, size_t *out_len, bool *out_landed)
{
	struct coffer *c = call->c;
	struct landing l = { .out = out };
	size_t head = head_of(c, m);
	if (head == 0 || overlap(m->in, out, out_cap)) return COFFER_OK;
	enum coffer_status st = conn_receive_head(c, head, call->deadline_ms);
	if (st || !begins_alike(c, m->op, head, &l.len, &l.padding) || l.len > out_cap) return st;
	call->frame = view_of(c->in.ptr + c->in.begin, head); /* all of it that call_end finds */
	st = conn_receive_rest(c, &l, call->deadline_ms);
	if (st) return st;
	if (!landing_is_well(&l)) {
		landing_drop(&l);
		return call_malformed(call);
	}
	*out_len = l.len;
	*out_landed = true;
	return COFFER_OK;
}

static enum coffer_status run(struct coffer *c, struct message *m, void *out, size_t out_cap, size_t *out_len)
{
	struct call call;
	struct view bytes;
	bool landed = false;
	enum coffer_status st = call_open(&call, c, m->size + CALL_OVERHEAD);
	if (st) return st;
	call.asks_sealed = !message_is_secret(m);
	call.gets_sealed = !message_answer_is_secret(m->op);
	message_put_alone(c, &call.w, m);
	st = call_transmit(&call);
	if (!st) st = land(&call, m, out, out_cap, out_len, &landed);
	if (st || landed) return call_end(&call, st);
	st = call_await(&call);
	if (!st) st = read_result(&call, m->op, &bytes);
	if (!st) st = call_copy_out(&call, bytes, out, out_cap, out_len);
	return call_end(&call, st);
}

enum coffer_status coffer_encrypt(struct coffer *c, const char *key, const struct coffer_pair *context, size_t context_count,
	const void *plain, size_t plain_len, void *out, size_t out_cap, size_t *out_len)
{
	struct message m = { MESSAGE_ENCRYPT, key, context, context_count, view_of(plain, plain_len), 0, 0 };
	if (!c) return COFFER_EINVAL;
	if (!out || !out_len) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = message_check(c, &m);
	if (st) return st;
	if (out_cap < plain_len + COFFER_MESSAGE_OVERHEAD)
		return conn_refuse(c, COFFER_ENOSPACE, "the out buffer has %zu bytes, %zu are needed", out_cap, plain_len + COFFER_MESSAGE_OVERHEAD);
	return run(c, &m, out, out_cap, out_len);
}

static enum coffer_status with_sealed(struct coffer *c, struct message *m, void *out, size_t out_cap, size_t *out_len)
{
	if (!c) return COFFER_EINVAL;
	if (!out || !out_len) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = message_check(c, m);
	return st ? st : run(c, m, out, out_cap, out_len);
}

enum coffer_status coffer_decrypt(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len)
{
	struct message m = { MESSAGE_DECRYPT, NULL, context, context_count, view_of(sealed, sealed_len), 0, 0 };
	return with_sealed(c, &m, out, out_cap, out_len);
}

enum coffer_status coffer_rewrap(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len)
{
	struct message m = { MESSAGE_REWRAP, NULL, context, context_count, view_of(sealed, sealed_len), 0, 0 };
	return with_sealed(c, &m, out, out_cap, out_len);
}
