/* Writing, signing and verifying a stanza. */
#include <string.h>

#include "base/writer.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "keyring/label.h"
#include "keyring/record.h"
#include "recovery/stanza.h"
#include "recovery/stanza_bytes.h"

#define BIND_MAX 1024u

enum coffer_err stanza_key_id(const uint8_t domain_id[static UUID_LEN], const uint8_t public_key[static HPKE_PUBLIC_LEN],
	uint8_t out[static RECOVERY_KEY_ID_LEN])
{
	uint8_t input[LABEL_MAX + UUID_LEN + HPKE_PUBLIC_LEN], digest[HASH_SHA256_LEN];
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, "recovery-key-id");
	writer_bytes(&w, view_of(domain_id, UUID_LEN));
	writer_bytes(&w, view_of(public_key, HPKE_PUBLIC_LEN));
	TRY(writer_done(&w));
	TRY(hash_sha256(writer_view(&w), digest));
	memcpy(out, digest, RECOVERY_KEY_ID_LEN);
	return ERR_OK;
}

static void write_mode(const struct stanza *s, struct writer *w)
{
	writer_u8(w, (uint8_t)s->mode);
	if (s->mode == STANZA_SHARES) {
		writer_u8(w, s->shares.k);
		writer_u8(w, s->shares.n);
		writer_bytes(w, view_of(s->shares.set_id, SHARE_SET_LEN));
		writer_bytes(w, view_of(s->shares.digests, (size_t)s->shares.n * SHARE_DIGEST_LEN));
		return;
	}
	writer_u8(w, s->passphrase.log2n);
	writer_u8(w, s->passphrase.r);
	writer_u8(w, s->passphrase.p);
	writer_bytes(w, view_of(s->passphrase.salt, sizeof s->passphrase.salt));
	writer_bytes(w, view_of(s->passphrase.commitment, sizeof s->passphrase.commitment));
	writer_bytes(w, view_of(s->passphrase.nonce, sizeof s->passphrase.nonce));
	writer_bytes(w, view_of(s->passphrase.sealed, sizeof s->passphrase.sealed));
}

static enum coffer_err write_fields(const struct stanza *s, struct buf *body)
{
	struct writer w;
	ENSURE(s->mode == STANZA_SHARES || s->mode == STANZA_PASSPHRASE, ERR_FIELD);
	ENSURE(s->mode != STANZA_SHARES || (s->shares.k >= 1 && s->shares.k <= s->shares.n), ERR_FIELD);
	ENSURE(s->mode != STANZA_PASSPHRASE ||
		stanza_scrypt_is_sound(s->passphrase.log2n, s->passphrase.r, s->passphrase.p), ERR_FIELD);
	ENSURE(s->count >= 1 && s->count <= STANZA_WRAPS_MAX && s->wraps.len == (size_t)s->count * STANZA_WRAP_LEN, ERR_LIMIT);
	writer_init_buf(&w, body, STANZA_BODY_MAX);
	writer_u8(&w, STANZA_FORMAT);
	writer_bytes(&w, view_of(s->domain_id, UUID_LEN));
	writer_bytes(&w, view_of(s->key_id, RECOVERY_KEY_ID_LEN));
	writer_bytes(&w, view_of(s->public_key, HPKE_PUBLIC_LEN));
	write_mode(s, &w);
	writer_u16(&w, (uint16_t)s->count);
	writer_bytes(&w, s->wraps);
	return writer_done(&w);
}

/* T("recovery-stanza") | R | LP(body before the signature) */
static enum coffer_err write_message(const struct domain_id *domain, const struct store_row *row, struct view fields,
	struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out, LABEL_MAX);
	label_write(&w, "recovery-stanza");
	TRY(writer_done(&w));
	TRY(record_bind(domain, STORE_RECOVERY, row, out));
	writer_init_buf(&w, out, STANZA_BODY_MAX + 4);
	writer_view_u32(&w, fields);
	return writer_done(&w);
}

enum coffer_err stanza_sign(const struct domain_id *domain, const struct secret *domain_seed, const struct stanza *stanza,
	uint32_t version, uint32_t state, struct store_row *row, struct buf *body)
{
	static const uint8_t schema[] = { STANZA_SCHEMA };
	AUTO_BUF struct buf message = BUF_EMPTY;
	struct store_row made = { .id_len = RECOVERY_KEY_ID_LEN, .version = version, .state = state,
		.header = view_of(schema, sizeof schema) };
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
	size_t start = body->len;

	memcpy(made.id, stanza->key_id, RECOVERY_KEY_ID_LEN);
	TRY(write_fields(stanza, body));
	TRY(write_message(domain, &made, view_of(body->ptr + start, body->len - start), &message));
	TRY(sign_ed25519(domain_seed, buf_view(&message), signature));
	TRY(buf_append(body, view_of(signature, sizeof signature)));
	made.body = view_of(body->ptr + start, body->len - start);
	*row = made;
	return ERR_OK;
}

static enum coffer_err check(const struct domain_id *domain, const struct store_row *row, const struct stanza *stanza)
{
	AUTO_BUF struct buf message = BUF_EMPTY;
	uint8_t key_id[RECOVERY_KEY_ID_LEN];
	ENSURE(stanza->body.len > DOMAIN_SIGNATURE_LEN, ERR_CORRUPT);
	struct view fields = view_of(stanza->body.ptr, stanza->body.len - DOMAIN_SIGNATURE_LEN);
	TRY(write_message(domain, row, fields, &message));
	TRY(sign_verify(domain->public_key, buf_view(&message), stanza->body.ptr + fields.len));
	ENSURE(view_equal(view_of(stanza->domain_id, UUID_LEN), view_of(domain->id, UUID_LEN)), ERR_CORRUPT);
	ENSURE(view_equal(view_of(stanza->key_id, RECOVERY_KEY_ID_LEN), view_of(row->id, row->id_len)), ERR_CORRUPT);
	TRY(stanza_key_id(domain->id, stanza->public_key, key_id));
	ENSURE(view_equal(view_of(key_id, sizeof key_id), view_of(stanza->key_id, RECOVERY_KEY_ID_LEN)), ERR_CORRUPT);
	return hpke_public_check(stanza->public_key);
}

enum coffer_err stanza_verify(const struct domain_id *domain, const struct store_row *row, const struct stanza *stanza,
	struct reason *reason)
{
	enum coffer_err err = check(domain, row, stanza);
	if (err == ERR_MEMORY || err == ERR_CRYPTO) return err;
	if (err) return reason_fail(reason, ERR_CORRUPT,
		"the recovery record is not signed by this domain; the store was edited or exchanged");
	return ERR_OK;
}
