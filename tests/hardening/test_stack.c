/* What functions that hold key bytes leave on their stack: nothing. Each runs on a stack of its own that was painted before, and which is
 * searched for every 8 bytes of the secrets afterwards: as they are, as HMAC uses them (xor 36 and 5c), and with words turned around. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/buf.h"
#include "base/ct.h"
#include "base/text.h"
#include "crypto/aead_internal.h"
#include "crypto/cipher.h"
#include "crypto/hpke.h"
#include "crypto/kdf.h"
#include "crypto/keywrap.h"
#include "crypto/mac.h"
#include "crypto/ossl_mem.h"
#include "crypto/rng.h"
#include "crypto/shamir.h"
#include "crypto/sign.h"
#include "crypto/xaes.h"
#include "keyring/ring.h"
#include "recovery/share.h"
#include "test_arena.h"

#define STACK_SIZE ((size_t)512 << 10)
#define SECRET_LEN 32u
#define WINDOW 8u /* bytes in a row that count as found */

/* Everything secret lies in the arena; the functions under test see it through these. */
struct scene {
	struct secret *key, *text, *out;
	struct buf bytes;
	enum coffer_err err;
};

static struct scene scene;
static void (*under_test)(void);
static ucontext_t outside, inside;
static uint8_t *stack;

static void on_the_stack(void)
{
	under_test();
}

static size_t windows_found(const struct secret *s, uint8_t mask, bool turned)
{
	size_t found = 0;
	const uint8_t *bytes = secret_bytes(s);
	for (size_t at = 0; at + WINDOW <= secret_len(s); at += 4) {
		uint8_t wanted[WINDOW];
		for (size_t i = 0; i < WINDOW; i++) wanted[i] = (uint8_t)(bytes[at + (turned ? i ^ 3u : i)] ^ mask);
		if (memmem(stack, STACK_SIZE, wanted, WINDOW)) found++;
	}
	return found;
}

static size_t count_of(const struct secret *s)
{
	static const uint8_t masks[] = { 0, 0x36, 0x5c };
	size_t found = 0;
	for (size_t i = 0; i < sizeof masks; i++) found += windows_found(s, masks[i], false) + windows_found(s, masks[i], true);
	return found;
}

/* Runs fn on a painted stack; how many pieces of the secrets lie there afterwards. */
static size_t left_by(void (*fn)(void))
{
	memset(stack, 0xa5, STACK_SIZE);
	under_test = fn;
	assert_int_equal(getcontext(&inside), 0);
	inside.uc_stack.ss_sp = stack;
	inside.uc_stack.ss_size = STACK_SIZE;
	inside.uc_link = &outside;
	makecontext(&inside, on_the_stack, 0);
	assert_int_equal(swapcontext(&outside, &inside), 0);
	return count_of(scene.key) + count_of(scene.text) + count_of(scene.out);
}

/* ---- what is looked at ---- */

static void share_and_combine(void)
{
	const uint8_t xs[] = { 2, 3 };
	struct secret *shares = secret_new(3 * SECRET_LEN);
	scene.err = shares ? shamir_split(secret_view(scene.key), 2, 3, secret_mut(shares)) : ERR_MEMORY;
	const struct view two[] = { view_of(secret_bytes(shares) + SECRET_LEN, SECRET_LEN), view_of(secret_bytes(shares) + 2 * SECRET_LEN, SECRET_LEN) };
	if (!scene.err) scene.err = shamir_combine(xs, two, 2, SECRET_LEN, secret_mut(scene.out));
	secret_free(shares);
}

static void derive(void)
{
	scene.err = kdf_hkdf(KDF_SHA256, secret_view(scene.key), view_str("salt"), view_str("info"), secret_mut(scene.out), SECRET_LEN);
}

static void authenticate(void)
{
	const struct view part = view_str("message");
	uint8_t mac[MAC_LEN];
	scene.err = mac_hmac_sha256(secret_view(scene.key), &part, 1, mac);
	if (!scene.err) scene.err = mac_hmac_sha256_check(secret_view(scene.key), &part, 1, mac);
}

static void seal_and_open(void)
{
	const struct view aad = view_str("context");
	uint8_t nonce[XAES_NONCE_LEN] = { 1 }, sealed[SECRET_LEN + XAES_TAG_LEN];
	struct xaes_key *k = NULL;
	scene.err = xaes_key_new(secret_bytes(scene.key), &k);
	if (!scene.err) scene.err = xaes_seal(k, nonce, &aad, 1, secret_view(scene.text), sealed);
	if (!scene.err) scene.err = xaes_open(k, nonce, &aad, 1, view_of(sealed, sizeof sealed), secret_mut(scene.out));
	xaes_key_free(k);
}

/* The same on the other engine, where there is one. */
static void seal_and_open_by_ipsec_mb(void)
{
	if (aead_ipsec_mb.missing() == NULL) aead_engine_use(&aead_ipsec_mb);
	seal_and_open();
	aead_engine_use(&aead_openssl);
}

static void wrap_and_unwrap(void)
{
	struct buf wrapped = BUF_EMPTY, back = BUF_EMPTY;
	scene.err = keywrap_wrap(secret_view(scene.key), KEYWRAP_RFC5649, secret_view(scene.text), &wrapped);
	if (!scene.err) scene.err = keywrap_unwrap(secret_view(scene.key), KEYWRAP_RFC5649, buf_view(&wrapped), &back);
	buf_free(&wrapped);
	buf_free(&back);
}

static void encrypt_and_decrypt(void)
{
	const struct cipher_params cbc = { .algorithm = CIPHER_AES, .mode = CIPHER_CBC, .padding = CIPHER_PAD_PKCS5 };
	const uint8_t iv[16] = { 1 };
	struct buf sealed = BUF_EMPTY, back = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t tag_len = 0;
	scene.err = cipher_encrypt(&cbc, secret_view(scene.key), view_of(iv, 16), view_of(iv, 0), secret_view(scene.text), &sealed, tag, &tag_len);
	if (!scene.err) scene.err = cipher_decrypt(&cbc, secret_view(scene.key), view_of(iv, 16), view_of(iv, 0), buf_view(&sealed), view_of(tag, 0), &back);
	buf_free(&sealed);
	buf_free(&back);
}

static void make_subkeys(void)
{
	static const uint8_t id[UUID_LEN] = { 1 };
	struct secret *subkey = NULL;
	scene.err = ring_managed_subkey(id, id, scene.key, "seal-message", &subkey);
	secret_free(subkey);
}

static void sign(void)
{
	uint8_t signature[SIGN_SIGNATURE_LEN];
	scene.err = sign_ed25519(scene.key, view_str("message"), signature);
}

static void public_half(void)
{
	uint8_t public_key[HPKE_PUBLIC_LEN];
	scene.err = hpke_public_of(scene.key, public_key);
}

static void draw(void)
{
	scene.err = rng_bytes(secret_mut(scene.out), SECRET_LEN);
}

static void print_and_read_share(void)
{
	struct share share = { .k = 1, .n = 1, .x = 1, .y = secret_copy(secret_bytes(scene.key), SECRET_LEN) }, back = { 0 };
	scene.err = share.y ? share_print(&share, &scene.bytes) : ERR_MEMORY;
	if (!scene.err) scene.err = share_read(buf_view(&scene.bytes), &back, NULL);
	share_done(&share);
	share_done(&back);
}

/* A copy that is not wiped; a wipe that the compiler drops. */
static void forget_to_wipe(void)
{
	uint8_t copy[SECRET_LEN];
	memcpy(copy, secret_bytes(scene.key), sizeof copy);
	__asm__ volatile("" : : "r"(copy) : "memory");
	memset(copy, 0, sizeof copy);
	scene.err = ERR_OK;
}

static void wipe_it(void)
{
	uint8_t copy[SECRET_LEN];
	memcpy(copy, secret_bytes(scene.key), sizeof copy);
	__asm__ volatile("" : : "r"(copy) : "memory");
	wipe(copy, sizeof copy);
	scene.err = ERR_OK;
}

/* ---- */

static struct secret *drawn(void)
{
	struct secret *s = secret_new(SECRET_LEN);
	assert_non_null(s);
	assert_int_equal(rng_bytes(secret_mut(s), SECRET_LEN), ERR_OK);
	secret_mut(s)[0] &= 0x7f; /* below the order of P-256 */
	return s;
}

static void functions_with_keys_leave_nothing_on_the_stack(void **state)
{
	static const struct { const char *name; void (*fn)(void); bool leaves; } table[] = {
		{ "shamir", share_and_combine, false }, { "hkdf", derive, false }, { "hmac", authenticate, false }, { "xaes", seal_and_open, false },
		{ "xaes by ipsec-mb", seal_and_open_by_ipsec_mb, false },
		{ "key wrap", wrap_and_unwrap, false }, { "aes-cbc", encrypt_and_decrypt, false }, { "subkeys", make_subkeys, false },
		{ "ed25519", sign, false }, { "p-256", public_half, false }, { "random", draw, false }, { "share text", print_and_read_share, false },
		{ "wipe", wipe_it, false }, { "memset in place of wipe", forget_to_wipe, true },
	};
	unsigned wrong = 0;
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		scene = (struct scene){ .key = drawn(), .text = drawn(), .out = drawn() };
		size_t found = left_by(table[i].fn);
		printf("%-24s %zu pieces left%s\n", table[i].name, found, table[i].leaves ? " (must be found)" : "");
		if (scene.err || (found > 0) != table[i].leaves) wrong++;
		secret_free(scene.key);
		secret_free(scene.text);
		secret_free(scene.out);
		buf_free(&scene.bytes);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(functions_with_keys_leave_nothing_on_the_stack) };
	if (setup_arena(NULL) != 0 || ossl_mem_install() != ERR_OK) return 1;
	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return stack == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
