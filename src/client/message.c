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
	if (!c || !key || bad_buffers(plain, plain_len, out, out_len)) return COFFER_EINVAL;
	if (plain_len > COFFER_MESSAGE_MAX) return COFFER_ETOOLARGE;
	if (out_cap < plain_len + COFFER_MESSAGE_OVERHEAD) return COFFER_ENOSPACE;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_SEAL,
		plain_len + strlen(key) + call_context_size(context, context_count) + 64);
	if (st) return st;
	call_put_key(&call, key);
	st = call_put_context(&call, context, context_count);
	ttlv_put_bytes(&call.w, TAG_COFFER_PLAINTEXT, view_of(plain, plain_len));
	if (!st) st = call_run(&call, false);
	if (!st) st = answer_bytes(&call, TAG_COFFER_SEALED_DATA, out, out_cap, out_len);
	return call_end(&call, st);
}

static enum coffer_status with_sealed(struct coffer *c, uint32_t operation, uint32_t answer_tag, const struct coffer_pair *context,
	size_t context_count, const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len)
{
	struct call call;
	if (!c || bad_buffers(sealed, sealed_len, out, out_len)) return COFFER_EINVAL;
	if (sealed_len > COFFER_MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD)
		return conn_fail(c, COFFER_ETOOLARGE, "this is larger than a sealed message can be");
	enum coffer_status st = call_begin(&call, c, operation, sealed_len + call_context_size(context, context_count) + 64);
	if (st) return st;
	st = call_put_context(&call, context, context_count);
	ttlv_put_bytes(&call.w, TAG_COFFER_SEALED_DATA, view_of(sealed, sealed_len));
	if (!st) st = call_run(&call, false);
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
