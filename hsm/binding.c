/* Encoding, decoding and checking of the binding. */
#include "hsm/binding.h"

#include <string.h>

#include "base/buf.h"
#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "hsm/slot.h"

#define FORMAT 1u
#define FLAG_MADE_HERE 1u

enum coffer_err hsm_binding_make(struct hsm_session *s, const struct hsm_key *key, const struct hsm_mech *mech,
	bool made_here, struct hsm_binding *out, struct reason *reason)
{
	AUTO_SECRET struct secret *canary = secret_new(TOKEN_SECRET_LEN);
	AUTO_BUF struct buf blob = BUF_EMPTY;
	ENSURE(canary, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(canary), TOKEN_SECRET_LEN));
	TRY(mech->method->wrap(s, mech, key, canary, &blob, reason));
	ENSURE(blob.len <= HSM_CANARY_MAX, reason_fail(reason, ERR_TOO_LARGE, "the token's wrapped canary is too large"));
	struct hsm_binding b = { .made_here = made_here, .key = *key, .mech = mech, .canary_blob_len = blob.len };
	hsm_slot_text(s->token.serialNumber, sizeof s->token.serialNumber, b.serial, sizeof b.serial);
	hsm_slot_text(s->token.label, sizeof s->token.label, b.token_label, sizeof b.token_label);
	memcpy(b.canary_blob, blob.ptr, blob.len);
	TRY(hash_sha256(secret_view(canary), b.canary_hash));
	*out = b;
	return ERR_OK;
}

static enum coffer_err master_secret_id(const struct hsm_binding *b, uint8_t out[static TOKEN_MS_ID_LEN])
{
	static const char label[] = "coffer pkcs11 master secret";
	uint8_t text[TOKEN_BINDING_MAX];
	struct writer w;
	writer_init(&w, text, sizeof text);
	writer_bytes(&w, view_of(label, sizeof label - 1));
	writer_view_u16(&w, view_str(b->serial));
	writer_view_u16(&w, view_str(b->token_label));
	writer_view_u16(&w, view_of(b->key.id, b->key.id_len));
	writer_view_u16(&w, view_of(b->canary_blob, b->canary_blob_len));
	TRY(writer_done(&w));
	return hash_sha256(writer_view(&w), out);
}

enum coffer_err hsm_binding_encode(const struct hsm_binding *b, struct token_binding *out)
{
	struct token_binding t = { 0 };
	struct writer w;
	writer_init(&w, t.data, sizeof t.data);
	writer_u8(&w, FORMAT);
	writer_u8(&w, b->made_here ? FLAG_MADE_HERE : 0);
	writer_view_u16(&w, view_str(b->serial));
	writer_view_u16(&w, view_str(b->token_label));
	writer_view_u16(&w, view_str(b->key.label));
	writer_view_u16(&w, view_of(b->key.id, b->key.id_len));
	writer_u32(&w, (uint32_t)b->key.type);
	writer_bytes(&w, view_of(b->canary_hash, sizeof b->canary_hash));
	writer_view_u16(&w, view_of(b->canary_blob, b->canary_blob_len));
	TRY(writer_done(&w));
	t.data_len = writer_len(&w);
	size_t name_len = strlen(b->mech->name);
	INVARIANT(name_len < sizeof t.mechanism);
	memcpy(t.mechanism, b->mech->name, name_len + 1);
	TRY(master_secret_id(b, t.master_secret_id));
	*out = t;
	return ERR_OK;
}

/* LP16 text into out (cap includes the NUL). */
static enum coffer_err read_text(struct reader *r, char *out, size_t cap)
{
	struct view v;
	TRY(reader_view_u16(r, cap, &v));
	ENSURE(v.len < cap && (v.len == 0 || !memchr(v.ptr, 0, v.len)), ERR_CORRUPT);
	if (v.len) memcpy(out, v.ptr, v.len);
	out[v.len] = '\0';
	return ERR_OK;
}

static enum coffer_err read_bytes(struct reader *r, uint8_t *out, size_t cap, size_t *out_len)
{
	struct view v;
	TRY(reader_view_u16(r, cap, &v));
	if (v.len) memcpy(out, v.ptr, v.len);
	*out_len = v.len;
	return ERR_OK;
}

static enum coffer_err read_all(struct reader *r, struct hsm_binding *b)
{
	uint8_t format, flags;
	uint32_t key_type;
	TRY(reader_u8(r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_u8(r, &flags));
	ENSURE((flags & ~FLAG_MADE_HERE) == 0, ERR_CORRUPT);
	TRY(read_text(r, b->serial, sizeof b->serial));
	TRY(read_text(r, b->token_label, sizeof b->token_label));
	TRY(read_text(r, b->key.label, sizeof b->key.label));
	TRY(read_bytes(r, b->key.id, sizeof b->key.id, &b->key.id_len));
	TRY(reader_u32(r, &key_type));
	TRY(reader_bytes(r, b->canary_hash, sizeof b->canary_hash));
	TRY(read_bytes(r, b->canary_blob, sizeof b->canary_blob, &b->canary_blob_len));
	TRY(reader_end(r));
	ENSURE(b->canary_blob_len > 0 && (b->key.label[0] || b->key.id_len), ERR_CORRUPT);
	b->made_here = flags & FLAG_MADE_HERE;
	b->key.type = key_type;
	return ERR_OK;
}

enum coffer_err hsm_binding_decode(const struct token_binding *in, struct hsm_binding *out, struct reason *reason)
{
	struct hsm_binding b = { 0 };
	if (in->data_len > sizeof in->data || strnlen(in->mechanism, sizeof in->mechanism) == sizeof in->mechanism) {
		return reason_fail(reason, ERR_CORRUPT, "the token binding is damaged");
	}
	b.mech = hsm_mech_by_name(in->mechanism);
	if (!b.mech) {
		return reason_fail(reason, ERR_TOKEN_OTHER, "this node's data keys are wrapped by '%s', which is not a PKCS#11 "
			"mechanism of this version; start the token helper that made them", in->mechanism);
	}
	struct reader r;
	reader_init(&r, view_of(in->data, in->data_len));
	enum coffer_err err = read_all(&r, &b);
	if (err == ERR_VERSION) return reason_fail(reason, err, "the token binding was written by a newer version");
	uint8_t id[TOKEN_MS_ID_LEN] = { 0 };
	if (err == ERR_OK) TRY(master_secret_id(&b, id));
	if (err != ERR_OK || !ct_equal(id, in->master_secret_id, sizeof id)) {
		return reason_fail(reason, ERR_CORRUPT, "the token binding is damaged");
	}
	*out = b;
	return ERR_OK;
}

enum coffer_err hsm_binding_check_token(const struct hsm_binding *b, const struct hsm_session *s, struct reason *reason)
{
	char serial[17], label[33];
	hsm_slot_text(s->token.serialNumber, sizeof s->token.serialNumber, serial, sizeof serial);
	hsm_slot_text(s->token.label, sizeof s->token.label, label, sizeof label);
	if (strcmp(serial, b->serial) != 0 || strcmp(label, b->token_label) != 0) {
		return reason_fail(reason, ERR_TOKEN_OTHER, "this is token '%s' (serial %s), but this node's master secret is in "
			"token '%s' (serial %s); put that one back", label, serial, b->token_label, b->serial);
	}
	return ERR_OK;
}

enum coffer_err hsm_binding_check_canary(const struct hsm_binding *b, struct hsm_session *s, const struct hsm_key *key,
	struct reason *reason)
{
	AUTO_SECRET struct secret *opened = NULL;
	uint8_t hash[32];
	TRY(b->mech->method->unwrap(s, b->mech, key, view_of(b->canary_blob, b->canary_blob_len), &opened, reason));
	TRY(hash_sha256(secret_view(opened), hash));
	if (!ct_equal(hash, b->canary_hash, sizeof hash)) {
		return reason_fail(reason, ERR_TOKEN_OTHER, "the token's key '%s' is not this node's master secret: it opens the "
			"canary to something else", key->label);
	}
	return ERR_OK;
}
