/* Sealed streams against Tink's vectors (the core) and our frozen ones (the whole). */
#include "unit/crypto/support.h"

#include <string.h>

#include "crypto/hash.h"
#include "crypto/stream_core.h"
#include "crypto/stream_internal.h"

static enum kdf_hash tink_hash(const char *name)
{
	if (strcmp(name, "SHA1") == 0) return KDF_SHA1;
	return strcmp(name, "SHA512") == 0 ? KDF_SHA512 : KDF_SHA256;
}

/* Tink: header = length u8 | salt (as long as the derived key) | prefix (7); a segment's size counts ciphertext, and
 * the first segment is shorter by the header. */
static void check_tink(const json_t *v)
{
	AUTO_BUF struct buf key = BUF_EMPTY, ct = BUF_EMPTY, pt = BUF_EMPTY, aad = BUF_EMPTY, out = BUF_EMPTY;
	AUTO(auto_aead_key_free) struct aead_key *k = NULL;
	struct view c = support_field(&ct, v, "ciphertext"), p = support_field(&pt, v, "plaintext");
	size_t derived_len = support_number(v, "derived"), segment = support_number(v, "segment");
	size_t header_len = 1 + derived_len + STREAM_CORE_PREFIX_LEN, at = header_len, number = 0;
	uint8_t derived[32], again[256];
	assert_int_equal(c.ptr[0], header_len);
	assert_ok(stream_core_derive(tink_hash(support_text(v, "hash")), support_field(&key, v, "key"), view_of(c.ptr + 1, derived_len),
		support_field(&aad, v, "aad"), derived, derived_len));
	assert_ok(aead_key_new(derived, derived_len, &k));
	assert_ok(buf_reserve(&out, c.len));
	const uint8_t *prefix = c.ptr + 1 + derived_len;
	while (at < c.len) {
		size_t room = number == 0 ? segment - header_len : segment;
		size_t len = c.len - at < room ? c.len - at : room;
		bool last = at + len == c.len;
		struct view s = view_of(c.ptr + at, len);
		uint8_t *opened = out.ptr + out.len;
		assert_err(stream_core_open(k, prefix, (uint32_t)number, !last, s, opened), ERR_CONTEXT);
		assert_err(stream_core_open(k, prefix, (uint32_t)number + 1, last, s, opened), ERR_CONTEXT);
		assert_ok(stream_core_open(k, prefix, (uint32_t)number, last, s, opened));
		assert_ok(stream_core_seal(k, prefix, (uint32_t)number, last, view_of(opened, len - AEAD_TAG_LEN), again));
		assert_true(view_equal(view_of(again, len), s));
		out.len += len - AEAD_TAG_LEN;
		at += len;
		number++;
	}
	assert_true(view_equal(buf_view(&out), p));
}

static void tink_vectors_open_and_are_made_again(void **state)
{
	size_t i;
	const json_t *v;
	json_t *root = support_load("tink_aes_gcm_hkdf_streaming.json");
	unsigned count = 0;
	(void)state;
	json_array_foreach(json_object_get(root, "vectors"), i, v) {
		check_tink(v);
		count++;
	}
	print_message("Tink streaming: %u vectors\n", count);
	assert_int_equal(count, 8);
	json_decref(root);
}

static void fill_plain(const json_t *v, uint8_t *out, size_t len)
{
	const char *kind = support_text(v, "plaintext_kind");
	if (strcmp(kind, "bytes") == 0) memcpy(out, "hello", len);
	if (strcmp(kind, "zeros-A") == 0) out[len - 1] = 'A';
	if (strcmp(kind, "rising") == 0)
		for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(i % 251);
}

/* Seals a frozen vector's plaintext; returns the length of the stream. */
static size_t seal(const json_t *v, const uint8_t *plain, size_t len, struct view key, struct view context, uint8_t *out)
{
	AUTO_BUF struct buf id = BUF_EMPTY, salt = BUF_EMPTY, prefix = BUF_EMPTY;
	AUTO(auto_stream_sealer_free) struct stream_sealer *s = NULL;
	assert_ok(stream_sealer_new_with(key.ptr, support_field(&id, v, "key_id").ptr, support_number(v, "key_version"), context,
		support_number(v, "segment_bits"), support_field(&salt, v, "salt").ptr, support_field(&prefix, v, "prefix").ptr, out, &s));
	size_t size = stream_sealer_segment_size(s), at = 0, to = STREAM_HEADER_LEN;
	do {
		size_t n = len - at < size ? len - at : size;
		assert_ok(stream_seal_segment(s, view_of(plain + at, n), at + n == len, out + to));
		at += n;
		to += n + STREAM_TAG_LEN;
	} while (at < len);
	return to;
}

static void open_all(struct view key, struct view context, struct view sealed, const uint8_t *plain, size_t len)
{
	AUTO(auto_stream_opener_free) struct stream_opener *o = NULL;
	uint8_t *out = test_malloc(sealed.len);
	size_t at = STREAM_HEADER_LEN, done = 0;
	assert_ok(stream_opener_new(key.ptr, sealed, context, &o));
	while (at < sealed.len) {
		size_t n = stream_opener_segment_size(o) + STREAM_TAG_LEN;
		if (n > sealed.len - at) n = sealed.len - at;
		assert_false(stream_opener_complete(o));
		assert_ok(stream_open_segment(o, view_of(sealed.ptr + at, n), at + n == sealed.len, out + done));
		at += n;
		done += n - STREAM_TAG_LEN;
	}
	assert_true(stream_opener_complete(o));
	assert_int_equal(done, len);
	assert_memory_equal(out, plain, len);
	test_free(out);
}

static void check_frozen(const json_t *v)
{
	AUTO_BUF struct buf key = BUF_EMPTY, context = BUF_EMPTY;
	size_t len = support_number(v, "plaintext_len"), sealed_len = support_number(v, "sealed_len");
	uint8_t *plain = test_calloc(1, len + 1), *sealed = test_calloc(1, sealed_len), digest[HASH_SHA256_LEN];
	struct view k = support_field(&key, v, "key"), c = support_field(&context, v, "context");
	fill_plain(v, plain, len);
	assert_int_equal(seal(v, plain, len, k, c, sealed), sealed_len);
	assert_hex(sealed, STREAM_HEADER_LEN, support_text(v, "header"));
	assert_hex(sealed + sealed_len - STREAM_TAG_LEN, STREAM_TAG_LEN, support_text(v, "last_tag"));
	assert_ok(hash_sha256(view_of(sealed, sealed_len), digest));
	assert_hex(digest, sizeof digest, support_text(v, "sealed_sha256"));
	if (json_object_get(v, "sealed") != NULL) assert_hex(sealed, sealed_len, support_text(v, "sealed"));
	open_all(k, c, view_of(sealed, sealed_len), plain, len);
	test_free(plain);
	test_free(sealed);
}

static void frozen_streams_open_and_are_made_again(void **state)
{
	size_t i;
	const json_t *v;
	json_t *root = support_load("sealed-stream-v1.json");
	unsigned count = 0;
	(void)state;
	json_array_foreach(json_object_get(root, "vectors"), i, v) {
		check_frozen(v);
		count++;
	}
	assert_int_equal(count, 7);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tink_vectors_open_and_are_made_again),
		cmocka_unit_test(frozen_streams_open_and_are_made_again),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
