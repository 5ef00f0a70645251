/* Enrolment tokens: text, proofs, and whom they admit. */
#include "domain/enrolment.h"

#include <inttypes.h>
#include <string.h>

#include "base/ct.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "crypto/rng.h"
#include "keyring/label.h"

#define CHECK_LEN 3u
#define CHARACTERS 56u /* base32 of token and check */
#define GROUP 4u

/* SHA-256(T(label) || token), in the arena while it lasts. */
static enum coffer_err derive(const struct secret *token, const char *label, struct secret **out)
{
	AUTO_BUF struct buf input = BUF_EMPTY;
	struct writer w;
	AUTO_SECRET struct secret *digest = secret_new(HASH_SHA256_LEN);
	ENSURE(digest, ERR_MEMORY);
	ENSURE(secret_len(token) == ENROLMENT_TOKEN_LEN, ERR_FIELD);
	writer_init_buf(&w, &input, 128);
	label_write(&w, label);
	writer_bytes(&w, secret_view(token));
	TRY(writer_done(&w));
	TRY(hash_sha256(buf_view(&input), secret_mut(digest)));
	*out = TAKE(digest);
	return ERR_OK;
}

enum coffer_err enrolment_token_new(struct secret **out)
{
	AUTO_SECRET struct secret *token = secret_new(ENROLMENT_TOKEN_LEN);
	ENSURE(token, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(token), ENROLMENT_TOKEN_LEN));
	*out = TAKE(token);
	return ERR_OK;
}

enum coffer_err enrolment_id(const struct secret *token, uint8_t out[static ADMISSION_ENROLMENT_ID_LEN])
{
	AUTO_SECRET struct secret *digest = NULL;
	TRY(derive(token, "enrolment-id", &digest));
	memcpy(out, secret_bytes(digest), ADMISSION_ENROLMENT_ID_LEN);
	return ERR_OK;
}

enum coffer_err enrolment_key(const struct secret *token, struct secret **out)
{
	return derive(token, "enrolment-key", out);
}

/* ---- text ---- */

/* Token and check, as they are written. */
static enum coffer_err with_check(const struct secret *token, struct secret **out)
{
	AUTO_SECRET struct secret *check = NULL;
	AUTO_SECRET struct secret *both = secret_new(ENROLMENT_TOKEN_LEN + CHECK_LEN);
	ENSURE(both, ERR_MEMORY);
	TRY(derive(token, "enrolment-check", &check));
	memcpy(secret_mut(both), secret_bytes(token), ENROLMENT_TOKEN_LEN);
	memcpy(secret_mut(both) + ENROLMENT_TOKEN_LEN, secret_bytes(check), CHECK_LEN);
	*out = TAKE(both);
	return ERR_OK;
}

enum coffer_err enrolment_token_text(const struct secret *token, struct secret **out_text)
{
	AUTO_SECRET struct secret *both = NULL;
	AUTO_SECRET struct secret *packed = secret_new(CHARACTERS + 1);
	AUTO_SECRET struct secret *text = secret_new(ENROLMENT_TEXT_LEN);
	ENSURE(packed && text, ERR_MEMORY);
	TRY(with_check(token, &both));
	text_base32(secret_view(both), (char *)secret_mut(packed));
	uint8_t *at = secret_mut(text);
	for (size_t i = 0; i < CHARACTERS; i++) {
		if (i > 0 && i % GROUP == 0) *at++ = '-';
		*at++ = secret_bytes(packed)[i];
	}
	*at = '\0';
	*out_text = TAKE(text);
	return ERR_OK;
}

enum coffer_err enrolment_token_parse(struct view text, struct secret **out, struct reason *reason)
{
	AUTO_SECRET struct secret *packed = secret_new(CHARACTERS), *both = secret_new(ENROLMENT_TOKEN_LEN + CHECK_LEN), *again = NULL;
	ENSURE(packed && both, ERR_MEMORY);
	size_t n = 0, len = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '-' || text.ptr[i] == ' ' || text.ptr[i] == '\n') continue;
		if (n < CHARACTERS) secret_mut(packed)[n] = text.ptr[i];
		n++;
	}
	if (n != CHARACTERS || text_unbase32(secret_view(packed), secret_mut(both), secret_len(both), &len) != ERR_OK || len != secret_len(both))
		return reason_fail(reason, ERR_INPUT, "this is no enrolment token: it has 14 groups of 4 letters and digits");
	AUTO_SECRET struct secret *token = secret_copy(secret_bytes(both), ENROLMENT_TOKEN_LEN);
	ENSURE(token, ERR_MEMORY);
	TRY(with_check(token, &again));
	if (!secret_equal(both, again)) return reason_fail(reason, ERR_INPUT, "the enrolment token is mistyped; give it again");
	*out = TAKE(token);
	return ERR_OK;
}

/* ---- proof ---- */

static enum coffer_err proof_of(const struct secret *key, const struct admission_request *request, uint8_t out[static ADMISSION_MAC_LEN])
{
	AUTO_BUF struct buf core = BUF_EMPTY;
	AUTO_BUF struct buf input = BUF_EMPTY;
	struct writer w;
	TRY(admission_request_write_core(request, &core));
	writer_init_buf(&w, &input, ADMISSION_REQUEST_MAX + 64u);
	label_write(&w, "enrolment");
	writer_view_u32(&w, buf_view(&core));
	TRY(writer_done(&w));
	const struct view part = buf_view(&input);
	return mac_hmac_sha256(secret_view(key), &part, 1, out);
}

enum coffer_err enrolment_prove_again(const struct secret *key, const uint8_t id[static ADMISSION_ENROLMENT_ID_LEN], struct admission_request *request)
{
	ENSURE(secret_len(key) == ENROLMENT_KEY_LEN, ERR_FIELD);
	memcpy(request->enrolment_id, id, ADMISSION_ENROLMENT_ID_LEN);
	TRY(proof_of(key, request, request->enrolment_mac));
	request->evidence = ADMISSION_BY_ENROLMENT;
	return ERR_OK;
}

enum coffer_err enrolment_prove(const struct secret *token, struct admission_request *request)
{
	uint8_t id[ADMISSION_ENROLMENT_ID_LEN];
	AUTO_SECRET struct secret *key = NULL;
	TRY(enrolment_key(token, &key));
	TRY(enrolment_id(token, id));
	return enrolment_prove_again(key, id, request);
}

/* ---- judging ---- */

bool enrolment_is_used_by(const struct enrolment *e, const uint8_t node_id[static UUID_LEN])
{
	for (unsigned i = 0; i < e->used_count; i++)
		if (memcmp(e->used_by[i], node_id, UUID_LEN) == 0) return true;
	return false;
}

enum coffer_err enrolment_use(struct enrolment *e, const uint8_t node_id[static UUID_LEN])
{
	if (enrolment_is_used_by(e, node_id)) return ERR_OK;
	ENSURE(e->used_count < e->uses && e->used_count < ENROLMENT_USES_MAX, ERR_LIMIT);
	memcpy(e->used_by[e->used_count++], node_id, UUID_LEN);
	return ERR_OK;
}

/* Who took it is said before that it is over: whose node that is not has to know. */
static enum coffer_err check_uses(const struct enrolment *e, const uint8_t *node_id, struct reason *reason)
{
	char last[UUID_TEXT_LEN + 1];
	if (e->used_count < e->uses || enrolment_is_used_by(e, node_id)) return ERR_OK;
	text_uuid(e->used_by[e->used_count - 1], last);
	if (e->uses == 1)
		return reason_fail(reason, ERR_STATE, "the enrolment token was used by node %s; if that is none of yours, run 'coffer node remove' with it", last);
	return reason_fail(reason, ERR_STATE, "the enrolment token was used up by %u nodes, the last one %s; see 'coffer node enrolments'", e->uses, last);
}

enum coffer_err enrolment_check(const struct enrolment *e, const struct admission_request *request, uint64_t now_ms, struct reason *reason)
{
	uint8_t mac[ADMISSION_MAC_LEN];
	TRY(proof_of(e->key, request, mac));
	if (request->evidence != ADMISSION_BY_ENROLMENT || !ct_equal(mac, request->enrolment_mac, sizeof mac))
		return reason_fail(reason, ERR_CONTEXT, "the request does not show that its node has the enrolment token; it is not taken: tell an administrator");
	if (e->revoked_ms) return reason_fail(reason, ERR_STATE, "the enrolment token was revoked; ask an administrator for another one");
	TRY(check_uses(e, request->node_id, reason));
	if (now_ms < e->made_ms)
		return reason_fail(reason, ERR_BUSY, "by this node's clock the enrolment token is made in %" PRIu64 " s only; it is taken then: set the clock of this node, or of the one that made it", (e->made_ms - now_ms + 999) / 1000);
	if (now_ms >= e->ends_ms)
		return reason_fail(reason, ERR_STATE, "the enrolment token is over; make another one with 'coffer node enrol'");
	return ERR_OK;
}
