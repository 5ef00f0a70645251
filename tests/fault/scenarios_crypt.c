/* Use of keys and reads: on the worker lane, with what is in memory and with what must be loaded. What is read is right or there is an error. */
#include <string.h>

#include "fault/scenario.h"
#include "kmip/keyblock.h"
#include "kmip/values.h"
#include "unit/ops/fixture.h"

#define TEXT "a text of forty-eight bytes that is kept secret .."
#define SEGMENT 65536u

/* A house with a key to encrypt with and one to wrap with. */
struct desk {
	struct house *house;
	char key[UUID_TEXT_LEN + 1], kek[UUID_TEXT_LEN + 1];
};

static enum coffer_err send_one(struct desk *d, struct ask *a)
{
	ask_item_end(a, NULL);
	ask_end(a);
	return house_send(d->house, a);
}

static void make_kek(struct desk *d)
{
	static const uint8_t material[16] = "sixteen bytes ..";
	struct ask a;
	const struct kmip_managed managed = { .object_type = OBJECT_TYPE_SYMMETRIC_KEY, .block = { .format = KEY_FORMAT_TYPE_RAW, .has_value = true,
		.material = view_of(material, sizeof material), .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .length_bits = 128 } };
	ask_one(&a, OPERATION_REGISTER);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_i32(&a.w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY | CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY);
	kmip_attr_put_time(&a.w, ATTR_ACTIVATION_DATE, (int64_t)HOUSE_NOW_S);
	struct kmip_attr_mark params = kmip_attr_begin(&a.w, ATTR_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a.w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_NIST_KEY_WRAP);
	kmip_attr_end(&a.w, params);
	ttlv_end(&a.w, mark);
	kmip_managed_put(&a.w, &managed);
	MUST_OK(send_one(d, &a));
	house_id(d->house, d->kek);
}

static void *open_desk(void)
{
	struct desk *d = calloc(1, sizeof *d);
	struct ask a;
	MUST(d);
	d->house = house_open();
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, &(struct key_wish){ .name = "desk", .random_gcm = true }, HOUSE_NOW_S);
	MUST_OK(send_one(d, &a));
	house_id(d->house, d->key);
	make_kek(d);
	return d;
}

static void end_desk(void *place)
{
	struct desk *d = place;
	house_judge(d->house);
	house_again(d->house);
}

static void close_desk(void *place)
{
	struct desk *d = place;
	house_close(d->house);
	free(d);
}

/* Nothing in memory, nothing in SQLite's cache. */
static void cool(void *place, unsigned k)
{
	struct desk *d = place;
	(void)k;
	op_local_clear(d->house->worker);
	object_table_clear(d->house->daemon.engine.objects);
	MUST_OK(store_reopen(d->house->daemon.engine.store, NULL));
}

/* ---- reads ---- */

static enum coffer_err run_locate(void *place, unsigned k)
{
	struct desk *d = place;
	struct ask a;
	(void)k;
	ask_one(&a, OPERATION_LOCATE);
	ask_name(&a, "desk");
	enum coffer_err err = send_one(d, &a);
	if (!err) MUST(view_equal(house_field(d->house, TAG_UNIQUE_IDENTIFIER), view_str(d->key)));
	return err;
}

static enum coffer_err run_attributes(void *place, unsigned k)
{
	struct desk *d = place;
	struct ask a;
	(void)k;
	ask_one(&a, OPERATION_GET_ATTRIBUTES);
	ask_id(&a, d->key);
	return send_one(d, &a);
}

static enum coffer_err run_get_wrapped(void *place, unsigned k)
{
	struct desk *d = place;
	struct ask a;
	(void)k;
	ask_one(&a, OPERATION_GET);
	ask_id(&a, d->key);
	struct ttlv_mark spec = ttlv_begin(&a.w, TAG_KEY_WRAPPING_SPECIFICATION);
	ttlv_put_enum(&a.w, TAG_WRAPPING_METHOD, WRAPPING_METHOD_ENCRYPT);
	struct ttlv_mark info = ttlv_begin(&a.w, TAG_ENCRYPTION_KEY_INFORMATION);
	ttlv_put_str(&a.w, TAG_UNIQUE_IDENTIFIER, d->kek);
	ttlv_end(&a.w, info);
	ttlv_end(&a.w, spec);
	enum coffer_err err = send_one(d, &a);
	if (!err) MUST(house_field(d->house, TAG_SYMMETRIC_KEY).len > 32);
	return err;
}

static enum coffer_err run_audit_show(void *place, unsigned k)
{
	struct desk *d = place;
	struct ask a;
	(void)k;
	ask_one(&a, OPERATION_COFFER_AUDIT_SHOW);
	ttlv_put_i64(&a.w, TAG_COFFER_AUDIT_FROM, 1);
	ttlv_put_i32(&a.w, TAG_COFFER_AUDIT_COUNT, 5);
	enum coffer_err err = send_one(d, &a);
	if (!err) MUST(house_field(d->house, TAG_COFFER_AUDIT_ROWS).len > 100);
	return err;
}

/* ---- KMIP Encrypt and Decrypt ---- */

static struct view keep(uint8_t *to, size_t cap, struct view from)
{
	MUST(from.len <= cap);
	memcpy(to, from.ptr, from.len);
	return view_of(to, from.len);
}

struct sealed { uint8_t data[64], iv[16], tag[16]; struct view data_v, iv_v, tag_v; };

static void put_gcm(struct ask *a)
{
	kmip_params_put(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS, &(struct kmip_params){ .has_block_cipher_mode = true, .block_cipher_mode =
		BLOCK_CIPHER_MODE_GCM, .has_random_iv = true, .random_iv = true });
}

static enum coffer_err encrypt_whole(struct desk *d, struct sealed *out)
{
	struct ask a;
	ask_one(&a, OPERATION_ENCRYPT);
	ask_id(&a, d->key);
	put_gcm(&a);
	ttlv_put_bytes(&a.w, TAG_DATA, view_str(TEXT));
	enum coffer_err err = send_one(d, &a);
	if (err) return err;
	out->data_v = keep(out->data, sizeof out->data, house_field(d->house, TAG_DATA));
	out->iv_v = keep(out->iv, sizeof out->iv, house_field(d->house, TAG_IV_COUNTER_NONCE));
	out->tag_v = keep(out->tag, sizeof out->tag, house_field(d->house, TAG_AUTHENTICATED_ENCRYPTION_TAG));
	return ERR_OK;
}

static enum coffer_err decrypt_whole(struct desk *d, const struct sealed *s)
{
	struct ask a;
	ask_one(&a, OPERATION_DECRYPT);
	ask_id(&a, d->key);
	put_gcm(&a);
	ttlv_put_bytes(&a.w, TAG_DATA, s->data_v);
	ttlv_put_bytes(&a.w, TAG_IV_COUNTER_NONCE, s->iv_v);
	ttlv_put_bytes(&a.w, TAG_AUTHENTICATED_ENCRYPTION_TAG, s->tag_v);
	enum coffer_err err = send_one(d, &a);
	if (!err) MUST(view_equal(house_field(d->house, TAG_DATA), view_str(TEXT)));
	return err;
}

static enum coffer_err run_cipher(void *place, unsigned k)
{
	struct sealed s;
	(void)k;
	TRY(encrypt_whole(place, &s));
	return decrypt_whole(place, &s);
}

/* Three parts; the correlation value of the first goes with the others. */
static enum coffer_err run_parts(void *place, unsigned k)
{
	struct desk *d = place;
	uint8_t correlation[64];
	struct view value = view_of(NULL, 0);
	(void)k;
	for (unsigned part = 0; part < 3; part++) {
		struct ask a;
		ask_one(&a, OPERATION_ENCRYPT);
		ask_id(&a, d->key);
		if (part == 0) put_gcm(&a);
		ttlv_put_bytes(&a.w, TAG_DATA, view_str(TEXT));
		if (part) ttlv_put_bytes(&a.w, TAG_CORRELATION_VALUE, value);
		ttlv_put_bool(&a.w, part ? TAG_FINAL_INDICATOR : TAG_INIT_INDICATOR, part == 0 || part == 2);
		TRY(send_one(d, &a));
		if (part == 0) value = keep(correlation, sizeof correlation, house_field(d->house, TAG_CORRELATION_VALUE));
	}
	MUST(house_field(d->house, TAG_AUTHENTICATED_ENCRYPTION_TAG).len == 16);
	return ERR_OK;
}

/* ---- sealed messages and streams ---- */

static enum coffer_err run_seal(void *place, unsigned k)
{
	struct desk *d = place;
	struct ask a;
	uint8_t sealed[512];
	(void)k;
	ask_one(&a, OPERATION_COFFER_SEAL);
	ttlv_put_str(&a.w, TAG_COFFER_KEY_NAME, "desk");
	ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, view_str(TEXT));
	TRY(send_one(d, &a));
	struct view message = keep(sealed, sizeof sealed, house_field(d->house, TAG_COFFER_SEALED_DATA));
	ask_one(&a, OPERATION_COFFER_OPEN);
	ttlv_put_bytes(&a.w, TAG_COFFER_SEALED_DATA, message);
	TRY(send_one(d, &a));
	MUST(view_equal(house_field(d->house, TAG_COFFER_PLAINTEXT), view_str(TEXT)));
	return ERR_OK;
}

static enum coffer_err handle_of(struct desk *d, int32_t *out)
{
	struct ttlv_cursor c = d->house->response.items[0].payload;
	struct ttlv_item item;
	while (ttlv_next(&c, &item))
		if (item.tag == TAG_COFFER_STREAM_HANDLE) return ttlv_get_i32(&item, out);
	return ERR_MISSING;
}

static enum coffer_err segment(struct desk *d, uint32_t operation, int32_t handle, struct view in)
{
	struct ask a;
	ask_one(&a, operation);
	ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, handle);
	ttlv_put_bytes(&a.w, TAG_COFFER_SEGMENT, in);
	ttlv_put_bool(&a.w, TAG_COFFER_LAST_SEGMENT, true);
	return send_one(d, &a);
}

/* A stream that failed half-way is left open: the connection's end would close it. */
static enum coffer_err run_stream(void *place, unsigned k)
{
	struct desk *d = place;
	struct ask a;
	uint8_t header[256], sealed[256];
	int32_t handle = 0;
	(void)k;
	op_streams_free(d->house->streams);
	d->house->streams = op_streams_new();
	MUST(d->house->streams);
	ask_one(&a, OPERATION_COFFER_SEAL_STREAM);
	ask_id(&a, d->key);
	TRY(send_one(d, &a));
	MUST_OK(handle_of(d, &handle));
	struct view head = keep(header, sizeof header, house_field(d->house, TAG_COFFER_STREAM_HEADER));
	TRY(segment(d, OPERATION_COFFER_SEAL_STREAM, handle, view_str(TEXT)));
	struct view text = keep(sealed, sizeof sealed, house_field(d->house, TAG_COFFER_SEGMENT));
	ask_one(&a, OPERATION_COFFER_OPEN_STREAM);
	ttlv_put_bytes(&a.w, TAG_COFFER_STREAM_HEADER, head);
	TRY(send_one(d, &a));
	MUST_OK(handle_of(d, &handle));
	TRY(segment(d, OPERATION_COFFER_OPEN_STREAM, handle, text));
	MUST(view_equal(house_field(d->house, TAG_COFFER_SEGMENT), view_str(TEXT)));
	return ERR_OK;
}

#define DESK .places = AT_HOUSE, .rounds = 200, .open = open_desk, .end = end_desk, .close = close_desk
const struct scenario crypt_scenarios[] = {
	{ .name = "Locate", .run = run_locate, DESK },
	{ .name = "Locate, nothing in memory", .prepare = cool, .run = run_locate, DESK },
	{ .name = "Get Attributes, nothing in memory", .prepare = cool, .run = run_attributes, DESK },
	{ .name = "Get, wrapped", .run = run_get_wrapped, DESK },
	{ .name = "Get, wrapped, nothing in memory", .prepare = cool, .run = run_get_wrapped, DESK },
	{ .name = "audit show", .run = run_audit_show, DESK },
	{ .name = "Encrypt and Decrypt", .run = run_cipher, DESK },
	{ .name = "Encrypt and Decrypt, nothing in memory", .prepare = cool, .run = run_cipher, DESK },
	{ .name = "Encrypt in parts", .run = run_parts, DESK },
	{ .name = "Seal and Open", .run = run_seal, DESK },
	{ .name = "Seal Stream and Open Stream", .run = run_stream, DESK },
	{ .name = NULL },
};
