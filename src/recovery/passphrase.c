/* The private key under a passphrase: scrypt, commitment, AES-256-GCM. */
#include <string.h>

#include "base/ct.h"
#include "base/writer.h"
#include "crypto/kdf.h"
#include "crypto/rng.h"
#include "keyring/label.h"
#include "recovery/recovery_internal.h"

#define KEY_LEN 32u
#define DERIVED_LEN (KEY_LEN + STANZA_COMMITMENT_LEN)
#define AAD_MAX 256u

struct view passphrase_trim(struct view passphrase)
{
	if (passphrase.len > 0 && ct_equal(passphrase.ptr + passphrase.len - 1, "\n", 1)) passphrase.len--;
	return passphrase;
}

/* T("recovery-passphrase") | domain id | fingerprint | recovery-key id | public key | log2N | r | p | salt */
static enum coffer_err write_aad(const struct domain_id *domain, const struct stanza *s, struct writer *w)
{
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	TRY(domain_fingerprint(domain, fingerprint));
	label_write(w, "recovery-passphrase");
	writer_bytes(w, view_of(domain->id, UUID_LEN));
	writer_bytes(w, view_of(fingerprint, sizeof fingerprint));
	writer_bytes(w, view_of(s->key_id, RECOVERY_KEY_ID_LEN));
	writer_bytes(w, view_of(s->public_key, HPKE_PUBLIC_LEN));
	writer_u8(w, s->passphrase.log2n);
	writer_u8(w, s->passphrase.r);
	writer_u8(w, s->passphrase.p);
	writer_bytes(w, view_of(s->passphrase.salt, STANZA_SALT_LEN));
	return writer_done(w);
}

/* 64 bytes: key, then commitment. */
static enum coffer_err derive(const struct stanza *s, struct view passphrase, struct secret **out)
{
	ENSURE(stanza_scrypt_is_sound(s->passphrase.log2n, s->passphrase.r, s->passphrase.p), ERR_LIMIT);
	ENSURE(passphrase.len >= 1 && passphrase.len <= RECOVERY_PASSPHRASE_MAX, ERR_AUTH);
	AUTO_SECRET struct secret *derived = secret_new(DERIVED_LEN);
	ENSURE(derived, ERR_MEMORY);
	TRY(kdf_scrypt(passphrase, view_of(s->passphrase.salt, STANZA_SALT_LEN), s->passphrase.log2n, s->passphrase.r, s->passphrase.p,
		secret_mut(derived), DERIVED_LEN));
	*out = TAKE(derived);
	return ERR_OK;
}

enum coffer_err passphrase_seal(const struct domain_id *domain, struct stanza *stanza, struct view passphrase,
	const struct secret *private_key)
{
	uint8_t aad_bytes[AAD_MAX];
	struct writer aad;
	AUTO_SECRET struct secret *derived = NULL;
	AUTO(auto_aead_key_free) struct aead_key *key = NULL;
	uint8_t *sealed = stanza->passphrase.sealed;

	TRY(rng_bytes(stanza->passphrase.salt, STANZA_SALT_LEN));
	TRY(rng_bytes(stanza->passphrase.nonce, AEAD_NONCE_LEN));
	TRY(derive(stanza, passphrase, &derived));
	memcpy(stanza->passphrase.commitment, secret_bytes(derived) + KEY_LEN, STANZA_COMMITMENT_LEN);
	writer_init(&aad, aad_bytes, sizeof aad_bytes);
	TRY(write_aad(domain, stanza, &aad));
	const struct view part = writer_view(&aad);
	TRY(aead_key_new(secret_bytes(derived), KEY_LEN, &key));
	return aead_seal(key, stanza->passphrase.nonce, &part, 1, secret_view(private_key), sealed, sealed + HPKE_PRIVATE_LEN);
}

enum coffer_err passphrase_open(const struct domain_id *domain, const struct stanza *stanza, struct view passphrase,
	struct secret **out)
{
	uint8_t aad_bytes[AAD_MAX];
	struct writer aad;
	AUTO_SECRET struct secret *derived = NULL;
	AUTO_SECRET struct secret *private_key = secret_new(HPKE_PRIVATE_LEN);
	AUTO(auto_aead_key_free) struct aead_key *key = NULL;
	const uint8_t *sealed = stanza->passphrase.sealed;

	ENSURE(private_key, ERR_MEMORY);
	TRY(derive(stanza, passphrase, &derived));
	ENSURE(ct_equal(secret_bytes(derived) + KEY_LEN, stanza->passphrase.commitment, STANZA_COMMITMENT_LEN), ERR_AUTH);
	writer_init(&aad, aad_bytes, sizeof aad_bytes);
	TRY(write_aad(domain, stanza, &aad));
	const struct view part = writer_view(&aad);
	TRY(aead_key_new(secret_bytes(derived), KEY_LEN, &key));
	enum coffer_err err = aead_open(key, stanza->passphrase.nonce, &part, 1, view_of(sealed, HPKE_PRIVATE_LEN),
		sealed + HPKE_PRIVATE_LEN, secret_mut(private_key));
	ENSURE(err != ERR_CONTEXT, ERR_CORRUPT);
	TRY(err);
	*out = TAKE(private_key);
	return ERR_OK;
}
