/* Encoding and decoding of the binding. */
#include "tpm/binding.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "tpm/seal.h"

#define FORMAT 1u
#define FORMAT_POLICY 2u
#define MADE_HERE 1u
#define EK_SHIFT 1
#define EK_MASK 3u

enum coffer_err tpm_binding_encode(const struct tpm_key *key, const struct tpm_facts *facts, struct token_binding *out)
{
	struct token_binding b = { .mechanism = TPM_SEAL_MECHANISM };
	struct writer w;
	writer_init(&w, b.data, sizeof b.data);
	writer_u8(&w, tpm_policy_is_none(&key->policy) ? FORMAT : FORMAT_POLICY);
	writer_u8(&w, key->profile->id);
	writer_u8(&w, (uint8_t)((facts->made_here ? MADE_HERE : 0u) | (unsigned)facts->ek << EK_SHIFT));
	writer_u32(&w, key->handle);
	writer_view_u16(&w, view_of(key->primary_name.name, key->primary_name.size));
	writer_view_u16(&w, view_of(key->master_name.name, key->master_name.size));
	if (!tpm_policy_is_none(&key->policy)) TRY(tpm_policy_write(&w, key->profile, &key->policy));
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

static enum coffer_err parse(struct reader *r, struct tpm_key *key, struct tpm_facts *facts)
{
	uint8_t format = 0, profile = 0, bits = 0;
	TRY(reader_u8(r, &format));
	ENSURE(format == FORMAT || format == FORMAT_POLICY, ERR_VERSION);
	TRY(reader_u8(r, &profile));
	TRY(reader_u8(r, &bits));
	TRY(reader_u32(r, &key->handle));
	TRY(read_name(r, &key->primary_name));
	TRY(read_name(r, &key->master_name));
	key->profile = tpm_template_profile(profile);
	ENSURE(key->profile && bits >> EK_SHIFT <= EK_MASK, ERR_CORRUPT);
	if (format == FORMAT_POLICY) TRY(tpm_policy_read(r, key->profile, &key->policy));
	TRY(reader_end(r));
	ENSURE(key->handle >= TPM_HANDLE_MIN && key->handle <= TPM_HANDLE_MAX, ERR_CORRUPT);
	facts->made_here = bits & MADE_HERE;
	facts->ek = (enum tpm_ek)(bits >> EK_SHIFT & EK_MASK);
	return ERR_OK;
}

enum coffer_err tpm_binding_decode(const struct token_binding *in, struct tpm_key *out, struct tpm_facts *out_facts,
	struct reason *reason)
{
	struct tpm_key key = TPM_KEY_NONE;
	struct tpm_facts facts = { .made_here = false };
	uint8_t id[TOKEN_MS_ID_LEN];
	struct reader r;
	if (!view_equal_str(view_of(in->mechanism, strnlen(in->mechanism, sizeof in->mechanism)), TPM_SEAL_MECHANISM)) {
		return reason_fail(reason, ERR_TOKEN_OTHER,
			"this node's master secret is not in a TPM; the token URI must name the token that holds it");
	}
	ENSURE(in->data_len <= sizeof in->data, ERR_CORRUPT);
	reader_init(&r, view_of(in->data, in->data_len));
	enum coffer_err err = parse(&r, &key, &facts);
	if (err == ERR_VERSION) return reason_fail(reason, err,
		"the node's token binding was written by a newer version of Coffer");
	if (err == ERR_OK) err = hash_sha256(view_of(key.master_name.name, key.master_name.size), id);
	if (err != ERR_OK || !ct_equal(id, in->master_secret_id, sizeof id)) {
		return reason_fail(reason, ERR_CORRUPT, "the node's token binding is damaged; restore the identity file from a backup");
	}
	*out = key;
	*out_facts = facts;
	return ERR_OK;
}
