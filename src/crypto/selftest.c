/* Known answers: FIPS and RFC examples, C2SP's for XAES, and one HPKE message made by an independent implementation. */
#include "crypto/selftest.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/hpke_internal.h"
#include "crypto/kdf.h"
#include "crypto/keywrap.h"
#include "crypto/mac.h"
#include "crypto/selftest_internal.h"
#include "crypto/shamir.h"
#include "crypto/sign.h"
#include "crypto/xaes.h"

#define TEXT_MAX 160u /* bytes of the longest known answer */

/* Decodes hex of our own; a known answer that does not decode is our bug. */
static struct view unhex(const char *hex, uint8_t out[static TEXT_MAX])
{
	struct view text = view_str(hex);
	INVARIANT(text.len / 2 <= TEXT_MAX && text_unhex(text, out, text.len / 2) == ERR_OK);
	return view_of(out, text.len / 2);
}

/* Known answers are not secret. */
static enum coffer_err expect(const uint8_t *got, const char *hex)
{
	uint8_t bytes[TEXT_MAX];
	struct view want = unhex(hex, bytes);
	return memcmp(got, want.ptr, want.len) == 0 ? ERR_OK : ERR_CRYPTO;
}

static enum coffer_err test_sha256(void)
{
	uint8_t out[HASH_SHA256_LEN];
	TRY(hash_sha256(view_str("abc"), out));
	return expect(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static enum coffer_err test_hmac(void)
{
	uint8_t out[MAC_LEN];
	const struct view parts[] = { view_str("what do ya want "), view_str("for nothing?") };
	TRY(mac_hmac_sha256(view_str("Jefe"), parts, 2, out));
	return expect(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static enum coffer_err test_hkdf(void)
{
	uint8_t ikm[TEXT_MAX], salt[TEXT_MAX], info[TEXT_MAX], out[42];
	struct view k = unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", ikm), s = unhex("000102030405060708090a0b0c", salt);
	struct view i = unhex("f0f1f2f3f4f5f6f7f8f9", info);
	TRY(kdf_hkdf(KDF_SHA256, k, s, i, out, sizeof out));
	TRY(expect(out, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
	TRY(kdf_hkdf(KDF_SHA256, k, s, i, out, 32)); /* one block is made another way */
	return expect(out, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

static enum coffer_err test_aes_gcm(void)
{
	AUTO(auto_aead_key_free) struct aead_key *k = NULL;
	uint8_t key[TEXT_MAX], nonce[TEXT_MAX], aad[TEXT_MAX], pt[TEXT_MAX], text[TEXT_MAX], tag[AEAD_TAG_LEN];
	TRY(aead_key_new(unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key).ptr, 32, &k));
	struct view part = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
	struct view plain = unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39", pt);
	(void)unhex("cafebabefacedbaddecaf888", nonce);
	TRY(aead_seal(k, nonce, &part, 1, plain, text, tag));
	TRY(expect(text, "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"));
	TRY(expect(tag, "76fc6ece0f4e1768cddf8853bb2d551b"));
	tag[15] ^= 1;
	uint8_t opened[TEXT_MAX];
	ENSURE(aead_open(k, nonce, &part, 1, view_of(text, plain.len), tag, opened) == ERR_CONTEXT, ERR_CRYPTO);
	tag[15] ^= 1;
	TRY(aead_open(k, nonce, &part, 1, view_of(text, plain.len), tag, opened));
	return memcmp(opened, pt, plain.len) == 0 ? ERR_OK : ERR_CRYPTO;
}

static enum coffer_err test_xaes(void)
{
	AUTO(auto_xaes_key_free) struct xaes_key *k = NULL;
	uint8_t key[XAES_KEY_LEN], out[TEXT_MAX];
	const struct view nonce = view_str("ABCDEFGHIJKLMNOPQRSTUVWX"), aad = view_str("c2sp.org/XAES-256-GCM");
	const struct view pt = view_str("XAES-256-GCM");
	memset(key, 3, sizeof key); /* a published key */
	TRY(xaes_key_new(key, &k));
	TRY(xaes_seal(k, nonce.ptr, &aad, 1, pt, out));
	TRY(expect(out, "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"));
	TRY(xaes_open(k, nonce.ptr, &aad, 1, view_of(out, pt.len + XAES_TAG_LEN), out));
	return memcmp(out, pt.ptr, pt.len) == 0 ? ERR_OK : ERR_CRYPTO;
}

enum coffer_err selftest_aead(void)
{
	TRY(test_aes_gcm());
	return test_xaes();
}

static enum coffer_err test_hpke(void)
{
	uint8_t d[TEXT_MAX], e[TEXT_MAX], public_key[HPKE_PUBLIC_LEN], enc[HPKE_ENC_LEN];
	AUTO_BUF struct buf ct = BUF_EMPTY;
	(void)unhex("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", d);
	(void)unhex("2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40", e);
	AUTO_SECRET struct secret *receiver = secret_copy(d, HPKE_PRIVATE_LEN);
	AUTO_SECRET struct secret *ephemeral = secret_copy(e, HPKE_PRIVATE_LEN);
	AUTO_SECRET struct secret *opened = NULL;
	ENSURE(receiver != NULL && ephemeral != NULL, ERR_MEMORY);
	TRY(hpke_public_of(receiver, public_key));
	TRY(expect(public_key, "04515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f"
		"4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354"));
	struct view info = view_str("coffer selftest"), none = view_of(NULL, 0);
	TRY(hpke_seal_with(ephemeral, public_key, info, none, view_str("known answer"), enc, &ct));
	ENSURE(ct.len == 28, ERR_CRYPTO);
	TRY(expect(ct.ptr, "bf1eb0fa1bc88e3ae23ac80112655989ca50ed5daeaa024439069d95"));
	TRY(hpke_open(receiver, enc, info, none, buf_view(&ct), &opened));
	return view_equal_str(secret_view(opened), "known answer") ? ERR_OK : ERR_CRYPTO;
}

static enum coffer_err test_ed25519(void)
{
	uint8_t bytes[TEXT_MAX], public_key[SIGN_PUBLIC_LEN], signature[SIGN_SIGNATURE_LEN];
	const struct view empty = view_of("", 0);
	(void)unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", bytes);
	AUTO_SECRET struct secret *seed = secret_copy(bytes, SIGN_PRIVATE_LEN);
	ENSURE(seed != NULL, ERR_MEMORY);
	TRY(sign_public_of(seed, public_key));
	TRY(expect(public_key, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
	TRY(sign_ed25519(seed, empty, signature));
	TRY(expect(signature, "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
		"fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"));
	TRY(sign_verify(public_key, empty, signature));
	signature[0] ^= 1;
	return sign_verify(public_key, empty, signature) == ERR_CORRUPT ? ERR_OK : ERR_CRYPTO;
}

/* RFC 3394 section 4.6, RFC 5649 section 6; one of them damaged must be refused. */
static enum coffer_err test_keywrap(void)
{
	uint8_t key[TEXT_MAX], text[TEXT_MAX];
	AUTO_BUF struct buf wrapped = BUF_EMPTY;
	AUTO_BUF struct buf opened = BUF_EMPTY;
	TRY(keywrap_wrap(unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", key), KEYWRAP_RFC3394,
		unhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", text), &wrapped));
	TRY(expect(wrapped.ptr, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"));
	buf_clear(&wrapped);
	struct view kek = unhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", key);
	struct view plain = unhex("c37b7e6492584340bed12207808941155068f738", text);
	TRY(keywrap_wrap(kek, KEYWRAP_RFC5649, plain, &wrapped));
	TRY(expect(wrapped.ptr, "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"));
	TRY(keywrap_unwrap(kek, KEYWRAP_RFC5649, buf_view(&wrapped), &opened));
	ENSURE(view_equal(buf_view(&opened), plain), ERR_CRYPTO);
	wrapped.ptr[0] ^= 1;
	return keywrap_unwrap(kek, KEYWRAP_RFC5649, buf_view(&wrapped), &opened) == ERR_CONTEXT ? ERR_OK : ERR_CRYPTO;
}

/* Fixed shares in the field 0x11D, which a sharing in another field would not give; then a sharing of our own. */
static enum coffer_err test_shamir(void)
{
	uint8_t first[TEXT_MAX], second[TEXT_MAX], whole[2];
	const uint8_t one_two[] = { 1, 2 };
	const struct view fixed[] = { unhex("99ca", first), unhex("dadd", second) };
	TRY(shamir_combine(one_two, fixed, 2, sizeof whole, whole));
	TRY(expect(whole, "53c7"));
	uint8_t shares[3 * 4], out[4];
	const uint8_t xs[] = { 3, 1 };
	const struct view picked[] = { view_of(shares + 8, 4), view_of(shares, 4) };
	TRY(shamir_split(view_str("key!"), 2, 3, shares));
	TRY(shamir_combine(xs, picked, 2, sizeof out, out));
	return view_equal_str(view_of(out, sizeof out), "key!") ? ERR_OK : ERR_CRYPTO;
}

enum coffer_err crypto_selftest(struct reason *reason)
{
	static const struct {
		const char *name;
		enum coffer_err (*run)(void);
	} tests[] = {
		{ "SHA-256", test_sha256 }, { "HMAC-SHA-256", test_hmac }, { "HKDF-SHA-256", test_hkdf }, { "AES-256-GCM", test_aes_gcm },
		{ "XAES-256-GCM", test_xaes }, { "HPKE", test_hpke }, { "Ed25519", test_ed25519 }, { "AES key wrap", test_keywrap },
		{ "secret sharing", test_shamir },
	};
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		if (tests[i].run() != ERR_OK)
			return reason_fail(reason, ERR_CRYPTO,
				"the self-test of %s failed, so this machine's cryptography cannot be trusted: "
				"check the OpenSSL installation and the memory",
				tests[i].name);
	return ERR_OK;
}
