/* The answer to a request to join: made by the master server, opened by the new node. */
#include "domain/answer.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "domain/answer_internal.h"
#include "keyring/label.h"

#define FORMAT 1u
#define INFO_MAX 256u

/* HPKE's info: this generation, for this request and no other. */
static enum coffer_err wrap_info(const struct admission_request *q, const uint8_t digest[static ADMISSION_DIGEST_LEN], uint32_t generation, struct writer *w)
{
	label_write(w, "admission-wrap");
	writer_bytes(w, view_of(q->domain_id, UUID_LEN));
	writer_bytes(w, view_of(q->node_id, UUID_LEN));
	writer_u32(w, generation);
	writer_bytes(w, view_of(q->nonce, sizeof q->nonce));
	writer_bytes(w, view_of(digest, ADMISSION_DIGEST_LEN));
	return writer_done(w);
}

/* T("admission-answer") || Q || LP(answer before the signature). */
static enum coffer_err signed_message(const uint8_t digest[static ADMISSION_DIGEST_LEN], struct view body, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out, ADMISSION_ANSWER_MAX + 128u);
	label_write(&w, "admission-answer");
	writer_bytes(&w, view_of(digest, ADMISSION_DIGEST_LEN));
	writer_view_u32(&w, body);
	return writer_done(&w);
}

enum coffer_err answer_fingerprint(struct view answer, uint8_t out[static DOMAIN_FINGERPRINT_LEN])
{
	AUTO_BUF struct buf input = BUF_EMPTY;
	struct writer w;
	uint8_t digest[32];
	writer_init_buf(&w, &input, ADMISSION_ANSWER_MAX + 64u);
	label_write(&w, "admission-answer-print");
	writer_view_u32(&w, answer);
	TRY(writer_done(&w));
	TRY(hash_sha256(buf_view(&input), digest));
	memcpy(out, digest, DOMAIN_FINGERPRINT_LEN);
	return ERR_OK;
}

/* ---- making ---- */

static enum coffer_err write_wraps(const struct answer_plan *plan, const struct admission_request *q, const uint8_t digest[static ADMISSION_DIGEST_LEN],
	struct writer *w)
{
	unsigned count = ring_count(plan->ring);
	writer_u16(w, (uint16_t)count);
	for (unsigned i = 0; i < count; i++) {
		struct answer_wrap wrap;
		uint8_t info[INFO_MAX];
		struct writer info_writer;
		writer_init(&info_writer, info, sizeof info);
		TRY(answer_wrap_name(plan->ring, plan->domain_seed, ring_generation_at(plan->ring, i), &wrap));
		TRY(wrap_info(q, digest, wrap.generation, &info_writer));
		TRY(answer_wrap_seal(plan->ring, q->transport_key, writer_view(&info_writer), &wrap));
		writer_u32(w, wrap.generation);
		writer_bytes(w, view_of(wrap.key_check, sizeof wrap.key_check));
		writer_bytes(w, view_of(wrap.signature, sizeof wrap.signature));
		writer_bytes(w, view_of(wrap.enc, sizeof wrap.enc));
		writer_bytes(w, view_of(wrap.ct, sizeof wrap.ct));
	}
	return writer_done(w);
}

static void write_floors(const struct answer_plan *plan, struct writer *w)
{
	writer_u64(w, plan->epoch);
	writer_u16(w, (uint16_t)plan->root_count);
	for (size_t i = 0; i < plan->root_count; i++) {
		writer_bytes(w, view_of(plan->roots[i].node_id, UUID_LEN));
		writer_u64(w, plan->roots[i].version);
	}
}

static enum coffer_err write_mac(const struct answer_plan *plan, const uint8_t digest[static ADMISSION_DIGEST_LEN], struct buf *out, size_t start)
{
	struct writer w;
	uint8_t mac[ADMISSION_MAC_LEN];
	struct view before = view_of(out->ptr + start, out->len - start);
	if (plan->enrolment_key) TRY(answer_mac(plan->enrolment_key, "enrolment-answer", view_of(digest, ADMISSION_DIGEST_LEN), before, mac));
	writer_init_buf(&w, out, ADMISSION_MAC_LEN + 4u);
	writer_view_u32(&w, plan->enrolment_key ? view_of(mac, sizeof mac) : view_of(NULL, 0));
	return writer_done(&w);
}

static enum coffer_err write_signature(const struct answer_plan *plan, const uint8_t digest[static ADMISSION_DIGEST_LEN], struct buf *out, size_t start)
{
	AUTO_BUF struct buf message = BUF_EMPTY;
	uint8_t signature[SIGN_SIGNATURE_LEN];
	TRY(signed_message(digest, view_of(out->ptr + start, out->len - start), &message));
	TRY(sign_ed25519(plan->domain_seed, buf_view(&message), signature));
	return buf_append(out, view_of(signature, sizeof signature));
}

static enum coffer_err write_answer(const struct answer_plan *plan, const struct admission_request *q, struct view request, struct buf *out)
{
	struct writer w;
	uint8_t digest[ADMISSION_DIGEST_LEN];
	size_t start = out->len;
	TRY(admission_digest(request, digest));
	writer_init_buf(&w, out, ADMISSION_ANSWER_MAX);
	writer_u8(&w, FORMAT);
	writer_bytes(&w, view_of(ring_domain(plan->ring)->public_key, DOMAIN_PUBLIC_LEN));
	TRY(write_wraps(plan, q, digest, &w));
	write_floors(plan, &w);
	TRY(writer_done(&w));
	TRY(write_mac(plan, digest, out, start));
	return write_signature(plan, digest, out, start);
}

enum coffer_err answer_make(const struct answer_plan *plan, struct view request, struct buf *out, struct reason *reason)
{
	struct admission_request q;
	size_t start = out->len;
	TRY(admission_request_read(request, &q, reason));
	PRE(ring_count(plan->ring) >= 1 && (q.evidence == ADMISSION_BY_ENROLMENT) == (plan->enrolment_key != NULL));
	if (ring_count(plan->ring) > ANSWER_GENERATIONS_MAX)
		return reason_fail(reason, ERR_LIMIT, "more than %u data keys are in use; wait until 'coffer status' says that the re-seal is done", ANSWER_GENERATIONS_MAX);
	if (plan->root_count > ANSWER_ROOTS_MAX) return reason_fail(reason, ERR_LIMIT, "a domain has at most %u nodes; remove one first", ANSWER_ROOTS_MAX);
	enum coffer_err err = write_answer(plan, &q, request, out);
	if (err) out->len = start;
	return err;
}

/* ---- opening ---- */

struct parsed {
	uint8_t public_key[DOMAIN_PUBLIC_LEN];
	size_t count;
	struct answer_wrap wraps[ANSWER_GENERATIONS_MAX];
	struct view before_mac, mac, before_signature;
	uint8_t signature[SIGN_SIGNATURE_LEN];
};

static enum coffer_err read_wraps(struct reader *r, struct parsed *p)
{
	uint16_t count;
	uint32_t last = 0;
	TRY(reader_u16(r, &count));
	ENSURE(count >= 1 && count <= ANSWER_GENERATIONS_MAX, ERR_CORRUPT);
	p->count = count;
	for (size_t i = 0; i < count; i++) {
		struct answer_wrap *wrap = &p->wraps[i];
		TRY(reader_u32(r, &wrap->generation));
		ENSURE(wrap->generation > last, ERR_CORRUPT);
		last = wrap->generation;
		TRY(reader_bytes(r, wrap->key_check, sizeof wrap->key_check));
		TRY(reader_bytes(r, wrap->signature, sizeof wrap->signature));
		TRY(reader_bytes(r, wrap->enc, sizeof wrap->enc));
		TRY(reader_bytes(r, wrap->ct, sizeof wrap->ct));
	}
	return ERR_OK;
}

static enum coffer_err read_floors(struct reader *r, struct answer_opened *out)
{
	uint16_t count;
	TRY(reader_u64(r, &out->epoch));
	TRY(reader_u16(r, &count));
	ENSURE(count <= ANSWER_ROOTS_MAX, ERR_CORRUPT);
	out->root_count = count;
	for (size_t i = 0; i < count; i++) {
		TRY(reader_bytes(r, out->roots[i].node_id, UUID_LEN));
		TRY(reader_u64(r, &out->roots[i].version));
		ENSURE(i == 0 || memcmp(out->roots[i - 1].node_id, out->roots[i].node_id, UUID_LEN) < 0, ERR_CORRUPT);
	}
	return ERR_OK;
}

static enum coffer_err parse(struct view answer, struct parsed *p, struct answer_opened *out)
{
	struct reader r;
	uint8_t format;
	ENSURE(answer.len <= ADMISSION_ANSWER_MAX, ERR_TOO_LARGE);
	reader_init(&r, answer);
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_bytes(&r, p->public_key, sizeof p->public_key));
	TRY(read_wraps(&r, p));
	TRY(read_floors(&r, out));
	p->before_mac = view_of(answer.ptr, answer.len - reader_left(&r));
	TRY(reader_view_u32(&r, ADMISSION_MAC_LEN, &p->mac));
	ENSURE(p->mac.len == 0 || p->mac.len == ADMISSION_MAC_LEN, ERR_CORRUPT);
	p->before_signature = view_of(answer.ptr, answer.len - reader_left(&r));
	TRY(reader_bytes(&r, p->signature, sizeof p->signature));
	return reader_end(&r);
}

/* Whether the answer knows the enrolment token that the request was made with. */
static enum coffer_err check_mac(const struct parsed *p, const struct secret *enrolment_key, const uint8_t digest[static ADMISSION_DIGEST_LEN],
	struct reason *reason)
{
	uint8_t mac[ADMISSION_MAC_LEN] = { 0 };
	if (!enrolment_key) return p->mac.len == 0 ? ERR_OK : reason_fail(reason, ERR_CORRUPT, "the answer speaks of an enrolment token that this node did not use");
	TRY(answer_mac(enrolment_key, "enrolment-answer", view_of(digest, ADMISSION_DIGEST_LEN), p->before_mac, mac));
	if (p->mac.len == ADMISSION_MAC_LEN && ct_equal(mac, p->mac.ptr, sizeof mac)) return ERR_OK;
	return reason_fail(reason, ERR_CONTEXT, "the answer does not show that it knows the enrolment token: it does not come from the master server; tell an administrator");
}

static enum coffer_err check_answer(const struct domain_id *domain, const struct parsed *p, const struct secret *enrolment_key,
	const uint8_t digest[static ADMISSION_DIGEST_LEN], struct reason *reason)
{
	AUTO_BUF struct buf message = BUF_EMPTY;
	if (!view_equal(view_of(p->public_key, DOMAIN_PUBLIC_LEN), view_of(domain->public_key, DOMAIN_PUBLIC_LEN)))
		return reason_fail(reason, ERR_CONTEXT, "the answer names another domain than the one whose fingerprint was given; tell an administrator");
	TRY(signed_message(digest, p->before_signature, &message));
	enum coffer_err err = sign_verify(domain->public_key, buf_view(&message), p->signature);
	if (err == ERR_CORRUPT)
		return reason_fail(reason, ERR_CONTEXT, "the answer is not one that the domain signed for this request; run 'coffer node join' again and have it approved again");
	TRY(err);
	return check_mac(p, enrolment_key, digest, reason);
}

static enum coffer_err open_wraps(struct ring *ring, const struct admission_request *q, const uint8_t digest[static ADMISSION_DIGEST_LEN],
	const struct answer_key *key, const struct parsed *p, struct reason *reason)
{
	for (size_t i = 0; i < p->count; i++) {
		AUTO_SECRET struct secret *opened = NULL;
		uint8_t info[INFO_MAX];
		struct writer w;
		writer_init(&w, info, sizeof info);
		TRY(wrap_info(q, digest, p->wraps[i].generation, &w));
		TRY(answer_wrap_open(ring_domain(ring), key, writer_view(&w), &p->wraps[i], &opened, reason));
		TRY(ring_add(ring, p->wraps[i].generation, &opened));
	}
	return ERR_OK;
}

static void take_opened(const struct parsed *p, struct answer_opened *out)
{
	out->generation_count = p->count;
	for (size_t i = 0; i < p->count; i++) {
		out->generations[i].generation = p->wraps[i].generation;
		memcpy(out->generations[i].signature, p->wraps[i].signature, DOMAIN_SIGNATURE_LEN);
	}
}

enum coffer_err answer_open(struct ring *ring, struct view request, const struct secret *enrolment_key, const struct answer_key *key, struct view answer,
	struct answer_opened *out, struct reason *reason)
{
	struct admission_request q;
	struct answer_opened opened = { .epoch = 0 };
	struct parsed p = { .count = 0 };
	uint8_t digest[ADMISSION_DIGEST_LEN];
	PRE(ring_count(ring) == 0);
	TRY(admission_request_read(request, &q, reason));
	TRY(admission_digest(request, digest));
	enum coffer_err err = parse(answer, &p, &opened);
	if (err == ERR_VERSION)
		return reason_fail(reason, err, "the answer has a format that this version does not know; install the same Coffer on both nodes");
	if (err) return reason_fail(reason, ERR_CORRUPT, "the answer is damaged; have the request approved again");
	TRY(check_answer(ring_domain(ring), &p, enrolment_key, digest, reason));
	err = open_wraps(ring, &q, digest, key, &p, reason);
	if (err) {
		for (size_t i = 0; i < p.count; i++) ring_remove(ring, p.wraps[i].generation);
		return err;
	}
	take_opened(&p, &opened);
	*out = opened;
	return ERR_OK;
}
