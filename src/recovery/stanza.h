/* The recovery stanza: the body of a row of table 8, signed by the domain (docs/formats.md section 10.1). Not secret.
 * Threads: no state. */
#ifndef COFFER_RECOVERY_STANZA_H
#define COFFER_RECOVERY_STANZA_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "base/view.h"
#include "crypto/aead.h"
#include "crypto/hpke.h"
#include "crypto/shamir.h"
#include "keyring/domain.h"
#include "recovery/share.h"
#include "store/store.h"

#define RECOVERY_KEY_ID_LEN 16u
#define STANZA_WRAPS_MAX 1024u
#define STANZA_WRAP_LEN 213u        /* bytes of one wrap */
#define STANZA_SEALED_LEN 48u       /* 32 bytes sealed, with their tag */
#define STANZA_SALT_LEN 32u
#define STANZA_COMMITMENT_LEN 32u

#define STANZA_CURRENT 1u           /* row state */
#define STANZA_SUPERSEDED 2u

/* scrypt in passphrase mode: what is written, and what is accepted. */
#define STANZA_LOG2N 17u
#define STANZA_LOG2N_MIN 15u
#define STANZA_LOG2N_MAX 20u
#define STANZA_R 8u
#define STANZA_P 1u
#define STANZA_P_MAX 4u

enum stanza_mode { STANZA_SHARES = 1, STANZA_PASSPHRASE = 2 };

/* A data key, wrapped to the recovery key. */
struct stanza_wrap {
	uint32_t generation;
	uint8_t enc[HPKE_ENC_LEN];
	uint8_t ciphertext[STANZA_SEALED_LEN];
	uint8_t key_check[32];
	uint8_t signature[DOMAIN_SIGNATURE_LEN]; /* of the generation */
};

struct stanza {
	uint8_t domain_id[UUID_LEN];
	uint8_t key_id[RECOVERY_KEY_ID_LEN];
	uint8_t public_key[HPKE_PUBLIC_LEN];
	enum stanza_mode mode;
	struct {
		uint8_t k, n;
		uint8_t set_id[SHARE_SET_LEN];
		uint8_t digests[SHAMIR_SHARES_MAX][SHARE_DIGEST_LEN]; /* of x = 1 … n */
	} shares;
	struct {
		uint8_t log2n, r, p;
		uint8_t salt[STANZA_SALT_LEN];
		uint8_t commitment[STANZA_COMMITMENT_LEN];
		uint8_t nonce[AEAD_NONCE_LEN];
		uint8_t sealed[STANZA_SEALED_LEN]; /* the private key */
	} passphrase;
	unsigned count;       /* wraps, 1 to STANZA_WRAPS_MAX, rising generations */
	struct view wraps;    /* count * STANZA_WRAP_LEN bytes, borrowed */
	struct view body;     /* as parsed, borrowed; the signature is its last 64 bytes */
};

/* First 16 bytes of SHA-256(T("recovery-key-id") | domain id | public key). */
enum coffer_err stanza_key_id(const uint8_t domain_id[static UUID_LEN], const uint8_t public_key[static HPKE_PUBLIC_LEN],
	uint8_t out[static RECOVERY_KEY_ID_LEN]) MUST_USE;
/* Whether this version reads a stanza with these scrypt parameters (at most 1 GiB). */
bool stanza_scrypt_is_sound(unsigned log2n, unsigned r, unsigned p);

/* The i-th wrap, i < count. */
void stanza_wrap_at(const struct stanza *stanza, unsigned i, struct stanza_wrap *out);
enum coffer_err stanza_wrap_append(const struct stanza_wrap *wrap, struct buf *out) MUST_USE;

/* Fills *row (id, version, state, header, body) with the signed stanza; the body is appended to *body. ERR_FIELD: fields
 * that the format cannot hold. */
enum coffer_err stanza_sign(const struct domain_id *domain, const struct secret *domain_seed, const struct stanza *stanza,
	uint32_t version, uint32_t state, struct store_row *row, struct buf *body) MUST_USE;
/* Reads the form; every bound and order is checked, scrypt's parameters too. Views borrow from the row. ERR_CORRUPT,
 * ERR_VERSION. */
enum coffer_err stanza_parse(const struct store_row *row, struct stanza *out, struct reason *reason) MUST_USE;
/* The domain's signature over the row, the domain id, the recovery-key id against the public key and the row's id; that
 * the public key is a point. ERR_CORRUPT: an integrity fault. */
enum coffer_err stanza_verify(const struct domain_id *domain, const struct store_row *row, const struct stanza *stanza,
	struct reason *reason) MUST_USE;

#endif
