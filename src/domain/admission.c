/* Requests to join, as bytes. */
#include "domain/admission.h"

#include <stdio.h>
#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "keyring/label.h"

#define FORMAT 1u
#define EVIDENCE_MAX 2048u
#define GROUP 4u /* characters of a fingerprint between dashes */

static bool name_is_sound(struct view name)
{
	char shown[ADMISSION_NAME_MAX + 1];
	if (name.len < 1 || name.len > ADMISSION_NAME_MAX || !text_is_utf8(name)) return false;
	text_printable(name, shown, sizeof shown);
	return view_equal_str(name, shown);
}

/* ---- writing ---- */

static void write_evidence(struct writer *w, const struct admission_request *q)
{
	struct writer_mark length = writer_reserve_u32(w);
	if (q->evidence != ADMISSION_BY_FINGERPRINT) writer_u8(w, (uint8_t)q->evidence);
	if (q->evidence == ADMISSION_BY_ENROLMENT) {
		writer_bytes(w, view_of(q->enrolment_id, sizeof q->enrolment_id));
		writer_bytes(w, view_of(q->enrolment_mac, sizeof q->enrolment_mac));
	}
	if (q->evidence == ADMISSION_BY_ENDORSEMENT) {
		writer_view_u32(w, q->certificate);
		writer_view_u32(w, q->public_area);
	}
	writer_fill_len(w, length);
}

static enum coffer_err write_request(const struct admission_request *q, bool with_evidence, struct buf *out)
{
	struct writer w;
	uint8_t kind;
	struct view name = view_of(q->name, strnlen(q->name, sizeof q->name));
	TRY(kind_number(q->token_kind, &kind));
	ENSURE(name_is_sound(name), ERR_FIELD);
	ENSURE(q->certificate.len <= ADMISSION_CERTIFICATE_MAX && q->public_area.len <= ADMISSION_PUBLIC_AREA_MAX, ERR_FIELD);
	writer_init_buf(&w, out, ADMISSION_REQUEST_MAX);
	writer_u8(&w, FORMAT);
	writer_bytes(&w, view_of(q->domain_id, UUID_LEN));
	writer_bytes(&w, view_of(q->node_id, UUID_LEN));
	writer_view_u32(&w, name);
	writer_u8(&w, kind);
	writer_bytes(&w, view_of(q->transport_key, sizeof q->transport_key));
	writer_bytes(&w, view_of(q->nonce, sizeof q->nonce));
	writer_u64(&w, q->created_ms);
	if (with_evidence) write_evidence(&w, q);
	else writer_u32(&w, 0);
	return writer_done(&w);
}

enum coffer_err admission_request_write(const struct admission_request *request, struct buf *out)
{
	return write_request(request, true, out);
}

enum coffer_err admission_request_write_core(const struct admission_request *request, struct buf *out)
{
	return write_request(request, false, out);
}

/* ---- reading ---- */

static enum coffer_err read_evidence(struct view bytes, struct admission_request *q)
{
	struct reader r;
	uint8_t kind;
	q->evidence = ADMISSION_BY_FINGERPRINT;
	if (bytes.len == 0) return ERR_OK;
	reader_init(&r, bytes);
	TRY(reader_u8(&r, &kind));
	ENSURE(kind == ADMISSION_BY_ENROLMENT || kind == ADMISSION_BY_ENDORSEMENT, ERR_VERSION);
	q->evidence = (enum admission_evidence)kind;
	if (kind == ADMISSION_BY_ENROLMENT) {
		TRY(reader_bytes(&r, q->enrolment_id, sizeof q->enrolment_id));
		TRY(reader_bytes(&r, q->enrolment_mac, sizeof q->enrolment_mac));
	} else {
		TRY(reader_view_u32(&r, ADMISSION_CERTIFICATE_MAX, &q->certificate));
		TRY(reader_view_u32(&r, ADMISSION_PUBLIC_AREA_MAX, &q->public_area));
		ENSURE(q->certificate.len && q->public_area.len, ERR_CORRUPT);
	}
	return reader_end(&r);
}

static enum coffer_err read_request(struct view bytes, struct admission_request *q)
{
	struct reader r;
	struct view name, evidence;
	uint8_t format, kind;
	ENSURE(bytes.len <= ADMISSION_REQUEST_MAX, ERR_TOO_LARGE);
	reader_init(&r, bytes);
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_bytes(&r, q->domain_id, UUID_LEN));
	TRY(reader_bytes(&r, q->node_id, UUID_LEN));
	TRY(reader_view_u32(&r, ADMISSION_NAME_MAX, &name));
	ENSURE(name_is_sound(name), ERR_CORRUPT);
	memcpy(q->name, name.ptr, name.len);
	TRY(reader_u8(&r, &kind));
	TRY(kind_name(kind, q->token_kind));
	TRY(reader_bytes(&r, q->transport_key, sizeof q->transport_key));
	TRY(reader_bytes(&r, q->nonce, sizeof q->nonce));
	TRY(reader_u64(&r, &q->created_ms));
	TRY(reader_view_u32(&r, EVIDENCE_MAX, &evidence));
	TRY(read_evidence(evidence, q));
	return reader_end(&r);
}

enum coffer_err admission_request_read(struct view bytes, struct admission_request *out, struct reason *reason)
{
	struct admission_request q = { .created_ms = 0 };
	enum coffer_err err = read_request(bytes, &q);
	if (err == ERR_VERSION)
		return reason_fail(reason, err, "the request to join has a format that this version does not know; install the same Coffer on both nodes");
	if (err) return reason_fail(reason, ERR_CORRUPT, "the request to join is damaged; run 'coffer node join' on the new node again");
	err = hpke_public_check(q.transport_key);
	if (err == ERR_FIELD)
		return reason_fail(reason, err, "the transport key of the request is no point of P-256; the request was not made by Coffer, do not approve it");
	TRY(err);
	*out = q;
	return ERR_OK;
}

/* ---- fingerprint ---- */

enum coffer_err admission_digest(struct view request, uint8_t out[static ADMISSION_DIGEST_LEN])
{
	AUTO_BUF struct buf input = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &input, ADMISSION_REQUEST_MAX + 64u);
	label_write(&w, "admission-request");
	writer_view_u32(&w, request);
	TRY(writer_done(&w));
	return hash_sha256(buf_view(&input), out);
}

void admission_fingerprint_text(const uint8_t digest[static ADMISSION_DIGEST_LEN], char out[static DOMAIN_FINGERPRINT_TEXT])
{
	domain_fingerprint_format(digest, out);
}

enum coffer_err admission_fingerprint_parse(const char *text, uint8_t out[static DOMAIN_FINGERPRINT_LEN], struct reason *reason)
{
	char packed[DOMAIN_FINGERPRINT_TEXT];
	size_t n = 0, len = 0;
	for (const char *at = text; *at && n < sizeof packed; at++)
		if (*at != '-' && *at != ' ') packed[n++] = *at;
	if (n != 8 * GROUP || text_unbase32(view_of(packed, n), out, DOMAIN_FINGERPRINT_LEN, &len) != ERR_OK || len != DOMAIN_FINGERPRINT_LEN)
		return reason_fail(reason, ERR_INPUT, "this is no fingerprint: give all 8 groups of 4 letters and digits as the other node shows them");
	return ERR_OK;
}

/* ---- judging ---- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++) any |= bytes[i];
	return any == 0;
}

enum coffer_err admission_request_judge(const struct admission_request *request, const struct domain_id *domain, uint64_t now_ms, struct reason *reason)
{
	if (!view_equal(view_of(request->domain_id, UUID_LEN), view_of(domain->id, UUID_LEN)))
		return reason_fail(reason, ERR_CONTEXT, "the request is for another domain; run 'coffer node join' with this domain's fingerprint");
	if (is_zero(request->node_id, UUID_LEN)) return reason_fail(reason, ERR_FIELD, "the request has no node id; it was not made by Coffer, do not approve it");
	if (now_ms > request->created_ms && now_ms - request->created_ms > ADMISSION_AGE_MAX_MS)
		return reason_fail(reason, ERR_STATE, "the request is older than a day by the new node's clock; look at that clock, then run 'coffer node join' there again");
	if (request->created_ms > now_ms && request->created_ms - now_ms > ADMISSION_AGE_MAX_MS)
		return reason_fail(reason, ERR_STATE, "the request is from the future; look at the clocks of both nodes, then run 'coffer node join' on the new node again");
	return ERR_OK;
}
