/* Making a recovery key: shares or passphrase, and the wraps of every generation. */
#include <string.h>

#include "base/writer.h"
#include "crypto/rng.h"
#include "crypto/shamir.h"
#include "keyring/generation.h"
#include "keyring/label.h"
#include "recovery/recovery_internal.h"

enum coffer_err recovery_wrap_info(const struct stanza *stanza, uint32_t generation, uint8_t out[static RECOVERY_INFO_MAX],
	size_t *out_len)
{
	struct writer w;
	writer_init(&w, out, RECOVERY_INFO_MAX);
	label_write(&w, "recovery-wrap");
	writer_bytes(&w, view_of(stanza->domain_id, UUID_LEN));
	writer_bytes(&w, view_of(stanza->key_id, RECOVERY_KEY_ID_LEN));
	writer_u32(&w, generation);
	TRY(writer_done(&w));
	*out_len = writer_len(&w);
	return ERR_OK;
}

enum coffer_err recovery_wrap(const struct ring *ring, const struct secret *domain_seed, const struct stanza *stanza,
	uint32_t generation, struct buf *wraps)
{
	AUTO_BUF struct buf ciphertext = BUF_EMPTY;
	struct stanza_wrap wrap = { .generation = generation };
	const struct secret *key;
	uint8_t info[RECOVERY_INFO_MAX];
	size_t info_len;
	TRY(ring_data_key(ring, generation, &key));
	TRY(ring_key_check(ring_domain(ring), generation, key, wrap.key_check));
	TRY(generation_sign(domain_seed, ring_domain(ring), generation, wrap.key_check, wrap.signature));
	TRY(recovery_wrap_info(stanza, generation, info, &info_len));
	TRY(hpke_seal(stanza->public_key, view_of(info, info_len), view_of(NULL, 0), secret_view(key), wrap.enc, &ciphertext));
	INVARIANT(ciphertext.len == sizeof wrap.ciphertext);
	memcpy(wrap.ciphertext, ciphertext.ptr, sizeof wrap.ciphertext);
	return stanza_wrap_append(&wrap, wraps);
}

/* A fresh key pair and the stanza's fields that both modes have. */
static enum coffer_err begin(const struct domain_id *domain, struct stanza *stanza, struct secret **out_private)
{
	memcpy(stanza->domain_id, domain->id, UUID_LEN);
	AUTO_SECRET struct secret *private_key = NULL;
	TRY(hpke_keypair_generate(&private_key, stanza->public_key));
	TRY(stanza_key_id(domain->id, stanza->public_key, stanza->key_id));
	*out_private = TAKE(private_key);
	return ERR_OK;
}

static enum coffer_err finish(const struct ring *ring, const struct secret *domain_seed, struct stanza *stanza,
	struct store_row *row, struct buf *body)
{
	AUTO_BUF struct buf wraps = BUF_EMPTY;
	ENSURE(ring_count(ring) > 0, ERR_SEALED);
	for (unsigned i = 0; i < ring_count(ring); i++)
		TRY(recovery_wrap(ring, domain_seed, stanza, ring_generation_at(ring, i), &wraps));
	stanza->count = ring_count(ring);
	stanza->wraps = buf_view(&wraps);
	return stanza_sign(ring_domain(ring), domain_seed, stanza, 1, STANZA_CURRENT, row, body);
}

static enum coffer_err print_share(const struct domain_id *domain, struct stanza *stanza, unsigned x, struct view y,
	struct buf *text)
{
	struct share share = { .k = stanza->shares.k, .n = stanza->shares.n, .x = (uint8_t)x, .y = secret_copy(y.ptr, y.len) };
	ENSURE(share.y, ERR_MEMORY);
	memcpy(share.set_id, stanza->shares.set_id, SHARE_SET_LEN);
	enum coffer_err err = domain_fingerprint(domain, share.fingerprint);
	if (!err) err = share_digest(&share, stanza->shares.digests[x - 1]);
	if (!err) err = share_print(&share, text);
	share_done(&share);
	return err;
}

static enum coffer_err split(const struct domain_id *domain, struct stanza *stanza, const struct secret *private_key,
	struct buf *texts)
{
	unsigned n = stanza->shares.n;
	AUTO_SECRET struct secret *ys = secret_new((size_t)n * SHARE_SECRET_LEN);
	ENSURE(ys, ERR_MEMORY);
	TRY(rng_bytes(stanza->shares.set_id, SHARE_SET_LEN));
	TRY(shamir_split(secret_view(private_key), stanza->shares.k, n, secret_mut(ys)));
	for (unsigned x = 1; x <= n; x++)
		TRY(print_share(domain, stanza, x,
			view_of(secret_bytes(ys) + (size_t)(x - 1) * SHARE_SECRET_LEN, SHARE_SECRET_LEN), &texts[x - 1]));
	return ERR_OK;
}

enum coffer_err recovery_new_shares(const struct ring *ring, const struct secret *domain_seed, unsigned k, unsigned n,
	struct store_row *row, struct buf *body, struct buf *texts, struct reason *reason)
{
	AUTO_SECRET struct secret *private_key = NULL;
	if (k < 1 || k > n || n > SHAMIR_SHARES_MAX)
		return reason_fail(reason, ERR_FIELD,
			"%u of %u shares cannot be: take 1 to 255 shares and a threshold from 1 to their number", k, n);
	struct stanza stanza = { .mode = STANZA_SHARES, .shares = { .k = (uint8_t)k, .n = (uint8_t)n } };
	TRY(begin(ring_domain(ring), &stanza, &private_key));
	enum coffer_err err = split(ring_domain(ring), &stanza, private_key, texts);
	if (!err) err = finish(ring, domain_seed, &stanza, row, body);
	if (err)
		for (unsigned i = 0; i < n; i++) buf_free(&texts[i]);
	return err;
}

enum coffer_err recovery_new_passphrase(const struct ring *ring, const struct secret *domain_seed, struct view passphrase,
	struct store_row *row, struct buf *body, struct reason *reason)
{
	AUTO_SECRET struct secret *private_key = NULL;
	struct view given = passphrase_trim(passphrase);
	if (given.len < RECOVERY_PASSPHRASE_MIN || given.len > RECOVERY_PASSPHRASE_MAX)
		return reason_fail(reason, ERR_FIELD, "the recovery passphrase must have %u to %u bytes", RECOVERY_PASSPHRASE_MIN,
			RECOVERY_PASSPHRASE_MAX);
	struct stanza stanza = { .mode = STANZA_PASSPHRASE, .passphrase = { .log2n = STANZA_LOG2N, .r = STANZA_R, .p = STANZA_P } };
	TRY(begin(ring_domain(ring), &stanza, &private_key));
	TRY(passphrase_seal(ring_domain(ring), &stanza, given, private_key));
	return finish(ring, domain_seed, &stanza, row, body);
}
