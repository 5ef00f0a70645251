/* Encrypt and Decrypt: modes, IVs, usage, state. */
#include <string.h>

#include "unit/ops/fixture.h"

struct text { uint8_t data[64], iv[16], tag[16]; size_t data_len, iv_len, tag_len; };

struct wish {
	uint32_t mode, padding;
	bool random_iv, client_iv;
};

static void put_params(struct ask *a, const struct wish *wish)
{
	if (!wish->mode) return;
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, wish->mode);
	if (wish->padding) ttlv_put_enum(&a->w, TAG_PADDING_METHOD, wish->padding);
	if (wish->random_iv) ttlv_put_bool(&a->w, TAG_RANDOM_IV, true);
	ttlv_end(&a->w, mark);
}

static void keep(struct ttlv_cursor c, struct text *out)
{
	struct ttlv_item item;
	while (ttlv_next(&c, &item)) {
		uint8_t *to = item.tag == TAG_DATA ? out->data : item.tag == TAG_IV_COUNTER_NONCE ? out->iv : out->tag;
		size_t *len = item.tag == TAG_DATA ? &out->data_len : item.tag == TAG_IV_COUNTER_NONCE ? &out->iv_len : &out->tag_len;
		if (item.tag == TAG_UNIQUE_IDENTIFIER) continue;
		memcpy(to, item.value.ptr, item.value.len);
		*len = item.value.len;
	}
}

static enum coffer_err encrypt(struct fix *f, unsigned uid, const char *id, const struct wish *wish, struct text *out)
{
	static const uint8_t iv[16] = { 9 };
	struct ask a;
	struct answer answer;
	*out = (struct text){ .data_len = 0 };
	ask_one(&a, OPERATION_ENCRYPT);
	ask_id(&a, id);
	put_params(&a, wish);
	ttlv_put_bytes(&a.w, TAG_DATA, view_str("sixteen bytes...sixteen bytes..."));
	if (wish->client_iv) ttlv_put_bytes(&a.w, TAG_IV_COUNTER_NONCE, view_of(iv, wish->mode == BLOCK_CIPHER_MODE_GCM ? 12 : 16));
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	if (!err) keep(answer_payload(&answer, 0), out);
	answer_free(&answer);
	if (!err && wish->client_iv) {
		out->iv_len = wish->mode == BLOCK_CIPHER_MODE_GCM ? 12 : 16;
		memcpy(out->iv, iv, out->iv_len);
	}
	return err;
}

static enum coffer_err decrypt(struct fix *f, unsigned uid, const char *id, const struct wish *wish, const struct text *in, struct text *out)
{
	struct ask a;
	struct answer answer;
	*out = (struct text){ .data_len = 0 };
	ask_one(&a, OPERATION_DECRYPT);
	ask_id(&a, id);
	put_params(&a, wish);
	ttlv_put_bytes(&a.w, TAG_DATA, view_of(in->data, in->data_len));
	if (in->iv_len) ttlv_put_bytes(&a.w, TAG_IV_COUNTER_NONCE, view_of(in->iv, in->iv_len));
	if (in->tag_len) ttlv_put_bytes(&a.w, TAG_AUTHENTICATED_ENCRYPTION_TAG, view_of(in->tag, in->tag_len));
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	if (!err) keep(answer_payload(&answer, 0), out);
	answer_free(&answer);
	return err;
}

static void every_mode_gives_back_the_plaintext(void **state)
{
	static const struct wish cases[] = {
		{ .mode = BLOCK_CIPHER_MODE_GCM, .random_iv = true }, { .mode = BLOCK_CIPHER_MODE_GCM, .client_iv = true },
		{ .mode = BLOCK_CIPHER_MODE_CBC, .padding = PADDING_METHOD_PKCS5, .random_iv = true },
		{ .mode = BLOCK_CIPHER_MODE_CBC, .client_iv = true }, { .mode = BLOCK_CIPHER_MODE_CTR, .random_iv = true },
		{ .mode = BLOCK_CIPHER_MODE_ECB },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct text ct, pt;
		assert_int_equal(encrypt(f, ADMIN, id, &cases[i], &ct), ERR_OK);
		assert_int_equal(decrypt(f, ADMIN, id, &cases[i], &ct, &pt), ERR_OK);
		assert_int_equal(pt.data_len, 32);
		assert_memory_equal(pt.data, "sixteen bytes...sixteen bytes...", 32);
		if (cases[i].mode != BLOCK_CIPHER_MODE_GCM) continue;
		ct.tag[0] ^= 1;
		assert_int_equal(decrypt(f, ADMIN, id, &cases[i], &ct, &pt), ERR_CONTEXT);
	}
}

static void encrypt_refuses_what_is_open_or_not_supported(void **state)
{
	static const struct { struct wish wish; enum coffer_err err; } cases[] = {
		{ { .mode = 0 }, ERR_MISSING }, { { .mode = BLOCK_CIPHER_MODE_GCM }, ERR_MISSING },
		{ { .mode = BLOCK_CIPHER_MODE_PCBC, .client_iv = true }, ERR_UNSUPPORTED },
		{ { .mode = BLOCK_CIPHER_MODE_CMAC }, ERR_UNSUPPORTED }, { { .mode = BLOCK_CIPHER_MODE_ECB, .client_iv = true }, ERR_FIELD },
	};
	struct fix *f = *state;
	struct text ct;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(encrypt(f, ADMIN, id, &cases[i].wish, &ct), cases[i].err);
}

static void key_with_parameters_serves_only_these(void **state)
{
	static const struct { struct wish wish; enum coffer_err err; } cases[] = {
		{ { .mode = 0 }, ERR_OK }, { { .mode = BLOCK_CIPHER_MODE_GCM }, ERR_OK },
		{ { .mode = BLOCK_CIPHER_MODE_GCM, .client_iv = true }, ERR_FIELD }, { { .mode = BLOCK_CIPHER_MODE_ECB }, ERR_DENIED },
		{ { .mode = BLOCK_CIPHER_MODE_CTR, .random_iv = true }, ERR_DENIED },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .random_gcm = true }, id);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct text ct, pt;
		assert_int_equal(encrypt(f, ADMIN, id, &cases[i].wish, &ct), cases[i].err);
		if (cases[i].err) continue;
		assert_int_equal(ct.iv_len, 12);
		assert_int_equal(decrypt(f, ADMIN, id, &(struct wish){ .mode = 0 }, &ct, &pt), ERR_OK);
	}
}

static void usage_state_and_grant_are_checked(void **state)
{
	static const struct wish gcm = { .mode = BLOCK_CIPHER_MODE_GCM, .random_iv = true };
	struct fix *f = *state;
	struct text ct, pt;
	char id[UUID_TEXT_LEN + 1], sealing[UUID_TEXT_LEN + 1], later[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .group = "pay" }, id);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "e", .mask = CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT }, sealing);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "l", .pre_active = true }, later);
	assert_int_equal(encrypt(f, ADMIN, later, &gcm, &ct), ERR_STATE);
	assert_int_equal(encrypt(f, ADMIN, sealing, &gcm, &ct), ERR_OK);
	assert_int_equal(decrypt(f, ADMIN, sealing, &gcm, &ct, &pt), ERR_DENIED);
	assert_int_equal(encrypt(f, STRANGER, id, &gcm, &ct), ERR_NOT_FOUND);
	assert_int_equal(encrypt(f, OTHER, id, &gcm, &ct), ERR_OK);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_OK);
	assert_int_equal(decrypt(f, OTHER, id, &gcm, &ct, &pt), ERR_OK);
	assert_int_equal(encrypt(f, OTHER, id, &gcm, &pt), ERR_STATE);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	assert_int_equal(decrypt(f, OTHER, id, &gcm, &ct, &pt), ERR_STATE);
}

/* What the store says was set aside for the key; the object leaves memory first, as in a crash. */
static uint64_t reserved_in_store(struct fix *f, const char *id)
{
	AUTO_OBJECT struct object *o = NULL;
	uint8_t bytes[UUID_LEN];
	assert_int_equal(text_parse_uuid(view_str(id), bytes), ERR_OK);
	object_table_clear(f->engine.objects);
	assert_int_equal(txn_object(f->engine.txn, bytes, &o), ERR_OK);
	return o->gcm_reserved;
}

static void gcm_invocations_are_set_aside_before_they_are_made(void **state)
{
	static const struct wish gcm = { .mode = BLOCK_CIPHER_MODE_GCM, .random_iv = true };
	struct fix *f = *state;
	struct text ct;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	assert_int_equal(reserved_in_store(f, id), 0);
	for (uint64_t i = 0; i < SEAL_BUDGET_BLOCK_FIRST; i++) assert_int_equal(encrypt(f, ADMIN, id, &gcm, &ct), ERR_OK);
	assert_int_equal(reserved_in_store(f, id), SEAL_BUDGET_BLOCK_FIRST);
	assert_int_equal(encrypt(f, ADMIN, id, &gcm, &ct), ERR_OK);
	assert_int_equal(reserved_in_store(f, id), 2 * SEAL_BUDGET_BLOCK_FIRST); /* what memory had left is lost, not spent twice */
}

/* What a batch sets aside serves all of it: a key is not used up by how it is asked. */
static void a_batch_sets_one_block_aside(void **state)
{
	static const struct wish gcm = { .mode = BLOCK_CIPHER_MODE_GCM, .random_iv = true };
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	for (uint64_t round = 1; round <= 3; round++) {
		struct ask a;
		struct answer answer;
		ask_begin(&a, &(struct ask_header){ .count = 64 });
		for (uint8_t i = 0; i < 64; i++) {
			ask_item(&a, OPERATION_ENCRYPT, i);
			ask_id(&a, id);
			put_params(&a, &gcm);
			ttlv_put_bytes(&a.w, TAG_DATA, view_str("sixteen bytes..."));
			ask_item_end(&a, NULL);
		}
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		for (unsigned i = 0; i < 64; i++) assert_int_equal(answer.response.items[i].err, ERR_OK);
		answer_free(&answer);
		assert_int_equal(reserved_in_store(f, id), round * SEAL_BUDGET_BLOCK_FIRST);
	}
}

static void gcm_stops_at_its_limit(void **state)
{
	static const struct wish gcm = { .mode = BLOCK_CIPHER_MODE_GCM, .random_iv = true };
	struct fix *f = *state;
	struct text ct;
	struct reason reason = { "" };
	char id[UUID_TEXT_LEN + 1];
	AUTO_OBJECT struct object *o = NULL;
	AUTO_OBJECT struct object *late = NULL;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	assert_int_equal(txn_object_by_name(f->engine.txn, view_str("k"), &o), ERR_OK);
	late = object_copy(o);
	late->gcm_reserved = SEAL_BUDGET_MAX - 1;
	assert_int_equal(txn_begin(f->engine.txn, &reason), ERR_OK);
	assert_int_equal(txn_update(f->engine.txn, late, &reason), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, &reason), ERR_OK);
	assert_int_equal(encrypt(f, ADMIN, id, &gcm, &ct), ERR_OK);
	assert_int_equal(encrypt(f, ADMIN, id, &gcm, &ct), ERR_LIMIT);
	assert_int_equal(reserved_in_store(f, id), SEAL_BUDGET_MAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(every_mode_gives_back_the_plaintext), T(encrypt_refuses_what_is_open_or_not_supported),
		T(key_with_parameters_serves_only_these), T(usage_state_and_grant_are_checked), T(gcm_invocations_are_set_aside_before_they_are_made),
		T(a_batch_sets_one_block_aside), T(gcm_stops_at_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
