/* Encrypt and Decrypt in parts. */
#include "unit/ops/crypt.h"

#include <string.h>

#include "base/arena.h"

#define KEY_256 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

#define MODE(m) .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_##m
#define PADDING(p) .has_padding_method = true, .padding_method = PADDING_METHOD_##p
#define RANDOM_IV .has_random_iv = true, .random_iv = true

static const struct kmip_params gcm = { MODE(GCM), RANDOM_IV }, cbc = { MODE(CBC), PADDING(PKCS5), RANDOM_IV }, ccm = { MODE(CCM), RANDOM_IV },
	xts = { MODE(XTS), RANDOM_IV }, wrap = { MODE(NIST_KEY_WRAP) }, ctr = { MODE(CTR), RANDOM_IV };
static const uint8_t text[64] = "sixty-four bytes of plain text that come in more than one piece";

static void aes_key(struct fix *f, char id[static UUID_TEXT_LEN + 1])
{
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 256, KEY_256, NULL, id);
}

/* One message on its way, and what came out so far. */
struct flow {
	struct fix *f;
	const char *id;
	uint32_t operation;
	const struct kmip_params *params;
	struct view iv, aad, tag;
	struct crypted first, last;
	struct crypt_field out;
};

static void collect(struct flow *w, const struct crypted *c)
{
	memcpy(w->out.bytes + w->out.len, c->data.bytes, c->data.len);
	w->out.len += c->data.len;
}

static void begin(struct flow *w, struct view data)
{
	crypt_send(w->f, &(struct crypt){ .operation = w->operation, .id = w->id, .params = w->params, .data = data, .iv = w->iv, .aad = w->aad,
		.tag = w->tag, .init = true }, &w->first);
	collect(w, &w->first);
}

static enum coffer_err next(struct flow *w, struct view data, bool final, struct view tag)
{
	crypt_send(w->f, &(struct crypt){ .operation = w->operation, .id = w->id, .data = data, .correlation = crypt_view(&w->first.correlation),
		.tag = tag, .final = final }, &w->last);
	if (w->last.err == ERR_OK) collect(w, &w->last);
	return w->last.err;
}

static const struct view none = { NULL, 0 };

static void every_mode_comes_back_from_parts_as_from_the_whole(void **state)
{
	static const struct kmip_params *const modes[] = { &gcm, &cbc, &ccm, &xts, &wrap, &ctr };
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	aes_key(f, id);
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		struct flow enc = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = modes[i] };
		struct crypted whole;
		begin(&enc, view_of(text, 7));
		assert_int_equal(enc.first.err, ERR_OK);
		assert_int_equal(enc.first.correlation.len, 16);
		assert_false(enc.first.tag.there);
		assert_int_equal(next(&enc, view_of(text + 7, 30), false, none), ERR_OK);
		assert_int_equal(next(&enc, view_of(text + 37, 27), true, none), ERR_OK);
		assert_false(enc.last.correlation.there || enc.last.iv.there);
		struct crypt c = { .operation = OPERATION_DECRYPT, .id = id, .params = modes[i], .data = crypt_view(&enc.out) };
		if (enc.first.iv.there) c.iv = crypt_view(&enc.first.iv);
		if (enc.last.tag.there) c.tag = crypt_view(&enc.last.tag);
		crypt_send(f, &c, &whole);
		assert_int_equal(whole.err, ERR_OK);
		assert_true(view_equal(crypt_view(&whole.data), view_of(text, 64)));
		struct flow dec = { .f = f, .id = id, .operation = OPERATION_DECRYPT, .params = modes[i], .iv = c.iv, .tag = c.tag };
		begin(&dec, view_of(enc.out.bytes, 17));
		assert_int_equal(dec.first.err, ERR_OK);
		assert_false(dec.first.iv.there);
		assert_int_equal(next(&dec, view_of(enc.out.bytes + 17, enc.out.len - 17), false, none), ERR_OK);
		assert_int_equal(next(&dec, none, true, none), ERR_OK);
		assert_true(view_equal(crypt_view(&dec.out), view_of(text, 64)));
	}
}

/* Section 4.29: the Correlation Value says what a later part is about. */
static void later_parts_need_no_unique_identifier(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct crypted stray;
	aes_key(f, id);
	struct flow enc = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &cbc };
	begin(&enc, view_of(text, 16));
	enc.id = NULL;
	assert_int_equal(next(&enc, view_of(text + 16, 16), false, none), ERR_OK);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_ENCRYPT, .data = view_of(text, 16), .correlation = crypt_view(&enc.first.correlation),
		.uid = OTHER }, &stray);
	assert_int_equal(stray.err, ERR_MISSING); /* another principal's says nothing */
	assert_int_equal(next(&enc, view_of(text + 32, 32), true, none), ERR_OK);
	assert_int_equal(enc.out.len, 80);
}

/* Encrypts the text under GCM with associated data. */
static void seal(struct flow *enc)
{
	enc->aad = view_str("associated");
	begin(enc, view_of(text, 64));
	assert_int_equal(next(enc, none, true, none), ERR_OK);
	assert_int_equal(enc->last.tag.len, 16);
}

static void no_plaintext_leaves_before_the_tag_is_verified(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	aes_key(f, id);
	struct flow enc = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &gcm };
	seal(&enc);
	for (int late = 0; late < 2; late++)
		for (int spoil = 0; spoil < 2; spoil++) {
			struct crypt_field tag = enc.last.tag;
			tag.bytes[3] ^= spoil ? 4 : 0;
			struct flow dec = { .f = f, .id = id, .operation = OPERATION_DECRYPT, .params = &gcm, .iv = crypt_view(&enc.first.iv),
				.aad = view_str("associated"), .tag = late ? none : crypt_view(&tag) };
			begin(&dec, view_of(enc.out.bytes, 50));
			assert_int_equal(dec.first.err, ERR_OK);
			assert_int_equal(next(&dec, view_of(enc.out.bytes + 50, 14), false, none), ERR_OK);
			assert_int_equal(dec.out.len, 0);
			assert_int_equal(next(&dec, none, true, late ? crypt_view(&tag) : none), spoil ? ERR_CONTEXT : ERR_OK);
			assert_int_equal(dec.out.len, spoil ? 0 : 64);
			assert_int_equal(next(&dec, none, true, none), ERR_NOT_FOUND);
		}
}

static void fields_of_the_first_part_do_not_come_again(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	static const uint8_t iv[12] = { 1 };
	aes_key(f, id);
	const struct crypt again[] = {
		{ .iv = view_of(iv, 12) }, { .aad = view_str("more") }, { .params = &cbc }, { .params = &ctr },
	};
	for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
		struct flow enc = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &gcm };
		struct crypt c = again[i];
		begin(&enc, view_of(text, 64));
		c.operation = OPERATION_ENCRYPT;
		c.id = id;
		c.data = view_of(text, 64);
		c.correlation = crypt_view(&enc.first.correlation);
		assert_int_equal(crypt_reason(f, &c), RESULT_REASON_INVALID_FIELD);
		assert_int_equal(next(&enc, none, true, none), ERR_NOT_FOUND);
	}
	struct flow enc = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &gcm };
	begin(&enc, view_of(text, 64));
	crypt_send(f, &(struct crypt){ .operation = OPERATION_ENCRYPT, .id = id, .params = &gcm, .final = true,
		.correlation = crypt_view(&enc.first.correlation) }, &enc.last);
	assert_int_equal(enc.last.err, ERR_OK); /* the same parameters may */
}

static void a_decryption_needs_its_tag_once(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	aes_key(f, id);
	struct flow enc = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &gcm };
	seal(&enc);
	struct view tag = crypt_view(&enc.last.tag);
	struct flow dec = { .f = f, .id = id, .operation = OPERATION_DECRYPT, .params = &gcm, .iv = crypt_view(&enc.first.iv) };
	begin(&dec, crypt_view(&enc.out));
	assert_int_equal(next(&dec, none, true, none), ERR_MISSING);
	begin(&dec, crypt_view(&enc.out));
	assert_int_equal(next(&dec, none, true, view_of(tag.ptr, 15)), ERR_FIELD);
	dec.tag = tag;
	begin(&dec, crypt_view(&enc.out));
	assert_int_equal(next(&dec, none, true, tag), ERR_FIELD);
}

static void a_part_is_bound_to_its_key_and_direction(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	aes_key(f, id);
	aes_key(f, other);
	struct flow enc = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &ctr };
	begin(&enc, view_of(text, 10));
	enc.id = other;
	assert_int_equal(next(&enc, view_of(text, 10), false, none), ERR_NOT_FOUND);
	enc.id = id;
	enc.operation = OPERATION_DECRYPT;
	assert_int_equal(next(&enc, view_of(text, 10), false, none), ERR_NOT_FOUND);
	enc.operation = OPERATION_ENCRYPT;
	assert_int_equal(next(&enc, view_of(text, 10), true, none), ERR_OK);
}

static void a_key_that_is_revoked_or_destroyed_ends_what_is_under_way(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	aes_key(f, id);
	struct flow enc = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &ctr };
	begin(&enc, view_of(text, 10));
	struct flow dec = { .f = f, .id = id, .operation = OPERATION_DECRYPT, .params = &ctr, .iv = crypt_view(&enc.first.iv) };
	begin(&dec, view_of(text, 10));
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_OK);
	assert_int_equal(next(&enc, view_of(text, 10), false, none), ERR_STATE);
	assert_int_equal(next(&enc, view_of(text, 10), false, none), ERR_NOT_FOUND);
	assert_int_equal(next(&dec, view_of(text, 10), false, none), ERR_OK);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	op_streams_sweep(f->streams, f->engine.objects); /* as the daemon does */
	assert_int_equal(next(&dec, view_of(text, 10), false, none), ERR_NOT_FOUND);
}

static void what_all_parts_keep_is_bounded(void **state)
{
	static uint8_t chunk[256 * 1024];
	struct fix *f = *state;
	struct arena_stats stats;
	size_t kept = 0;
	char id[UUID_TEXT_LEN + 1];
	aes_key(f, id);
	arena_stats(&stats);
	struct flow w[OP_PARTS_MAX];
	enum coffer_err err = ERR_OK;
	for (size_t i = 0; i < OP_PARTS_MAX && !err; i++) {
		w[i] = (struct flow){ .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &ccm };
		begin(&w[i], view_of(chunk, 1));
		err = w[i].first.err;
		for (unsigned n = 0; n < 3 && !err; n++) {
			err = next(&w[i], view_of(chunk, sizeof chunk), false, none);
			if (!err) kept += sizeof chunk;
		}
	}
	assert_int_equal(err, ERR_BUSY);
	assert_in_range(kept, 1, stats.size / 8);
	op_streams_free(f->streams);
	f->streams = op_streams_new();
	assert_non_null(f->streams);
	struct flow again = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &ccm };
	begin(&again, view_of(chunk, 1));
	assert_int_equal(next(&again, view_of(chunk, sizeof chunk), false, none), ERR_OK); /* it was given back */
}

static void one_message_gathers_at_most_a_mebibyte(void **state)
{
	static uint8_t chunk[256 * 1024];
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	aes_key(f, id);
	struct flow w = { .f = f, .id = id, .operation = OPERATION_ENCRYPT, .params = &ccm };
	begin(&w, view_of(chunk, sizeof chunk));
	for (unsigned n = 0; n < 3; n++) assert_int_equal(next(&w, view_of(chunk, sizeof chunk), false, none), ERR_OK);
	assert_int_equal(next(&w, view_of(chunk, 1), false, none), ERR_TOO_LARGE);
	assert_int_equal(next(&w, view_of(chunk, 1), false, none), ERR_NOT_FOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(later_parts_need_no_unique_identifier),
		T(every_mode_comes_back_from_parts_as_from_the_whole), T(no_plaintext_leaves_before_the_tag_is_verified),
		T(fields_of_the_first_part_do_not_come_again), T(a_decryption_needs_its_tag_once), T(a_part_is_bound_to_its_key_and_direction),
		T(a_key_that_is_revoked_or_destroyed_ends_what_is_under_way), T(what_all_parts_keep_is_bounded), T(one_message_gathers_at_most_a_mebibyte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
