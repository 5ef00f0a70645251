/* Derivation of subkeys: one label, one use. */
#include <string.h>

#include "base/writer.h"
#include "crypto/kdf.h"
#include "keyring/label.h"
#include "keyring/ring_internal.h"

#define INFO_TAIL_MAX 16u
#define INFO_MAX (sizeof LABEL_PREFIX - 1 + LABEL_MAX + INFO_TAIL_MAX)

static const char *const labels[SUBKEY_COUNT] = {
#define SUBKEY(name, label) [SUBKEY_##name] = (label),
#include "keyring/subkey.def"
#undef SUBKEY
};

const char *subkey_label(enum subkey which)
{
	PRE((unsigned)which < SUBKEY_COUNT);
	return labels[which];
}

enum coffer_err subkey_derive(const struct secret *key, const uint8_t domain_id[static UUID_LEN], const char *label,
	struct view tail, uint8_t *out)
{
	uint8_t info[INFO_MAX];
	struct writer w;
	ENSURE(secret_len(key) == DATA_KEY_LEN, ERR_FIELD);
	writer_init(&w, info, sizeof info);
	writer_bytes(&w, view_str(LABEL_PREFIX));
	writer_bytes(&w, view_str(label));
	writer_bytes(&w, tail);
	TRY(writer_done(&w));
	return kdf_hkdf(KDF_SHA256, secret_view(key), view_of(domain_id, UUID_LEN), writer_view(&w), out, SUBKEY_LEN);
}

enum coffer_err ring_key_check(const struct domain_id *domain, uint32_t generation, const struct secret *key,
	uint8_t out[static 32])
{
	uint8_t tail[4], check[SUBKEY_LEN];
	struct writer w;
	ENSURE(generation != 0, ERR_FIELD);
	writer_init(&w, tail, sizeof tail);
	writer_u32(&w, generation);
	TRY(writer_done(&w));
	TRY(subkey_derive(key, domain->id, subkey_label(SUBKEY_KEY_CHECK), writer_view(&w), check));
	memcpy(out, check, sizeof check);
	return ERR_OK;
}

enum coffer_err ring_managed_subkey(const uint8_t domain_id[static UUID_LEN], const uint8_t key_id[static UUID_LEN],
	const struct secret *key, const char *label, struct secret **out)
{
	AUTO_SECRET struct secret *subkey = secret_new(SUBKEY_LEN);
	ENSURE(subkey, ERR_MEMORY);
	PRE(strcmp(label, "seal-message") == 0 || strcmp(label, "seal-stream") == 0);
	TRY(subkey_derive(key, domain_id, label, view_of(key_id, UUID_LEN), secret_mut(subkey)));
	*out = TAKE(subkey);
	return ERR_OK;
}
