/* AES-GCM on the engine that was chosen: sizes before, wiping behind. */
#include "crypto/aead.h"

#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead_internal.h"

#define COPY_BACK_PIECE ((size_t)16 * 1024) /* bytes */

static const struct aead_engine *used = &aead_openssl;

void aead_engine_use(const struct aead_engine *engine)
{
	used = engine;
}

const struct aead_engine *aead_engine_used(void)
{
	return used;
}

enum coffer_err aead_key_new_on(const struct aead_engine *engine, const uint8_t *key, size_t key_len, struct aead_key **out)
{
	ENSURE(key_len == 16 || key_len == 24 || key_len == 32, ERR_FIELD);
	AUTO(auto_aead_key_free) struct aead_key *k = arena_alloc(sizeof *k);
	ENSURE(k != NULL, ERR_MEMORY);
	k->engine = engine;
	k->key_len = key_len;
	TRY(engine->start(k, key, key_len));
	*out = TAKE(k);
	return ERR_OK;
}

enum coffer_err aead_key_new(const uint8_t *key, size_t key_len, struct aead_key **out)
{
	return aead_key_new_on(used, key, key_len, out);
}

void aead_key_free(struct aead_key *k)
{
	if (k == NULL) return;
	k->engine->finish(k);
	arena_free(k);
}

static enum coffer_err check_sizes(const struct view *aad, size_t aad_count, size_t text_len)
{
	size_t left = AEAD_TEXT_MAX;
	for (size_t i = 0; i < aad_count; i++) {
		ENSURE(aad[i].len <= left, ERR_TOO_LARGE);
		left -= aad[i].len;
	}
	ENSURE(text_len <= AEAD_TEXT_MAX, ERR_TOO_LARGE);
	return ERR_OK;
}

/* A failed call leaves no plaintext, and no ciphertext that somebody could take for sealed. */
static enum coffer_err settle(enum coffer_err err, uint8_t *out, size_t len)
{
	if (err) wipe(out, len);
	return err;
}

enum coffer_err aead_seal_rekeyed(struct aead_key *k, const uint8_t *new_key, const uint8_t nonce[static AEAD_NONCE_LEN],
	const struct view *aad, size_t aad_count, struct view pt, uint8_t *out_ct, uint8_t out_tag[static AEAD_TAG_LEN])
{
	TRY(check_sizes(aad, aad_count, pt.len));
	return settle(k->engine->seal(k, new_key, nonce, aad, aad_count, pt, out_ct, out_tag), out_ct, pt.len);
}

enum coffer_err aead_open_rekeyed(struct aead_key *k, const uint8_t *new_key, const uint8_t nonce[static AEAD_NONCE_LEN],
	const struct view *aad, size_t aad_count, struct view ct, const uint8_t tag[static AEAD_TAG_LEN], uint8_t *out_pt)
{
	TRY(check_sizes(aad, aad_count, ct.len));
	return settle(k->engine->open(k, new_key, nonce, aad, aad_count, ct, tag, out_pt), out_pt, ct.len);
}

enum coffer_err aead_seal(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], const struct view *aad,
	size_t aad_count, struct view pt, uint8_t *out_ct, uint8_t out_tag[static AEAD_TAG_LEN])
{
	return aead_seal_rekeyed(k, NULL, nonce, aad, aad_count, pt, out_ct, out_tag);
}

enum coffer_err aead_open(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], const struct view *aad,
	size_t aad_count, struct view ct, const uint8_t tag[static AEAD_TAG_LEN], uint8_t *out_pt)
{
	return aead_open_rekeyed(k, NULL, nonce, aad, aad_count, ct, tag, out_pt);
}

/* Begins to bring the next piece near, which another core wrote: it comes while this one is decrypted. Nothing is read. */
static void expect_piece(const uint8_t *from, size_t len)
{
	for (size_t i = 0; i < len; i += 64) __builtin_prefetch(from + i, 0, 2);
}

static size_t piece_at(size_t at, size_t len)
{
	return len - at < AEAD_SHARED_PIECE ? len - at : AEAD_SHARED_PIECE;
}

/* The tag and then every piece are copied before they are looked at: what the other process writes afterwards changes
 * nothing. The copy is small, so that the innermost cache keeps it. */
static enum coffer_err open_pieces(struct aead_key *k, struct aead_run *run, const uint8_t nonce[static AEAD_NONCE_LEN], struct view ct,
	const uint8_t *shared_tag, uint8_t *scratch)
{
	uint8_t tag[AEAD_TAG_LEN], piece[AEAD_SHARED_PIECE];
	memcpy(tag, shared_tag, sizeof tag);
	TRY(k->engine->open_begin(k, run, nonce));
	for (size_t at = 0, len; at < ct.len; at += len) {
		len = piece_at(at, ct.len);
		memcpy(piece, ct.ptr + at, len);
		expect_piece(ct.ptr + at + len, piece_at(at + len, ct.len));
		TRY(k->engine->open_piece(k, run, view_of(piece, len), scratch + at));
	}
	return k->engine->open_end(k, run, tag);
}

enum coffer_err aead_open_shared(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], struct view ct_and_tag,
	uint8_t *scratch)
{
	struct aead_run run;
	ENSURE(ct_and_tag.len >= AEAD_TAG_LEN, ERR_TRUNCATED);
	struct view ct = view_of(ct_and_tag.ptr, ct_and_tag.len - AEAD_TAG_LEN);
	ENSURE(ct.len <= AEAD_TEXT_MAX, ERR_TOO_LARGE);
	enum coffer_err err = open_pieces(k, &run, nonce, ct, ct.ptr + ct.len, scratch);
	wipe(&run, sizeof run);
	return settle(err, scratch, ct.len);
}

/* What was decrypted last is still in the caches near the core, and the first of it is not: from the end to the beginning most of
 * it is read from there. */
void aead_copy_back(uint8_t *shared, const uint8_t *scratch, size_t len)
{
	while (len > 0) {
		size_t piece = len < COPY_BACK_PIECE ? len : COPY_BACK_PIECE;
		len -= piece;
		memcpy(shared + len, scratch + len, piece);
	}
}
