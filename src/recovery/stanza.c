/* Stanzas as bytes: parsing, and the parts that writing shares with it. */
#include "recovery/stanza.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "recovery/stanza_bytes.h"

bool stanza_scrypt_is_sound(unsigned log2n, unsigned r, unsigned p)
{
	return log2n >= STANZA_LOG2N_MIN && log2n <= STANZA_LOG2N_MAX && r == STANZA_R && p >= STANZA_P && p <= STANZA_P_MAX;
}

void stanza_wrap_at(const struct stanza *stanza, unsigned i, struct stanza_wrap *out)
{
	struct reader r;
	enum coffer_err err;
	PRE(i < stanza->count && stanza->wraps.len == (size_t)stanza->count * STANZA_WRAP_LEN);
	reader_init(&r, view_of(stanza->wraps.ptr + (size_t)i * STANZA_WRAP_LEN, STANZA_WRAP_LEN));
	err = reader_u32(&r, &out->generation);
	if (!err) err = reader_bytes(&r, out->enc, sizeof out->enc);
	if (!err) err = reader_bytes(&r, out->ciphertext, sizeof out->ciphertext);
	if (!err) err = reader_bytes(&r, out->key_check, sizeof out->key_check);
	if (!err) err = reader_bytes(&r, out->signature, sizeof out->signature);
	if (!err) err = reader_end(&r);
	POST(err == ERR_OK);
}

enum coffer_err stanza_wrap_append(const struct stanza_wrap *wrap, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out, STANZA_WRAP_LEN);
	writer_u32(&w, wrap->generation);
	writer_bytes(&w, view_of(wrap->enc, sizeof wrap->enc));
	writer_bytes(&w, view_of(wrap->ciphertext, sizeof wrap->ciphertext));
	writer_bytes(&w, view_of(wrap->key_check, sizeof wrap->key_check));
	writer_bytes(&w, view_of(wrap->signature, sizeof wrap->signature));
	return writer_done(&w);
}

static enum coffer_err read_shares(struct reader *r, struct stanza *s)
{
	TRY(reader_u8(r, &s->shares.k));
	TRY(reader_u8(r, &s->shares.n));
	ENSURE(s->shares.k >= 1 && s->shares.k <= s->shares.n, ERR_CORRUPT);
	TRY(reader_bytes(r, s->shares.set_id, SHARE_SET_LEN));
	for (unsigned i = 0; i < s->shares.n; i++) TRY(reader_bytes(r, s->shares.digests[i], SHARE_DIGEST_LEN));
	return ERR_OK;
}

static enum coffer_err read_passphrase(struct reader *r, struct stanza *s)
{
	TRY(reader_u8(r, &s->passphrase.log2n));
	TRY(reader_u8(r, &s->passphrase.r));
	TRY(reader_u8(r, &s->passphrase.p));
	ENSURE(stanza_scrypt_is_sound(s->passphrase.log2n, s->passphrase.r, s->passphrase.p), ERR_LIMIT);
	TRY(reader_bytes(r, s->passphrase.salt, sizeof s->passphrase.salt));
	TRY(reader_bytes(r, s->passphrase.commitment, sizeof s->passphrase.commitment));
	TRY(reader_bytes(r, s->passphrase.nonce, sizeof s->passphrase.nonce));
	return reader_bytes(r, s->passphrase.sealed, sizeof s->passphrase.sealed);
}

/* Rising generations from 1 up, none doubled. */
static enum coffer_err check_order(const struct stanza *s)
{
	uint32_t last = 0;
	for (unsigned i = 0; i < s->count; i++) {
		struct stanza_wrap wrap;
		stanza_wrap_at(s, i, &wrap);
		ENSURE(wrap.generation > last, ERR_CORRUPT);
		last = wrap.generation;
	}
	return ERR_OK;
}

static enum coffer_err read_body(struct view body, struct stanza *s)
{
	struct reader r;
	uint8_t format, mode;
	uint16_t count;
	reader_init(&r, body);
	TRY(reader_u8(&r, &format));
	ENSURE(format == STANZA_FORMAT, ERR_VERSION);
	TRY(reader_bytes(&r, s->domain_id, UUID_LEN));
	TRY(reader_bytes(&r, s->key_id, RECOVERY_KEY_ID_LEN));
	TRY(reader_bytes(&r, s->public_key, HPKE_PUBLIC_LEN));
	TRY(reader_u8(&r, &mode));
	ENSURE(mode == STANZA_SHARES || mode == STANZA_PASSPHRASE, ERR_VERSION);
	s->mode = (enum stanza_mode)mode;
	TRY(s->mode == STANZA_SHARES ? read_shares(&r, s) : read_passphrase(&r, s));
	TRY(reader_u16(&r, &count));
	ENSURE(count >= 1 && count <= STANZA_WRAPS_MAX, ERR_CORRUPT);
	s->count = count;
	TRY(reader_view(&r, (size_t)count * STANZA_WRAP_LEN, &s->wraps));
	TRY(reader_skip(&r, DOMAIN_SIGNATURE_LEN));
	TRY(reader_end(&r));
	s->body = body;
	return check_order(s);
}

static enum coffer_err check_row(const struct store_row *row)
{
	static const uint8_t none[] = { 0, 0 };
	ENSURE(row->id_len == RECOVERY_KEY_ID_LEN && row->version != 0 && row->generation == 0, ERR_CORRUPT);
	ENSURE(row->state == STANZA_CURRENT || row->state == STANZA_SUPERSEDED, ERR_CORRUPT);
	ENSURE(row->header.len == 1 && row->header.ptr[0] == STANZA_SCHEMA, ERR_VERSION);
	ENSURE(row->index.len == 0 || view_equal(row->index, view_of(none, sizeof none)), ERR_CORRUPT);
	return ERR_OK;
}

enum coffer_err stanza_parse(const struct store_row *row, struct stanza *out, struct reason *reason)
{
	struct stanza s = { 0 };
	enum coffer_err err = check_row(row);
	if (!err) err = read_body(row->body, &s);
	if (err == ERR_VERSION)
		return reason_fail(reason, err, "the recovery record has a format that this version does not know; install a newer Coffer");
	if (err == ERR_LIMIT)
		return reason_fail(reason, ERR_CORRUPT,
			"the recovery record asks for scrypt parameters that are not allowed (log2 N %u to %u, r %u, "
			"p 1 to %u); it was altered", STANZA_LOG2N_MIN, STANZA_LOG2N_MAX, STANZA_R, STANZA_P_MAX);
	if (err)
		return reason_fail(reason, ERR_CORRUPT, "the recovery record is damaged; restore the store from a backup");
	*out = s;
	return ERR_OK;
}
