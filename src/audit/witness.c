/* The message, the text, the fingerprint. */
#include "audit/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "crypto/ecdsa.h"
#include "crypto/hash.h"
#include "keyring/label.h"

#define BEGIN "signed by the token up to record "
#define NODE "node"

enum coffer_err audit_witness_digest(const struct domain_id *domain, const struct audit_witness *witness, uint8_t out[static 32])
{
	uint8_t message[AUDIT_SIGNED_MAX];
	struct writer w;
	writer_init(&w, message, sizeof message);
	label_write(&w, "audit-token");
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_u64(&w, witness->at.seq);
	writer_bytes(&w, view_of(witness->at.link, AUDIT_LINK_LEN));
	writer_bytes(&w, view_of(witness->at.digest, AUDIT_DIGEST_LEN));
	writer_u64(&w, witness->time_ms);
	TRY(writer_done(&w));
	return hash_sha256(writer_view(&w), out);
}

enum coffer_err audit_witness_verify(const struct domain_id *domain, const struct audit_witness *witness)
{
	struct ecdsa_public key = { .curve = ECDSA_P256 };
	uint8_t digest[HASH_SHA256_LEN];
	memcpy(key.point, witness->public_key, sizeof witness->public_key);
	ENSURE(ecdsa_check(&key) == ERR_OK, ERR_CORRUPT);
	TRY(audit_witness_digest(domain, witness, digest));
	return ecdsa_verify(&key, view_of(digest, sizeof digest), view_of(witness->signature, sizeof witness->signature));
}

enum coffer_err audit_witness_fingerprint(const uint8_t public_key[static AUDIT_WITNESS_PUBLIC_LEN], uint8_t out[static DOMAIN_FINGERPRINT_LEN])
{
	uint8_t input[128], digest[HASH_SHA256_LEN];
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, "audit-token-key");
	writer_bytes(&w, view_of(public_key, AUDIT_WITNESS_PUBLIC_LEN));
	TRY(writer_done(&w));
	TRY(hash_sha256(writer_view(&w), digest));
	memcpy(out, digest, DOMAIN_FINGERPRINT_LEN);
	return ERR_OK;
}

void audit_witness_write(const struct audit_witness *witness, char out[static AUDIT_WITNESS_TEXT])
{
	char key[2 * AUDIT_WITNESS_PUBLIC_LEN + 1], link[2 * AUDIT_LINK_LEN + 1], digest[2 * AUDIT_DIGEST_LEN + 1], signature[2 * AUDIT_WITNESS_SIGNATURE_LEN + 1];
	text_hex(view_of(witness->public_key, sizeof witness->public_key), key);
	text_hex(view_of(witness->at.link, sizeof witness->at.link), link);
	text_hex(view_of(witness->at.digest, sizeof witness->at.digest), digest);
	text_hex(view_of(witness->signature, sizeof witness->signature), signature);
	(void)snprintf(out, AUDIT_WITNESS_TEXT, BEGIN "%" PRIu64 ", key ecdsa-p256 %s, time %" PRIu64 ", link %s, digest %s, signature %s", witness->at.seq, key,
		witness->time_ms, link, digest, signature);
}

bool audit_witness_is(const struct audit_event *event)
{
	size_t len = sizeof BEGIN - 1;
	return event->operation == 0 && event->status == 0 && view_equal_str(event->principal, NODE) && event->details.len > len &&
		memcmp(event->details.ptr, BEGIN, len) == 0;
}

/* ---- reading ---- */

struct scan {
	struct view left;
	bool bad;
};

static void skip(struct scan *s, const char *literal)
{
	size_t len = strlen(literal);
	s->bad = s->bad || s->left.len < len || memcmp(s->left.ptr, literal, len) != 0;
	if (!s->bad) s->left = view_of(s->left.ptr + len, s->left.len - len);
}

static void take_hex(struct scan *s, const char *before, uint8_t *out, size_t len)
{
	skip(s, before);
	s->bad = s->bad || s->left.len < 2 * len || text_unhex(view_of(s->left.ptr, 2 * len), out, len) != ERR_OK;
	if (!s->bad) s->left = view_of(s->left.ptr + 2 * len, s->left.len - 2 * len);
}

static void take_number(struct scan *s, const char *before, uint64_t *out)
{
	size_t digits = 0;
	skip(s, before);
	while (digits < s->left.len && digits < 20 && s->left.ptr[digits] >= '0' && s->left.ptr[digits] <= '9') digits++;
	s->bad = s->bad || text_parse_u64(view_of(s->left.ptr, digits), out) != ERR_OK;
	if (!s->bad) s->left = view_of(s->left.ptr + digits, s->left.len - digits);
}

enum coffer_err audit_witness_read(const struct audit_event *event, struct audit_witness *out)
{
	struct scan s = { .left = event->details };
	struct audit_witness w = { .time_ms = 0 };
	char again[AUDIT_WITNESS_TEXT];
	take_number(&s, BEGIN, &w.at.seq);
	take_hex(&s, ", key ecdsa-p256 ", w.public_key, sizeof w.public_key);
	take_number(&s, ", time ", &w.time_ms);
	take_hex(&s, ", link ", w.at.link, sizeof w.at.link);
	take_hex(&s, ", digest ", w.at.digest, sizeof w.at.digest);
	take_hex(&s, ", signature ", w.signature, sizeof w.signature);
	ENSURE(!s.bad && s.left.len == 0, ERR_CORRUPT);
	audit_witness_write(&w, again);
	ENSURE(view_equal_str(event->details, again), ERR_CORRUPT);
	*out = w;
	return ERR_OK;
}
