/* Get requests. */
#include "unit/ops/wanted.h"

#include "kmip/values.h"

static void put_specification(struct writer *w, const struct wanted *q)
{
	struct ttlv_mark spec = ttlv_begin(w, TAG_KEY_WRAPPING_SPECIFICATION);
	ttlv_put_enum(w, TAG_WRAPPING_METHOD, q->method ? q->method : WRAPPING_METHOD_ENCRYPT);
	if (!q->bare) {
		struct ttlv_mark info = ttlv_begin(w, TAG_ENCRYPTION_KEY_INFORMATION);
		ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, q->by);
		if (q->mode) kmip_params_put(w, TAG_CRYPTOGRAPHIC_PARAMETERS, &(struct kmip_params){ .has_block_cipher_mode = true,
			.block_cipher_mode = q->mode });
		ttlv_end(w, info);
	}
	if (q->mac) {
		struct ttlv_mark info = ttlv_begin(w, TAG_MAC_SIGNATURE_KEY_INFORMATION);
		ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, q->by);
		ttlv_end(w, info);
	}
	if (q->attribute) ttlv_put_str(w, TAG_ATTRIBUTE_NAME, q->attribute);
	if (q->encoding) ttlv_put_enum(w, TAG_ENCODING_OPTION, q->encoding);
	ttlv_end(w, spec);
}

void wanted_get(struct fix *f, unsigned uid, const char *id, const struct wanted *q, struct answer *answer)
{
	struct ask a;
	ask_begin(&a, &(struct ask_header){ .count = 1, .minor = q->minor, .zero = q->zero, .plain = true });
	ask_item(&a, OPERATION_GET, 1);
	ask_id(&a, id);
	if (q->format) ttlv_put_enum(&a.w, TAG_KEY_FORMAT_TYPE, q->format);
	if (q->wrap_type) ttlv_put_enum(&a.w, TAG_KEY_WRAP_TYPE, q->wrap_type);
	if (q->compressed) ttlv_put_enum(&a.w, TAG_KEY_COMPRESSION_TYPE, 1);
	if (q->by) put_specification(&a.w, q);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, answer);
}

uint32_t wanted_reason(struct fix *f, unsigned uid, const char *id, struct wanted q)
{
	struct answer answer;
	wanted_get(f, uid, id, &q, &answer);
	uint32_t reason = answer.response.items[0].err ? answer.response.items[0].reason : 0;
	if (reason) assert_true(answer.response.items[0].message.len > 0);
	answer_free(&answer);
	return reason;
}

static void put_modes(struct ask *a, void *arg)
{
	for (const uint32_t *mode = arg; *mode; mode++) {
		struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_CRYPTOGRAPHIC_PARAMETERS);
		ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, *mode);
		kmip_attr_end(&a->w, mark);
	}
}

#define WRAP_MASK (CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY | CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY)

struct bring wanted_kek(void)
{
	static uint32_t modes[] = { BLOCK_CIPHER_MODE_NIST_KEY_WRAP, BLOCK_CIPHER_MODE_AES_KEY_WRAP_PADDING, 0 };
	struct bring b = bring_key();
	b.managed.block.material = view_of(WANTED_KEK, 16);
	b.mask = WRAP_MASK;
	b.active = true;
	b.attributes = put_modes;
	b.arg = modes;
	return b;
}

void wanted_secrecy(struct ask *a, void *arg)
{
	const bool *flags = arg;
	kmip_attr_put_bool(&a->w, ATTR_SENSITIVE, flags[0]);
	kmip_attr_put_bool(&a->w, ATTR_EXTRACTABLE, flags[1]);
}
