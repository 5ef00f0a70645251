/* An engine against OpenSSL, message by message. */
#include "crypto/aead_prove.h"

#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "crypto/aead_internal.h"
#include "crypto/rng.h"
#include "crypto/selftest_internal.h"

#define LONGEST (1024u * 1024u + 33u) /* bytes of a text */
#define RANDOM_LEN 65521u             /* bytes drawn; texts repeat them, at no power of two */
#define AAD_LONGEST 1500u             /* longer than what an engine joins on its stack */
#define EVERY_UP_TO 320u              /* bytes: each length up to here */

/* The texts are random and secret to nobody: ordinary memory. */
struct proof {
	const struct aead_engine *engine;
	struct aead_key *reference, *proven;           /* a key that stays */
	struct aead_key *reference_once, *proven_once; /* a key for each message */
	uint8_t key[32], other_key[32], nonce[AEAD_NONCE_LEN];
	uint8_t text[LONGEST + AEAD_TAG_LEN], want[LONGEST + AEAD_TAG_LEN], got[LONGEST + AEAD_TAG_LEN];
	uint8_t aad[AAD_LONGEST];
};

#define SAME(a, b, len) ENSURE(memcmp((a), (b), (len)) == 0, ERR_CRYPTO)
#define REFUSED(expr) ENSURE((expr) == ERR_CONTEXT, ERR_CRYPTO)

/* The first `parts` of three parts of associated data; the second is empty. */
static void split_aad(const struct proof *p, size_t len, struct view out[static 3])
{
	size_t first = len / 3;
	out[0] = view_of(p->aad, first);
	out[1] = view_of(p->aad + first, 0);
	out[2] = view_of(p->aad + first, len - first);
}

/* One bit of the sealed message, tag included, is changed: the engine refuses and leaves nothing. */
static enum coffer_err refuse(struct proof *p, struct aead_key *proven, const uint8_t *new_key, const struct view *aad, size_t parts, size_t len, size_t bit)
{
	p->want[bit / 8] ^= (uint8_t)(1u << bit % 8);
	enum coffer_err err = aead_open_rekeyed(proven, new_key, p->nonce, aad, parts, view_of(p->want, len), p->want + len, p->got);
	p->want[bit / 8] ^= (uint8_t)(1u << bit % 8);
	REFUSED(err);
	ENSURE(ct_is_zero(p->got, len < 512 ? len : 512), ERR_CRYPTO);
	return ERR_OK;
}

/* Seals and opens len bytes with both engines, into other memory and in place. */
static enum coffer_err prove_whole(struct proof *p, const uint8_t *new_key, size_t len, size_t aad_len)
{
	struct aead_key *reference = new_key ? p->reference_once : p->reference, *proven = new_key ? p->proven_once : p->proven;
	struct view aad[3];
	size_t parts = len % 4;
	split_aad(p, parts == 0 ? 0 : aad_len, aad);
	TRY(aead_seal_rekeyed(reference, new_key, p->nonce, aad, parts, view_of(p->text, len), p->want, p->want + len));
	TRY(aead_seal_rekeyed(proven, new_key, p->nonce, aad, parts, view_of(p->text, len), p->got, p->got + len));
	SAME(p->got, p->want, len + AEAD_TAG_LEN);
	TRY(aead_open_rekeyed(proven, new_key, p->nonce, aad, parts, view_of(p->got, len), p->want + len, p->got));
	SAME(p->got, p->text, len);
	TRY(aead_seal_rekeyed(proven, new_key, p->nonce, aad, parts, view_of(p->got, len), p->got, p->got + len));
	SAME(p->got, p->want, len + AEAD_TAG_LEN);
	TRY(aead_open_rekeyed(proven, new_key, p->nonce, aad, parts, view_of(p->want, len), p->want + len, p->got));
	SAME(p->got, p->text, len);
	size_t bits = 8 * (len + AEAD_TAG_LEN), of_tag = bits - 1 - len % 128;
	return refuse(p, proven, new_key, aad, parts, len, new_key ? of_tag : len * 7919 % bits);
}

/* What was sealed before, by the key of the object, is opened in pieces of uneven length, and as shared memory. */
static enum coffer_err prove_pieces(struct proof *p, size_t len, size_t step)
{
	struct aead_run run;
	TRY(aead_seal(p->reference, p->nonce, NULL, 0, view_of(p->text, len), p->want, p->want + len));
	TRY(p->engine->open_begin(p->proven, &run, p->nonce));
	for (size_t at = 0, n; at < len; at += n) {
		n = 1 + (at * 31 + step) % step;
		if (n > len - at) n = len - at;
		TRY(p->engine->open_piece(p->proven, &run, view_of(p->want + at, n), p->got + at));
	}
	TRY(p->engine->open_end(p->proven, &run, p->want + len));
	SAME(p->got, p->text, len);
	TRY(aead_open_shared(p->proven, p->nonce, view_of(p->want, len + AEAD_TAG_LEN), p->got));
	SAME(p->got, p->text, len);
	p->want[len] ^= 4;
	REFUSED(aead_open_shared(p->proven, p->nonce, view_of(p->want, len + AEAD_TAG_LEN), p->got));
	return ERR_OK;
}

static enum coffer_err failed(struct reason *reason, enum coffer_err err, size_t key_len, size_t len, const char *how)
{
	if (err == ERR_MEMORY) return err;
	return reason_fail(reason, ERR_CRYPTO, "AES-%zu-GCM of %zu bytes%s is not OpenSSL's", key_len * 8, len, how);
}

static enum coffer_err prove_length(struct proof *p, size_t key_len, size_t len, struct reason *reason)
{
	enum coffer_err err = prove_whole(p, NULL, len, len % 70);
	if (err) return failed(reason, err, key_len, len, "");
	p->other_key[len % 16]++; /* not the key of the message before */
	err = prove_whole(p, p->other_key, len, 3 + len * 13 % 80);
	if (err) return failed(reason, err, key_len, len, " with a new key");
	err = prove_pieces(p, len, len < 64 ? len % 7 + 1 : len % 61 + 16);
	return err ? failed(reason, err, key_len, len, " in pieces") : ERR_OK;
}

/* Every way of every length for one length of key; the longest texts once, with the longest key. */
static enum coffer_err prove_key(struct proof *p, size_t key_len, struct reason *reason)
{
	static const size_t longer[] = { 383, 384, 385, 511, 512, 513, 767, 768, 1023, 1025, 2048, 4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 65553 };
	static const size_t longest[] = { 1024u * 1024u, LONGEST };
	TRY(aead_key_new_on(&aead_openssl, p->key, key_len, &p->reference));
	TRY(aead_key_new_on(p->engine, p->key, key_len, &p->proven));
	TRY(aead_key_new_on(&aead_openssl, p->other_key, key_len, &p->reference_once));
	TRY(aead_key_new_on(p->engine, p->key, key_len, &p->proven_once));
	for (size_t len = 0; len <= EVERY_UP_TO; len += key_len == 24 ? 3 : 1) TRY(prove_length(p, key_len, len, reason));
	for (size_t i = 0; i < sizeof longer / sizeof longer[0]; i++)
		if (key_len == 32 || longer[i] < 32768) TRY(prove_length(p, key_len, longer[i], reason));
	enum coffer_err err = prove_whole(p, NULL, 1027, AAD_LONGEST); /* 1027: three parts */
	if (err) return failed(reason, err, key_len, 1027, " with long associated data");
	for (size_t i = 0; key_len == 32 && i < sizeof longest / sizeof longest[0]; i++) {
		err = prove_pieces(p, longest[i], 65537);
		if (!err) err = aead_seal(p->proven, p->nonce, NULL, 0, view_of(p->text, longest[i]), p->got, p->got + longest[i]);
		p->want[longest[i]] ^= 4; /* which prove_pieces changed */
		if (!err && memcmp(p->got, p->want, longest[i] + AEAD_TAG_LEN) != 0) err = ERR_CRYPTO;
		if (err) return failed(reason, err, key_len, longest[i], "");
	}
	return ERR_OK;
}

static enum coffer_err fill(struct proof *p)
{
	TRY(rng_bytes(p->key, sizeof p->key));
	TRY(rng_bytes(p->other_key, sizeof p->other_key));
	TRY(rng_bytes(p->nonce, sizeof p->nonce));
	TRY(rng_bytes(p->aad, sizeof p->aad));
	TRY(rng_bytes(p->text, RANDOM_LEN));
	for (size_t at = RANDOM_LEN; at < sizeof p->text; at += RANDOM_LEN) {
		size_t left = sizeof p->text - at;
		memcpy(p->text + at, p->text, left < RANDOM_LEN ? left : RANDOM_LEN);
	}
	return ERR_OK;
}

static enum coffer_err prove_all(struct proof *p, struct reason *reason)
{
	enum coffer_err err = fill(p);
	for (size_t key_len = 16; !err && key_len <= 32; key_len += 8) {
		err = prove_key(p, key_len, reason);
		aead_key_free(p->reference);
		aead_key_free(p->proven);
		aead_key_free(p->reference_once);
		aead_key_free(p->proven_once);
		p->reference = p->proven = p->reference_once = p->proven_once = NULL;
	}
	return err;
}

enum coffer_err aead_prove(const struct aead_engine *engine, struct reason *reason)
{
	struct proof *p = calloc(1, sizeof *p);
	ENSURE(p != NULL, ERR_MEMORY);
	p->engine = engine;
	enum coffer_err err = prove_all(p, reason);
	free(p);
	TRY(err);
	const struct aead_engine *before = aead_engine_used();
	aead_engine_use(engine);
	err = selftest_aead();
	aead_engine_use(before);
	return err ? reason_fail(reason, ERR_CRYPTO, "a published answer for AES-256-GCM or XAES is not given") : ERR_OK;
}
