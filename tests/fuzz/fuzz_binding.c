/* Fuzzes what pins a node to its token, as it stands in node.id and in each slot row: tpm_binding_decode with its policies (FUZZ_TPM), or hsm_binding_decode. What is read is
 * written the same; a policy that is read has a digest. */
#include <string.h>

#include "base/reader.h"
#include "crypto/hash.h"
#include "fuzz/fuzz.h"
#ifdef FUZZ_TPM
#include "tpm/binding.h"
#include "tpm/seal.h"
#else
#include "hsm/binding.h"
#endif

#ifdef FUZZ_TPM
/* The id is the digest of the master secret's Name: made right, so that what stands behind it is reached. */
static void make_id(struct token_binding *b)
{
	struct reader r;
	struct view fixed, primary, master;
	reader_init(&r, view_of(b->data, b->data_len));
	if (reader_view(&r, 7, &fixed) != ERR_OK || reader_view_u16(&r, TOKEN_BINDING_MAX, &primary) != ERR_OK || reader_view_u16(&r, TOKEN_BINDING_MAX, &master) != ERR_OK) return;
	REQUIRE(hash_sha256(master, b->master_secret_id) == ERR_OK);
}

static void decode(struct token_binding *in)
{
	struct token_binding again;
	struct tpm_key key;
	struct tpm_facts facts;
	struct reason reason = { "" };
	TPM2B_DIGEST digest;
	memcpy(in->mechanism, TPM_SEAL_MECHANISM, sizeof TPM_SEAL_MECHANISM);
	make_id(in);
	enum coffer_err err = tpm_binding_decode(in, &key, &facts, &reason);
	REQUIRE(err == ERR_OK || err == ERR_CORRUPT || err == ERR_VERSION);
	if (err) {
		fuzz_check_reason(&reason);
		return;
	}
	REQUIRE(tpm_policy_digest(key.profile, &key.policy, &digest) == ERR_OK && digest.size == hash_len(key.profile->hash));
	REQUIRE(tpm_binding_encode(&key, &facts, &again) == ERR_OK);
	REQUIRE(view_equal(view_of(in->data, in->data_len), view_of(again.data, again.data_len)));
}
#else
/* docs/tokens.md section 2: over serial, token label, CKA_ID and wrapped canary, each with its length as it stands. */
static void make_id(struct token_binding *b)
{
	struct reader r;
	struct view fixed, part[5];
	uint8_t lens[4][2];
	struct view over[9] = { view_str("coffer pkcs11 master secret") };
	static const uint8_t in_id[] = { 0, 1, 3, 4 };
	reader_init(&r, view_of(b->data, b->data_len));
	if (reader_view(&r, 2, &fixed) != ERR_OK) return;
	for (unsigned i = 0; i < 5; i++) {
		if (i == 4 && reader_view(&r, 36, &fixed) != ERR_OK) return;
		if (reader_view_u16(&r, TOKEN_BINDING_MAX, &part[i]) != ERR_OK) return;
	}
	for (unsigned i = 0; i < 4; i++) {
		const struct view *v = &part[in_id[i]];
		lens[i][0] = (uint8_t)(v->len >> 8);
		lens[i][1] = (uint8_t)v->len;
		over[1 + 2 * i] = view_of(lens[i], 2);
		over[2 + 2 * i] = *v;
	}
	REQUIRE(hash_parts(HASH_SHA256, over, 9, b->master_secret_id) == ERR_OK);
}

static void decode(struct token_binding *in)
{
	struct hsm_binding b;
	struct token_binding again;
	struct reason reason = { "" };
	memcpy(in->mechanism, "CKM_AES_KEY_WRAP", sizeof "CKM_AES_KEY_WRAP");
	make_id(in);
	enum coffer_err err = hsm_binding_decode(in, &b, &reason);
	REQUIRE(err == ERR_OK || err == ERR_CORRUPT || err == ERR_VERSION);
	if (err) {
		fuzz_check_reason(&reason);
		return;
	}
	REQUIRE(b.key.id_len <= sizeof b.key.id && b.canary_blob_len <= sizeof b.canary_blob);
	REQUIRE(hsm_binding_encode(&b, &again) == ERR_OK);
	REQUIRE(view_equal(view_of(in->data, in->data_len), view_of(again.data, again.data_len)));
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token_binding binding = { .data_len = size };
	fuzz_arena();
	if (size > sizeof binding.data) return 0;
	if (size) memcpy(binding.data, data, size);
	decode(&binding);
	return 0;
}
