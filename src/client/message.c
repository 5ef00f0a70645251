/* Sealed messages: encrypt, decrypt, rewrap. */
#include "client/message.h"

#include <string.h>

static const struct { uint32_t operation, in_tag, result_tag; } operations[] = {
	[MESSAGE_ENCRYPT] = { OPERATION_COFFER_SEAL, TAG_COFFER_PLAINTEXT, TAG_COFFER_SEALED_DATA },
	[MESSAGE_DECRYPT] = { OPERATION_COFFER_OPEN, TAG_COFFER_SEALED_DATA, TAG_COFFER_PLAINTEXT },
	[MESSAGE_REWRAP] = { OPERATION_COFFER_REWRAP, TAG_COFFER_SEALED_DATA, TAG_COFFER_SEALED_DATA },
};

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
	m->size = m->in.len + (m->key ? strlen(m->key) : 0) + context_size + 64;
	return COFFER_OK;
}

uint32_t message_operation(const struct message *m)
{
	return operations[m->op].operation;
}

void message_put(struct coffer *c, struct writer *w, const struct message *m)
{
	if (m->op == MESSAGE_ENCRYPT) call_write_key(w, m->key);
	call_write_context(w, m->context, m->context_count);
	conn_put_bytes(c, w, operations[m->op].in_tag, m->in);
}

bool message_result(enum message_op op, struct ttlv_cursor *payload, struct view *out)
{
	return call_find_bytes(payload, operations[op].result_tag, out);
}

size_t message_result_max(const struct message *m)
{
	return m->in.len + (m->op == MESSAGE_ENCRYPT ? COFFER_MESSAGE_OVERHEAD : 0);
}

static enum coffer_status run(struct coffer *c, struct message *m, void *out, size_t out_cap, size_t *out_len)
{
	struct call call;
	struct view bytes;
	enum coffer_status st = call_begin(&call, c, message_operation(m), m->size);
	if (st) return st;
	message_put(c, &call.w, m);
	st = call_run(&call, false);
	if (!st && !message_result(m->op, &call.answer.items[0].payload, &bytes)) st = call_malformed(&call);
	if (!st) st = call_copy_out(&call, bytes, out, out_cap, out_len);
	return call_end(&call, st);
}

enum coffer_status coffer_encrypt(struct coffer *c, const char *key, const struct coffer_pair *context, size_t context_count,
	const void *plain, size_t plain_len, void *out, size_t out_cap, size_t *out_len)
{
	struct message m = { MESSAGE_ENCRYPT, key, context, context_count, view_of(plain, plain_len), 0 };
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
	struct message m = { MESSAGE_DECRYPT, NULL, context, context_count, view_of(sealed, sealed_len), 0 };
	return with_sealed(c, &m, out, out_cap, out_len);
}

enum coffer_status coffer_rewrap(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len)
{
	struct message m = { MESSAGE_REWRAP, NULL, context, context_count, view_of(sealed, sealed_len), 0 };
	return with_sealed(c, &m, out, out_cap, out_len);
}
