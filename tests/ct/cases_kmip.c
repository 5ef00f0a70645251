/* kmip/, ttlv/, ops/: key material on its way through messages. */
#include <string.h>

#include "ct/ct.h"
#include "kmip/enums.h"
#include "kmip/keyblock.h"
#include "kmip/message.h"
#include "ops/request_record.h"

#define MESSAGE_MAX 512u

static struct view write_key(const struct secret *key, uint32_t format, uint8_t out[static MESSAGE_MAX])
{
	struct writer w;
	struct kmip_managed m = { .object_type = OBJECT_TYPE_SYMMETRIC_KEY };
	m.block = (struct kmip_key_block){ .format = format, .has_value = true, .material = secret_view(key),
		.algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .length_bits = 256 };
	writer_init(&w, out, MESSAGE_MAX);
	kmip_managed_put(&w, &m);
	return writer_done(&w) == ERR_OK ? writer_view(&w) : view_of(out, 0);
}

/* Get writes a key, Register reads one; in between the frame is checked. */
static enum coffer_err key_blocks(void)
{
	static const uint32_t formats[] = { KEY_FORMAT_TYPE_RAW, KEY_FORMAT_TYPE_OPAQUE, KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY };
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		AUTO_SECRET struct secret *key = ct_secret(0x40, 32);
		uint8_t bytes[MESSAGE_MAX];
		struct view message = write_key(key, formats[i], bytes);
		struct ttlv_limits limits = ttlv_limits_of(MESSAGE_MAX);
		struct ttlv_item item;
		struct kmip_managed back;
		ENSURE(ct_is_hidden(message.ptr, message.len), ERR_STATE);
		TRY(ttlv_check(message, &limits, NULL));
		TRY(ttlv_root(message, &item));
		TRY(kmip_managed_parse(&item, &back, NULL));
		ENSURE(back.block.material.len == 32 && ct_is_hidden(back.block.material.ptr, 32), ERR_STATE);
		AUTO_SECRET struct secret *copy = secret_copy(back.block.material.ptr, back.block.material.len);
		ENSURE(copy && secret_equal(copy, key), ERR_STATE);
	}
	return ERR_OK;
}

/* The digest of a request that carries a key. */
static enum coffer_err request_digest(void)
{
	AUTO_SECRET struct secret *key = ct_secret(0x40, 32);
	uint8_t bytes[MESSAGE_MAX], digest[32];
	static struct kmip_request request; /* large */
	struct view payload = write_key(key, KEY_FORMAT_TYPE_RAW, bytes);
	request.count = 1;
	request.items[0].payload.rest = payload;
	TRY(request_record_digest(&request, digest));
	return ct_take(digest, sizeof digest);
}

const struct ct_case ct_kmip[] = {
	{ "key block: put, ttlv_check, parse", CT_CLEAN, key_blocks },
	{ "request_record_digest", CT_CLEAN, request_digest },
	{ NULL, CT_CLEAN, NULL },
};
