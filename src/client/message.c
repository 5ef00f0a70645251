/* Sealed messages: encrypt, decrypt, rewrap. */
#include <string.h>

#include "client/call.h"

static bool bad_buffers(const void *in, size_t in_len, const void *out, const size_t *out_len)
{
	return (!in && in_len) || !out || !out_len;
}

/* The answer's byte string under `tag`, behind fields that are skipped, to the caller. */
static enum coffer_status answer_bytes(struct call *call, uint32_t tag, void *out, size_t out_cap, size_t *out_len)
{
	struct ttlv_cursor *c = &call->answer.items[0].payload;
	struct ttlv_item item;
	struct view bytes;
	while (ttlv_next(c, &item)) {
		if (item.tag != tag) continue;
		if (ttlv_get_bytes(&item, &bytes) != ERR_OK) break;
		return call_copy_out(call, bytes, out, out_cap, out_len);
	}
	return call_malformed(call);
}

enum coffer_status coffer_encrypt(struct coffer *c, const char *key, const struct coffer_pair *context, size_t context_count,
	const void *plain, size_t plain_len, void *out, size_t out_cap, size_t *out_len)
{
	struct call call;
	size_t context_size;
	if (!c) return COFFER_EINVAL;
	if (!key || bad_buffers(plain, plain_len, out, out_len)) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	if (plain_len > COFFER_MESSAGE_MAX)
		return conn_refuse(c, COFFER_ETOOLARGE, "a sealed message holds at most %u bytes; use a stream", COFFER_MESSAGE_MAX);
	if (out_cap < plain_len + COFFER_MESSAGE_OVERHEAD)
		return conn_refuse(c, COFFER_ENOSPACE, "the out buffer has %zu bytes, %zu are needed", out_cap, plain_len + COFFER_MESSAGE_OVERHEAD);
	enum coffer_status st = call_check_key(c, key);
	if (!st) st = call_check_context(c, context, context_count, &context_size);
	if (!st) st = call_begin(&call, c, OPERATION_COFFER_SEAL, plain_len + strlen(key) + context_size + 64);
	if (st) return st;
	call_put_key(&call, key);
	call_put_context(&call, context, context_count);
	ttlv_put_bytes(&call.w, TAG_COFFER_PLAINTEXT, view_of(plain, plain_len));
	st = call_run(&call, false);
	if (!st) st = answer_bytes(&call, TAG_COFFER_SEALED_DATA, out, out_cap, out_len);
	return call_end(&call, st);
}

static enum coffer_status with_sealed(struct coffer *c, uint32_t operation, uint32_t answer_tag, const struct coffer_pair *context,
	size_t context_count, const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len)
{
	struct call call;
	size_t context_size;
	if (!c) return COFFER_EINVAL;
	if (bad_buffers(sealed, sealed_len, out, out_len)) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	if (sealed_len >= 4 && memcmp(sealed, "CFRS", 4) == 0)
		return conn_refuse(c, COFFER_EFOREIGN, "this is a sealed stream, not a sealed message; open it with coffer_stream_open");
	if (sealed_len > COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD)
		return conn_refuse(c, COFFER_ETOOLARGE, "this is larger than a sealed message can be");
	enum coffer_status st = call_check_context(c, context, context_count, &context_size);
	if (!st) st = call_begin(&call, c, operation, sealed_len + context_size + 64);
	if (st) return st;
	call_put_context(&call, context, context_count);
	ttlv_put_bytes(&call.w, TAG_COFFER_SEALED_DATA, view_of(sealed, sealed_len));
	st = call_run(&call, false);
	if (!st) st = answer_bytes(&call, answer_tag, out, out_cap, out_len);
	return call_end(&call, st);
}

enum coffer_status coffer_decrypt(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len)
{
	return with_sealed(c, OPERATION_COFFER_OPEN, TAG_COFFER_PLAINTEXT, context, context_count, sealed, sealed_len, out, out_cap, out_len);
}

enum coffer_status coffer_rewrap(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len)
{
	return with_sealed(c, OPERATION_COFFER_REWRAP, TAG_COFFER_SEALED_DATA, context, context_count, sealed, sealed_len, out, out_cap, out_len);
}
