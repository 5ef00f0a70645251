/* Vendor requests for the tests. */
#include "unit/ops/vendor.h"

#include <string.h>

void vendor_put_context(struct ask *a, const char *name, const char *value)
{
	if (!name) return;
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_COFFER_CONTEXT);
	ttlv_put_str(&a->w, TAG_COFFER_CONTEXT_NAME, name);
	ttlv_put_bytes(&a->w, TAG_COFFER_CONTEXT_VALUE, view_str(value));
	ttlv_end(&a->w, mark);
}

enum coffer_err vendor_send(struct fix *f, unsigned uid, struct ask *a, struct answer *out)
{
	ask_item_end(a, NULL);
	ask_end(a);
	fix_send(f, uid, a, out);
	assert_int_equal(out->response.count, 1);
	return out->response.items[0].err;
}

static bool find(const struct answer *a, uint32_t tag, struct ttlv_item *out, size_t *count)
{
	struct ttlv_cursor c = answer_payload(a, 0);
	struct ttlv_item item;
	*count = 0;
	while (ttlv_next(&c, &item)) {
		if (item.tag != tag) continue;
		if ((*count)++ == 0) *out = item;
	}
	return *count > 0;
}

struct ttlv_item vendor_field(const struct answer *a, uint32_t tag)
{
	struct ttlv_item item = { .tag = 0 };
	size_t count;
	if (!find(a, tag, &item, &count)) fail_msg("the answer has no field %06x", (unsigned)tag);
	return item;
}

size_t vendor_count(const struct answer *a, uint32_t tag)
{
	struct ttlv_item item;
	size_t count;
	find(a, tag, &item, &count);
	return count;
}

struct view vendor_bytes(const struct answer *a, uint32_t tag)
{
	struct ttlv_item item = vendor_field(a, tag);
	struct view bytes = { NULL, 0 };
	assert_int_equal(ttlv_get_bytes(&item, &bytes), ERR_OK);
	return bytes;
}

struct view vendor_text(const struct answer *a, uint32_t tag)
{
	struct ttlv_item item = vendor_field(a, tag);
	struct view text = { NULL, 0 };
	assert_int_equal(ttlv_get_text(&item, &text), ERR_OK);
	return text;
}

int32_t vendor_i32(const struct answer *a, uint32_t tag)
{
	struct ttlv_item item = vendor_field(a, tag);
	int32_t v = 0;
	assert_int_equal(ttlv_get_i32(&item, &v), ERR_OK);
	return v;
}

int64_t vendor_i64(const struct answer *a, uint32_t tag)
{
	struct ttlv_item item = vendor_field(a, tag);
	int64_t v = 0;
	assert_int_equal(ttlv_get_i64(&item, &v), ERR_OK);
	return v;
}

bool vendor_holds(struct view text, const char *part)
{
	return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

void vendor_seal(struct fix *f, unsigned uid, const char *key_name, const char *app, struct view plain, struct buf *out)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_SEAL);
	ttlv_put_str(&a.w, TAG_COFFER_KEY_NAME, key_name);
	vendor_put_context(&a, app ? "app" : NULL, app);
	ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, plain);
	assert_int_equal(vendor_send(f, uid, &a, &answer), ERR_OK);
	assert_int_equal(buf_append(out, vendor_bytes(&answer, TAG_COFFER_SEALED_DATA)), ERR_OK);
	answer_free(&answer);
}

enum coffer_err vendor_sealed(struct fix *f, unsigned uid, uint32_t operation, const char *app, struct view sealed, struct answer *out)
{
	struct ask a;
	ask_one(&a, operation);
	vendor_put_context(&a, app ? "app" : NULL, app);
	ttlv_put_bytes(&a.w, TAG_COFFER_SEALED_DATA, sealed);
	return vendor_send(f, uid, &a, out);
}
