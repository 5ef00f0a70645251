/* Getting the private key back, and with it a data key. */
#include "recovery/recovery.h"

#include <string.h>

#include "base/ct.h"
#include "crypto/shamir.h"
#include "keyring/generation.h"
#include "recovery/recovery_internal.h"

/* d times G must be the stanza's public key. */
static enum coffer_err check_pair(const struct stanza *stanza, const struct secret *private_key, struct reason *reason)
{
	uint8_t public_key[HPKE_PUBLIC_LEN];
	enum coffer_err err = hpke_public_of(private_key, public_key);
	if (err == ERR_MEMORY || err == ERR_CRYPTO) return err;
	if (err || !ct_equal(public_key, stanza->public_key, sizeof public_key))
		return reason_fail(reason, ERR_CORRUPT, "what was put together is not the private half of this domain's recovery key");
	return ERR_OK;
}

enum coffer_err recovery_open_passphrase(const struct domain_id *domain, const struct stanza *stanza, struct view passphrase,
	struct secret **out, struct reason *reason)
{
	AUTO_SECRET struct secret *private_key = NULL;
	if (stanza->mode != STANZA_PASSPHRASE)
		return reason_fail(reason, ERR_STATE, "this domain is recovered with shares (any %u of %u), not with a passphrase",
			stanza->shares.k, stanza->shares.n);
	enum coffer_err err = passphrase_open(domain, stanza, passphrase_trim(passphrase), &private_key);
	if (err == ERR_AUTH) return reason_fail(reason, err, "the recovery passphrase is wrong");
	if (err == ERR_CORRUPT) return reason_fail(reason, err, "the passphrase is right, but the recovery record was altered");
	TRY(err);
	TRY(check_pair(stanza, private_key, reason));
	*out = TAKE(private_key);
	return ERR_OK;
}

/* Shares as they are taken, by x. */
struct taken {
	struct share shares[SHAMIR_SHARES_MAX];
	unsigned count;
};

static void taken_done(struct taken *t)
{
	for (unsigned i = 0; i < t->count; i++) share_done(&t->shares[i]);
	t->count = 0;
}

static void name_set(const uint8_t id[static 16], char out[static RECOVERY_SET_NAME])
{
	text_hex(view_of(id, (RECOVERY_SET_NAME - 1) / 2), out);
}

void recovery_set_name(const struct stanza *stanza, char out[static RECOVERY_SET_NAME])
{
	name_set(stanza->mode == STANZA_SHARES ? stanza->shares.set_id : stanza->key_id, out);
}

static enum coffer_err refuse_set(const struct stanza *stanza, const struct share *share, struct reason *reason)
{
	char theirs[RECOVERY_SET_NAME], ours[RECOVERY_SET_NAME];
	name_set(share->set_id, theirs);
	recovery_set_name(stanza, ours);
	return reason_fail(reason, ERR_FOREIGN, "share %u is of another set (%s), which was replaced or never confirmed; the shares in force are of set %s",
		share->x, theirs, ours);
}

/* In the order of docs/formats.md section 10.2; from here on a share is named by its number. */
static enum coffer_err check_share(const uint8_t fingerprint[static DOMAIN_FINGERPRINT_LEN], const struct stanza *stanza,
	const struct taken *taken, const struct share *share, struct reason *reason)
{
	uint8_t digest[SHARE_DIGEST_LEN];
	char theirs[DOMAIN_FINGERPRINT_TEXT];
	if (!view_equal(view_of(share->fingerprint, DOMAIN_FINGERPRINT_LEN), view_of(fingerprint, DOMAIN_FINGERPRINT_LEN))) {
		domain_fingerprint_format(share->fingerprint, theirs);
		return reason_fail(reason, ERR_FOREIGN, "share %u is of another domain (%s)", share->x, theirs);
	}
	if (!view_equal(view_of(share->set_id, SHARE_SET_LEN), view_of(stanza->shares.set_id, SHARE_SET_LEN)))
		return refuse_set(stanza, share, reason);
	if (share->k != stanza->shares.k || share->n != stanza->shares.n)
		return reason_fail(reason, ERR_CORRUPT, "share %u says %u of %u, but this domain has %u of %u", share->x, share->k,
			share->n, stanza->shares.k, stanza->shares.n);
	for (unsigned i = 0; i < taken->count; i++)
		if (taken->shares[i].x == share->x) return reason_fail(reason, ERR_EXISTS, "share %u was given twice; give another one", share->x);
	TRY(share_digest(share, digest));
	if (!ct_equal(digest, stanza->shares.digests[share->x - 1], sizeof digest))
		return reason_fail(reason, ERR_CORRUPT, "share %u is not the one that was issued", share->x);
	return ERR_OK;
}

static enum coffer_err take(const struct domain_id *domain, const struct stanza *stanza, const struct view *texts, unsigned count,
	struct taken *taken, struct reason *reason)
{
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	TRY(domain_fingerprint(domain, fingerprint));
	for (unsigned i = 0; i < count; i++) {
		struct share share = { 0 };
		struct reason detail = { "" };
		enum coffer_err err = share_read(texts[i], &share, &detail);
		if (err && count == 1) return reason_fail(reason, err, "%s", reason_text(&detail, err));
		if (err) return reason_fail(reason, err, "sheet %u of those given: %s", i + 1, reason_text(&detail, err));
		err = check_share(fingerprint, stanza, taken, &share, reason);
		if (err) {
			share_done(&share);
			return err;
		}
		INVARIANT(taken->count < SHAMIR_SHARES_MAX); /* no x twice, and x is at most n */
		taken->shares[taken->count++] = share;
	}
	return ERR_OK;
}

enum coffer_err recovery_check_share(const struct domain_id *domain, const struct stanza *stanza, struct view text, uint8_t *out_x,
	struct reason *reason)
{
	AUTO(taken_done) struct taken taken = { .count = 0 };
	if (stanza->mode != STANZA_SHARES)
		return reason_fail(reason, ERR_STATE, "this domain is recovered with a passphrase, not with shares");
	TRY(take(domain, stanza, &text, 1, &taken, reason));
	*out_x = taken.shares[0].x;
	return ERR_OK;
}

static enum coffer_err combine(const struct stanza *stanza, const struct taken *taken, struct secret **out)
{
	uint8_t xs[SHAMIR_SHARES_MAX];
	struct view ys[SHAMIR_SHARES_MAX];
	AUTO_SECRET struct secret *private_key = secret_new(HPKE_PRIVATE_LEN);
	ENSURE(private_key, ERR_MEMORY);
	for (unsigned i = 0; i < stanza->shares.k; i++) {
		xs[i] = taken->shares[i].x;
		ys[i] = secret_view(taken->shares[i].y);
	}
	TRY(shamir_combine(xs, ys, stanza->shares.k, HPKE_PRIVATE_LEN, secret_mut(private_key)));
	*out = TAKE(private_key);
	return ERR_OK;
}

enum coffer_err recovery_open_shares(const struct domain_id *domain, const struct stanza *stanza, const struct view *texts,
	unsigned count, struct secret **out, struct reason *reason)
{
	AUTO(taken_done) struct taken taken = { .count = 0 };
	AUTO_SECRET struct secret *private_key = NULL;
	if (stanza->mode != STANZA_SHARES)
		return reason_fail(reason, ERR_STATE, "this domain is recovered with a passphrase, not with shares");
	TRY(take(domain, stanza, texts, count, &taken, reason));
	if (taken.count < stanza->shares.k)
		return reason_fail(reason, ERR_MISSING, "%u more of the shares are needed: any %u of %u recover",
			stanza->shares.k - taken.count, stanza->shares.k, stanza->shares.n);
	TRY(combine(stanza, &taken, &private_key));
	TRY(check_pair(stanza, private_key, reason));
	*out = TAKE(private_key);
	return ERR_OK;
}

enum coffer_err recovery_unwrap(const struct domain_id *domain, const struct stanza *stanza, unsigned i,
	const struct secret *private_key, uint32_t *out_generation, struct secret **out_key, struct reason *reason)
{
	struct stanza_wrap wrap;
	uint8_t info[RECOVERY_INFO_MAX], check[32];
	size_t info_len;
	AUTO_SECRET struct secret *key = NULL;
	stanza_wrap_at(stanza, i, &wrap);
	TRY(recovery_wrap_info(stanza, wrap.generation, info, &info_len));
	enum coffer_err err = hpke_open(private_key, wrap.enc, view_of(info, info_len), view_of(NULL, 0),
		view_of(wrap.ciphertext, sizeof wrap.ciphertext), &key);
	if (err == ERR_MEMORY || err == ERR_CRYPTO) return err;
	if (err || secret_len(key) != DATA_KEY_LEN)
		return reason_fail(reason, ERR_CORRUPT, "the recovery key does not open the data key of generation %u", wrap.generation);
	TRY(ring_key_check(domain, wrap.generation, key, check));
	if (!ct_equal(check, wrap.key_check, sizeof check))
		return reason_fail(reason, ERR_CORRUPT, "the recovered data key is not the one of generation %u (key check)",
			wrap.generation);
	err = generation_verify(domain, wrap.generation, wrap.key_check, wrap.signature);
	if (err == ERR_CORRUPT)
		return reason_fail(reason, err, "the recovered generation %u is not signed by this domain (generation signature)",
			wrap.generation);
	TRY(err);
	*out_generation = wrap.generation;
	*out_key = TAKE(key);
	return ERR_OK;
}
