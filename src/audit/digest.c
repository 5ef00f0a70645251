/* Digests, and what checkpoints and gaps sign. */
#include "audit/digest.h"

#include <string.h>

#include "crypto/hash.h"
#include "crypto/sign.h"
#include "keyring/label.h"

enum coffer_err audit_genesis(const struct domain_id *domain, uint8_t out[static AUDIT_LINK_LEN])
{
	uint8_t input[128];
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, "audit-genesis");
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_bytes(&w, view_of(domain->public_key, DOMAIN_PUBLIC_LEN));
	TRY(writer_done(&w));
	return hash_sha256(writer_view(&w), out);
}

enum coffer_err audit_digest_base(const struct domain_id *domain, uint64_t seq, const uint8_t link[static AUDIT_LINK_LEN],
	uint8_t out[static AUDIT_DIGEST_LEN])
{
	uint8_t input[128];
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, "audit-base");
	writer_bytes(&w, view_of(domain->id, UUID_LEN));
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_u64(&w, seq);
	writer_bytes(&w, view_of(link, AUDIT_LINK_LEN));
	TRY(writer_done(&w));
	return hash_sha256(writer_view(&w), out);
}

enum coffer_err audit_place_begin(const struct domain_id *domain, struct audit_place *out)
{
	struct audit_place place = { .seq = 0 };
	TRY(audit_genesis(domain, place.link));
	TRY(audit_digest_base(domain, 0, place.link, place.digest));
	*out = place;
	return ERR_OK;
}

enum coffer_err audit_digest_next(const uint8_t previous[static AUDIT_DIGEST_LEN], uint32_t generation, const uint8_t link[static AUDIT_LINK_LEN],
	struct view row, uint8_t out[static AUDIT_DIGEST_LEN])
{
	uint8_t head[128];
	struct writer w;
	writer_init(&w, head, sizeof head);
	label_write(&w, "audit-digest");
	writer_bytes(&w, view_of(previous, AUDIT_DIGEST_LEN));
	writer_u32(&w, generation);
	writer_bytes(&w, view_of(link, AUDIT_LINK_LEN));
	writer_u32(&w, (uint32_t)row.len);
	TRY(writer_done(&w));
	const struct view parts[] = { writer_view(&w), row };
	return hash_parts(HASH_SHA256, parts, 2, out);
}

void audit_checkpoint_message(const struct domain_id *domain, const struct audit_checkpoint *checkpoint, struct writer *w)
{
	label_write(w, "audit-checkpoint");
	writer_bytes(w, view_of(domain->id, UUID_LEN));
	writer_bytes(w, view_of(domain->node_id, UUID_LEN));
	writer_u64(w, checkpoint->at.seq);
	writer_bytes(w, view_of(checkpoint->at.link, AUDIT_LINK_LEN));
	writer_bytes(w, view_of(checkpoint->at.digest, AUDIT_DIGEST_LEN));
	writer_u64(w, checkpoint->time_ms);
}

void audit_gap_message(const struct domain_id *domain, const struct audit_gap *gap, struct writer *w)
{
	label_write(w, "audit-gap");
	writer_bytes(w, view_of(domain->id, UUID_LEN));
	writer_bytes(w, view_of(domain->node_id, UUID_LEN));
	writer_u64(w, gap->from);
	writer_u64(w, gap->to.seq);
	writer_bytes(w, view_of(gap->before, AUDIT_DIGEST_LEN));
	writer_bytes(w, view_of(gap->to.link, AUDIT_LINK_LEN));
	writer_bytes(w, view_of(gap->to.digest, AUDIT_DIGEST_LEN));
	writer_u64(w, gap->time_ms);
	writer_view_u32(w, gap->why);
}

enum coffer_err audit_checkpoint_verify(const struct domain_id *domain, const struct audit_checkpoint *checkpoint)
{
	uint8_t message[AUDIT_SIGNED_MAX];
	struct writer w;
	writer_init(&w, message, sizeof message);
	audit_checkpoint_message(domain, checkpoint, &w);
	TRY(writer_done(&w));
	return sign_verify(domain->public_key, writer_view(&w), checkpoint->signature);
}

enum coffer_err audit_gap_verify(const struct domain_id *domain, const struct audit_gap *gap)
{
	uint8_t message[AUDIT_SIGNED_MAX];
	struct writer w;
	ENSURE(gap->why.len <= AUDIT_WHY_MAX, ERR_CORRUPT);
	writer_init(&w, message, sizeof message);
	audit_gap_message(domain, gap, &w);
	TRY(writer_done(&w));
	return sign_verify(domain->public_key, writer_view(&w), gap->signature);
}
