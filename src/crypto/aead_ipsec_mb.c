/* The AEAD engine of intel-ipsec-mb, through its direct interface: plain functions over a key and a context of ours. The library's
 * manager only says which functions suit this CPU, and is given back; no key ever comes near it. The functions are re-entrant (one
 * error number, which nobody reads here, is all they share), and a library built with SAFE_DATA, which is asked for, clears
 * what it had on the stack and in registers before it returns. */
#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead_internal.h"

#define AAD_JOINED_MAX 1024u /* bytes of associated data put together on the stack; more than that in the arena */
/* A new key costs 48 powers of the hash key with the widest functions and 8 with the narrow ones: below this length of the message
 * the narrow ones are done before (bench_crypto shows both). */
#define NARROW_MAX 384u

/* The functions of one length of key. */
struct gcm_set {
	aes_gcm_pre_t pre;
	aes_gcm_enc_dec_t enc, dec;
	aes_gcm_init_t init;
	aes_gcm_enc_dec_update_t dec_update;
	aes_gcm_enc_dec_finalize_t dec_finalize;
};

static struct {
	const char *missing, *slow;
	struct gcm_set wide[3];   /* what the library takes on this CPU, by length of the key */
	struct gcm_set narrow[3]; /* for keys that serve one short message */
} imb;

static void take_functions(const IMB_MGR *m)
{
	imb.wide[0] = (struct gcm_set){ m->gcm128_pre, m->gcm128_enc, m->gcm128_dec, m->gcm128_init, m->gcm128_dec_update, m->gcm128_dec_finalize };
	imb.wide[1] = (struct gcm_set){ m->gcm192_pre, m->gcm192_enc, m->gcm192_dec, m->gcm192_init, m->gcm192_dec_update, m->gcm192_dec_finalize };
	imb.wide[2] = (struct gcm_set){ m->gcm256_pre, m->gcm256_enc, m->gcm256_dec, m->gcm256_init, m->gcm256_dec_update, m->gcm256_dec_finalize };
	memcpy(imb.narrow, imb.wide, sizeof imb.narrow);
	if (m->used_arch != IMB_ARCH_AVX512) return;
	imb.narrow[0] = (struct gcm_set){ aes_gcm_pre_128_avx_gen4, aes_gcm_enc_128_avx_gen4, aes_gcm_dec_128_avx_gen4, aes_gcm_init_128_avx_gen4,
		aes_gcm_dec_128_update_avx_gen4, aes_gcm_dec_128_finalize_avx_gen4 };
	imb.narrow[1] = (struct gcm_set){ aes_gcm_pre_192_avx_gen4, aes_gcm_enc_192_avx_gen4, aes_gcm_dec_192_avx_gen4, aes_gcm_init_192_avx_gen4,
		aes_gcm_dec_192_update_avx_gen4, aes_gcm_dec_192_finalize_avx_gen4 };
	imb.narrow[2] = (struct gcm_set){ aes_gcm_pre_256_avx_gen4, aes_gcm_enc_256_avx_gen4, aes_gcm_dec_256_avx_gen4, aes_gcm_init_256_avx_gen4,
		aes_gcm_dec_256_update_avx_gen4, aes_gcm_dec_256_finalize_avx_gen4 };
}

static const char *look_at(const IMB_MGR *m)
{
	if (imb_get_errno(NULL) != 0 || m->used_arch == IMB_ARCH_NONE) return "the library does not know this CPU";
	if (!(m->features & IMB_FEATURE_AESNI) || !(m->features & IMB_FEATURE_PCLMULQDQ)) return "this CPU has no AES-NI and PCLMULQDQ";
	if (!(m->features & IMB_FEATURE_SAFE_DATA)) return "the library was built without SAFE_DATA and would leave keys behind";
	if ((m->features & IMB_FEATURE_SELF_TEST) && !(m->features & IMB_FEATURE_SELF_TEST_PASS)) return "the library's own self-test failed";
	return NULL;
}

static void load(void)
{
	const uint64_t fast = IMB_FEATURE_AVX512_SKX | IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
	IMB_MGR *m = alloc_mb_mgr(0);
	if (m == NULL) {
		imb.missing = "there is no memory for the library";
		return;
	}
	init_mb_mgr_auto(m, NULL);
	imb.missing = look_at(m);
	if (imb.missing == NULL) take_functions(m);
	if ((m->features & fast) != fast || m->used_arch != IMB_ARCH_AVX512) imb.slow = "this CPU has no VAES with AVX-512";
	free_mb_mgr(m);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *missing(void)
{
	if (pthread_once(&once, load) != 0) return "the library cannot be started";
	return imb.missing;
}

static const char *slow(void)
{
	const char *why = missing();
	return why != NULL ? why : imb.slow;
}

static const struct gcm_set *set_of(const struct gcm_set sets[static 3], size_t key_len)
{
	return &sets[key_len / 8 - 2];
}

static enum coffer_err start(struct aead_key *k, const uint8_t *key, size_t key_len)
{
	ENSURE(missing() == NULL, ERR_CRYPTO);
	k->state = arena_alloc(sizeof(struct gcm_key_data));
	ENSURE(k->state != NULL, ERR_MEMORY);
	const struct gcm_set *set = set_of(imb.wide, key_len);
	set->pre(key, k->state);
	k->variant = set;
	return ERR_OK;
}

static void finish(struct aead_key *k)
{
	arena_free(k->state); /* wipes */
}

/* The functions for a message: those of the key that is there, or those that suit a new one. */
static const struct gcm_set *rekey(struct aead_key *k, const uint8_t *new_key, size_t text_len)
{
	if (new_key == NULL) return k->variant;
	const struct gcm_set *set = set_of(text_len <= NARROW_MAX ? imb.narrow : imb.wide, k->key_len);
	set->pre(new_key, k->state);
	k->variant = set;
	return set;
}

/* The library takes associated data in one piece: the parts one after another, in `room` or in memory of the arena, which the caller frees. */
static enum coffer_err join(const struct view *aad, size_t aad_count, uint8_t room[static AAD_JOINED_MAX], uint8_t **out_own, struct view *out)
{
	size_t len = 0;
	const struct view *only = NULL;
	unsigned parts = 0;
	*out_own = NULL;
	for (size_t i = 0; i < aad_count; i++) {
		if (aad[i].len == 0) continue;
		only = &aad[i];
		len += aad[i].len;
		parts++;
	}
	*out = parts == 0 ? view_of(NULL, 0) : *only;
	if (parts <= 1) return ERR_OK;
	if (len > AAD_JOINED_MAX) *out_own = arena_alloc(len);
	ENSURE(len <= AAD_JOINED_MAX || *out_own != NULL, ERR_MEMORY);
	uint8_t *to = *out_own != NULL ? *out_own : room;
	*out = view_of(to, len);
	for (size_t i = 0; i < aad_count; i++) {
		if (aad[i].len == 0) continue;
		memcpy(to, aad[i].ptr, aad[i].len);
		to += aad[i].len;
	}
	return ERR_OK;
}

/* seal and open differ in the function only: it writes the text and the tag that belongs to it. */
static enum coffer_err run_whole(struct aead_key *k, aes_gcm_enc_dec_t function, const uint8_t *nonce, const struct view *aad, size_t aad_count,
	struct view in, uint8_t *out, uint8_t tag[static AEAD_TAG_LEN])
{
	uint8_t room[AAD_JOINED_MAX] __attribute__((uninitialized)), *own;
	struct gcm_context_data ctx __attribute__((uninitialized));
	struct view whole;
	TRY(join(aad, aad_count, room, &own, &whole));
	function(k->state, &ctx, out, in.ptr, in.len, nonce, whole.ptr, whole.len, tag, AEAD_TAG_LEN);
	wipe(&ctx, sizeof ctx);
	arena_free(own);
	return ERR_OK;
}

static enum coffer_err seal(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
	struct view pt, uint8_t *out_ct, uint8_t *out_tag)
{
	return run_whole(k, rekey(k, new_key, pt.len)->enc, nonce, aad, aad_count, pt, out_ct, out_tag);
}

static enum coffer_err open_whole(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
	struct view ct, const uint8_t *tag, uint8_t *out_pt)
{
	uint8_t made[AEAD_TAG_LEN];
	TRY(run_whole(k, rekey(k, new_key, ct.len)->dec, nonce, aad, aad_count, ct, out_pt, made));
	bool right = ct_equal(made, tag, AEAD_TAG_LEN);
	wipe(made, sizeof made); /* of a forged message: its right tag */
	return right ? ERR_OK : ERR_CONTEXT;
}

static struct gcm_context_data *context_of(struct aead_run *run)
{
	_Static_assert(sizeof(struct gcm_context_data) <= sizeof run->bytes, "the context fits");
	return (struct gcm_context_data *)(void *)run->bytes;
}

static const struct gcm_set *set_now(const struct aead_key *k)
{
	return k->variant;
}

static enum coffer_err open_begin(struct aead_key *k, struct aead_run *run, const uint8_t *nonce)
{
	set_now(k)->init(k->state, context_of(run), nonce, NULL, 0);
	return ERR_OK;
}

static enum coffer_err open_piece(struct aead_key *k, struct aead_run *run, struct view in, uint8_t *out)
{
	set_now(k)->dec_update(k->state, context_of(run), out, in.ptr, in.len);
	return ERR_OK;
}

static enum coffer_err open_end(struct aead_key *k, struct aead_run *run, const uint8_t *tag)
{
	uint8_t made[AEAD_TAG_LEN];
	set_now(k)->dec_finalize(k->state, context_of(run), made, AEAD_TAG_LEN);
	bool right = ct_equal(made, tag, AEAD_TAG_LEN);
	wipe(made, sizeof made);
	return right ? ERR_OK : ERR_CONTEXT;
}

const struct aead_engine aead_ipsec_mb = {
	.name = "ipsec-mb", .missing = missing, .slow = slow, .start = start, .finish = finish, .seal = seal, .open = open_whole,
	.open_begin = open_begin, .open_piece = open_piece, .open_end = open_end,
};
