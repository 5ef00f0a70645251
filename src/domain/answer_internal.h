/* What answers and later generations have in common. */
#ifndef COFFER_DOMAIN_ANSWER_INTERNAL_H
#define COFFER_DOMAIN_ANSWER_INTERNAL_H

#include "base/writer.h"
#include "domain/answer.h"

#define WRAP_CT_LEN (DATA_KEY_LEN + HPKE_TAG_LEN)

/* One data key as it is handed over. */
struct answer_wrap {
	uint32_t generation;
	uint8_t key_check[32];
	uint8_t signature[DOMAIN_SIGNATURE_LEN];
	uint8_t enc[HPKE_ENC_LEN];
	uint8_t ct[WRAP_CT_LEN];
};

/* Check and signature of a generation of the ring. */
enum coffer_err answer_wrap_name(struct ring *ring, const struct secret *domain_seed, uint32_t generation, struct answer_wrap *out) MUST_USE;
/* Wraps its key to a transport key. */
enum coffer_err answer_wrap_seal(struct ring *ring, const uint8_t transport_key[static HPKE_PUBLIC_LEN], struct view info, struct answer_wrap *wrap) MUST_USE;
/* Opens it through the token, and checks key check and generation signature. Caller frees *out. */
enum coffer_err answer_wrap_open(const struct domain_id *domain, const struct answer_key *key, struct view info, const struct answer_wrap *wrap,
	struct secret **out, struct reason *reason) MUST_USE;
/* HMAC over T(label) || fixed || LP(body). */
enum coffer_err answer_mac(const struct secret *key, const char *label, struct view fixed, struct view body, uint8_t out[static 32]) MUST_USE;

#endif
