/* Encoding and decoding of the binding. */
#include "tpm/binding.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "tpm/seal.h"

#define FORMAT 1u
#define FLAG_MADE_HERE 1u

enum coffer_err tpm_binding_encode(const struct tpm_key *key, bool made_here, struct token_binding *out)
{
	struct token_binding b = { .mechanism = TPM_SEAL_MECHANISM };
	struct writer w;
	writer_init(&w, b.data, sizeof b.data);
	writer_u8(&w, FORMAT);
	writer_u8(&w, key->profile->id);
	writer_u8(&w, made_here ? FLAG_MADE_HERE : 0);
	writer_u32(&w, key->handle);
	writer_view_u16(&w, view_of(key->primary_name.name, key->primary_name.size));
	writer_view_u16(&w, view_of(key->master_name.name, key->master_name.size));
	TRY(writer_done(&w));
	b.data_len = writer_len(&w);
	TRY(hash_sha256(view_of(key->master_name.name, key->master_name.size), b.master_secret_id));
	*out = b;
	return ERR_OK;
}

static enum coffer_err read_name(struct reader *r, TPM2B_NAME *out)
{
	struct view bytes;
	TRY(reader_view_u16(r, sizeof out->name, &bytes));
	ENSURE(bytes.len > 0, ERR_CORRUPT);
	out->size = (UINT16)bytes.len;
	memcpy(out->name, bytes.ptr, bytes.len);
	return ERR_OK;
}

static enum coffer_err parse(struct reader *r, struct tpm_key *key, bool *made_here)
{
	uint8_t format = 0, profile = 0, flags = 0;
	TRY(reader_u8(r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_u8(r, &profile));
	TRY(reader_u8(r, &flags));
	TRY(reader_u32(r, &key->handle));
	TRY(read_name(r, &key->primary_name));
	TRY(read_name(r, &key->master_name));
	TRY(reader_end(r));
	key->profile = tpm_template_profile(profile);
	ENSURE(key->profile && (flags & ~FLAG_MADE_HERE) == 0, ERR_CORRUPT);
	ENSURE(key->handle >= TPM_HANDLE_MIN && key->handle <= TPM_HANDLE_MAX, ERR_CORRUPT);
	*made_here = flags & FLAG_MADE_HERE;
	return ERR_OK;
}

enum coffer_err tpm_binding_decode(const struct token_binding *in, struct tpm_key *out, bool *out_made_here, struct reason *reason)
{
	struct tpm_key key = TPM_KEY_NONE;
	bool made_here = false;
	uint8_t id[TOKEN_MS_ID_LEN];
	struct reader r;
	if (!view_equal_str(view_of(in->mechanism, strnlen(in->mechanism, sizeof in->mechanism)), TPM_SEAL_MECHANISM)) {
		return reason_fail(reason, ERR_TOKEN_OTHER, "this node's master secret is not in a TPM; the token URI must name the token that holds it");
	}
	ENSURE(in->data_len <= sizeof in->data, ERR_CORRUPT);
	reader_init(&r, view_of(in->data, in->data_len));
	enum coffer_err err = parse(&r, &key, &made_here);
	if (err == ERR_VERSION) return reason_fail(reason, err, "the node's token binding was written by a newer version of Coffer");
	if (err == ERR_OK) err = hash_sha256(view_of(key.master_name.name, key.master_name.size), id);
	if (err != ERR_OK || !ct_equal(id, in->master_secret_id, sizeof id)) {
		return reason_fail(reason, ERR_CORRUPT, "the node's token binding is damaged; restore the identity file from a backup");
	}
	*out = key;
	*out_made_here = made_here;
	return ERR_OK;
}
