/* One data key, wrapped to a transport key. */
#include <string.h>

#include "base/ct.h"
#include "crypto/mac.h"
#include "domain/answer_internal.h"
#include "keyring/generation.h"
#include "keyring/label.h"

enum coffer_err answer_wrap_name(struct ring *ring, const struct secret *domain_seed, uint32_t generation, struct answer_wrap *out)
{
	const struct secret *key;
	const struct domain_id *domain = ring_domain(ring);
	out->generation = generation;
	TRY(ring_data_key(ring, generation, &key));
	TRY(ring_key_check(domain, generation, key, out->key_check));
	TRY(generation_sign(domain_seed, domain, generation, out->key_check, out->signature));
	return generation_verify(domain, generation, out->key_check, out->signature); /* a seed of another domain */
}

enum coffer_err answer_wrap_seal(struct ring *ring, const uint8_t transport_key[static HPKE_PUBLIC_LEN], struct view info, struct answer_wrap *wrap)
{
	AUTO_BUF struct buf ct = BUF_EMPTY;
	const struct secret *key;
	TRY(ring_data_key(ring, wrap->generation, &key));
	TRY(hpke_seal(transport_key, info, view_of(NULL, 0), secret_view(key), wrap->enc, &ct));
	ENSURE(ct.len == WRAP_CT_LEN, ERR_BUG);
	memcpy(wrap->ct, ct.ptr, WRAP_CT_LEN);
	return ERR_OK;
}

enum coffer_err answer_wrap_open(const struct domain_id *domain, const struct answer_key *key, struct view info, const struct answer_wrap *wrap,
	struct secret **out, struct reason *reason)
{
	AUTO_SECRET struct secret *opened = NULL;
	uint8_t check[32];
	enum coffer_err err = hpke_open_by(key->dh, key->arg, key->public_key, wrap->enc, info, view_of(NULL, 0), view_of(wrap->ct, WRAP_CT_LEN), &opened);
	if (err == ERR_FIELD)
		return reason_fail(reason, err, "generation %u was wrapped with a key that is no point of P-256; it does not come from Coffer", wrap->generation);
	if (err == ERR_CONTEXT)
		return reason_fail(reason, err, "generation %u does not open with this node's transport key; it was wrapped for another node or request", wrap->generation);
	if (err) return reason_default(reason, err, "the token did not open generation %u; look at 'coffer token status'", wrap->generation);
	if (secret_len(opened) != DATA_KEY_LEN) return reason_fail(reason, ERR_CORRUPT, "generation %u holds something else than a data key", wrap->generation);
	TRY(ring_key_check(domain, wrap->generation, opened, check));
	if (!ct_equal(check, wrap->key_check, sizeof check))
		return reason_fail(reason, ERR_CORRUPT, "the data key of generation %u is not the one that its key check names", wrap->generation);
	err = generation_verify(domain, wrap->generation, wrap->key_check, wrap->signature);
	if (err == ERR_CORRUPT) return reason_fail(reason, err, "generation %u is not signed by this domain (generation signature)", wrap->generation);
	TRY(err);
	*out = TAKE(opened);
	return ERR_OK;
}

enum coffer_err answer_mac(const struct secret *key, const char *label, struct view fixed, struct view body, uint8_t out[static 32])
{
	AUTO_BUF struct buf input = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &input, ADMISSION_ROW_MAX);
	label_write(&w, label);
	writer_bytes(&w, fixed);
	writer_view_u32(&w, body);
	TRY(writer_done(&w));
	const struct view part = buf_view(&input);
	return mac_hmac_sha256(secret_view(key), &part, 1, out);
}
