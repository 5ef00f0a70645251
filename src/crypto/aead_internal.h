/* Inside of the AEAD: the engines, and re-keying of a warm key for constructions with one key per message. */
#ifndef COFFER_CRYPTO_AEAD_INTERNAL_H
#define COFFER_CRYPTO_AEAD_INTERNAL_H

#include "crypto/aead.h"

struct aead_engine;

/* In the arena. state and variant belong to the engine. */
struct aead_key {
	const struct aead_engine *engine;
	void *state;         /* the key as the engine wants it: arena memory */
	const void *variant; /* which of its functions the engine takes for this key */
	size_t key_len;      /* bytes */
};

/* Where a message that is opened in pieces stands: on the caller's stack, who wipes it. */
struct aead_run {
	_Alignas(16) uint8_t bytes[96];
};

/* An implementation of AES-GCM with 12-byte nonces and 16-byte tags: a constant table, one for all threads. Sizes are checked
 * before (aead.c), and what a failure leaves is wiped behind. No call allocates but start, and seal and open when associated data
 * in several parts is long. new_key: NULL, or another key of the same length, which stays. */
struct aead_engine {
	const char *name; /* as in the configuration and in status */
	/* NULL when it can be used here; else why not, as the end of a sentence. Any thread. */
	const char *(*missing)(void);
	/* NULL when it is faster here than OpenSSL, so that it is taken unasked; else why not. */
	const char *(*slow)(void);
	enum coffer_err (*start)(struct aead_key *k, const uint8_t *key, size_t key_len);
	void (*finish)(struct aead_key *k); /* wipes; start may have failed halfway */
	enum coffer_err (*seal)(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
		struct view pt, uint8_t *out_ct, uint8_t *out_tag);
	/* ERR_CONTEXT: the tag is wrong, and out_pt holds what must not be seen. */
	enum coffer_err (*open)(struct aead_key *k, const uint8_t *new_key, const uint8_t *nonce, const struct view *aad, size_t aad_count,
		struct view ct, const uint8_t *tag, uint8_t *out_pt);
	/* The same in pieces, without associated data; out may be in. */
	enum coffer_err (*open_begin)(struct aead_key *k, struct aead_run *run, const uint8_t *nonce);
	enum coffer_err (*open_piece)(struct aead_key *k, struct aead_run *run, struct view in, uint8_t *out);
	enum coffer_err (*open_end)(struct aead_key *k, struct aead_run *run, const uint8_t *tag);
};

extern const struct aead_engine aead_openssl;  /* the reference and the fallback */
extern const struct aead_engine aead_ipsec_mb; /* intel-ipsec-mb; its missing() says so where it is not built in */

/* The engine of keys made from now on. Before threads, and in tests. */
void aead_engine_use(const struct aead_engine *engine);
const struct aead_engine *aead_engine_used(void);
/* aead_key_new on one engine. */
enum coffer_err aead_key_new_on(const struct aead_engine *engine, const uint8_t *key, size_t key_len, struct aead_key **out) MUST_USE;

/* aead_seal and aead_open under another key of the same length, which stays in the context. new_key NULL: the key that
 * is there. */
enum coffer_err aead_seal_rekeyed(struct aead_key *k, const uint8_t *new_key, const uint8_t nonce[static AEAD_NONCE_LEN],
	const struct view *aad, size_t aad_count, struct view pt, uint8_t *out_ct,
	uint8_t out_tag[static AEAD_TAG_LEN]) MUST_USE;
enum coffer_err aead_open_rekeyed(struct aead_key *k, const uint8_t *new_key, const uint8_t nonce[static AEAD_NONCE_LEN],
	const struct view *aad, size_t aad_count, struct view ct, const uint8_t tag[static AEAD_TAG_LEN],
	uint8_t *out_pt) MUST_USE;

#endif
