/* Challenges and proofs of TPMs. */
#include "domain/endorsement.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "keyring/label.h"

#define FIELD 32u /* bytes of a coordinate */
#define BLOB_MAX 128u

_Static_assert(CERTIFICATE_MAX == ADMISSION_CERTIFICATE_MAX && ADMISSION_PROOF_LEN == MAC_LEN, "as the request has them");

/* ---- public areas ---- */

/* TPMT_PUBLIC of a transport key up to its point: an ECC key, Name by SHA-256; fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, decrypt and nothing else (so neither restricted nor
 * signing); no policy; no cipher, ECDH with SHA-256, P-256, no KDF. Then LP16 X | LP16 Y. */
static const uint8_t area_head[] = {
	0x00, 0x23, 0x00, 0x0B, 0x00, 0x02, 0x04, 0x72, 0x00, 0x00, 0x00, 0x10, 0x00, 0x19, 0x00, 0x0B, 0x00, 0x03, 0x00, 0x10,
};

/* A number, which may lack its leading zeros, is the coordinate. */
static enum coffer_err check_coordinate(struct reader *r, const uint8_t *wanted)
{
	struct view n;
	uint8_t whole[FIELD] = { 0 };
	TRY(reader_view_u16(r, FIELD, &n));
	ENSURE(n.len > 0, ERR_FIELD);
	memcpy(whole + FIELD - n.len, n.ptr, n.len);
	return memcmp(whole, wanted, FIELD) == 0 ? ERR_OK : ERR_FIELD;
}

static enum coffer_err check_area(struct view area, const uint8_t *point)
{
	struct reader r;
	struct view head;
	reader_init(&r, area);
	TRY(reader_view(&r, sizeof area_head, &head));
	ENSURE(view_equal(head, view_of(area_head, sizeof area_head)), ERR_FIELD);
	TRY(check_coordinate(&r, point + 1));
	TRY(check_coordinate(&r, point + 1 + FIELD));
	return reader_end(&r);
}

enum coffer_err endorsement_area(struct view area, const uint8_t point[static HPKE_PUBLIC_LEN], uint8_t out_name[static CREDENTIAL_NAME_LEN])
{
	ENSURE(check_area(area, point) == ERR_OK, ERR_FIELD);
	memcpy(out_name, area_head + 2, 2); /* nameAlg */
	return hash_sha256(area, out_name + 2);
}

/* ---- secrets ---- */

/* HMAC over T(label) || Q. */
static enum coffer_err mac_of(const struct secret *key, const char *label, const uint8_t *digest, uint8_t *out)
{
	uint8_t input[128];
	struct writer w;
	writer_init(&w, input, sizeof input);
	label_write(&w, label);
	writer_bytes(&w, view_of(digest, ADMISSION_DIGEST_LEN));
	TRY(writer_done(&w));
	const struct view part = writer_view(&w);
	return mac_hmac_sha256(secret_view(key), &part, 1, out);
}

/* What the challenge of one request hides: any master server with the generation makes the same. */
static enum coffer_err secret_of(struct ring *ring, uint32_t generation, const uint8_t *digest, struct secret **out)
{
	const struct secret *key;
	AUTO_SECRET struct secret *secret = secret_new(CREDENTIAL_SECRET_LEN);
	ENSURE(secret, ERR_MEMORY);
	TRY(ring_subkey(ring, generation, SUBKEY_NODE_RECORD, &key));
	TRY(mac_of(key, "endorsement-secret", digest, secret_mut(secret)));
	*out = TAKE(secret);
	return ERR_OK;
}

enum coffer_err endorsement_proof(const struct secret *secret, const uint8_t digest[static ADMISSION_DIGEST_LEN], uint8_t out[static ADMISSION_PROOF_LEN])
{
	return mac_of(secret, "endorsement", digest, out);
}

/* ---- judged ---- */

enum coffer_err endorsement_check(struct store *store, struct ring *ring, const struct admission_request *request, struct endorsement *out, struct reason *reason)
{
	uint8_t digest[ENDORSEMENT_DIGEST_LEN], name[CREDENTIAL_NAME_LEN];
	char node[UUID_TEXT_LEN + 1];
	struct endorsement e;
	TRY(hash_sha256(request->certificate, digest));
	enum coffer_err err = endorsement_get(store, ring, digest, &e);
	if (err == ERR_NOT_FOUND)
		return reason_fail(reason, err, "the endorsement certificate of its TPM is not listed; list it with 'coffer node trust-ek', or join without --endorsement");
	if (err) return reason_fail(reason, err, "the record of the endorsement certificate does not open; look at 'coffer status'");
	text_uuid(e.used_by, node);
	if (e.used && memcmp(e.used_by, request->node_id, UUID_LEN) != 0)
		return reason_fail(reason, ERR_STATE, "the endorsement certificate '%s' admitted node %s; to admit another one by it, run 'coffer node untrust-ek' and list it again", e.name, node);
	if (strcmp(request->token_kind, "tpm2") != 0 || endorsement_area(request->public_area, request->transport_key, name) != ERR_OK)
		return reason_fail(reason, ERR_FIELD, "the public area in the request is not that of a transport key which stays in its TPM; the request was not made by Coffer");
	*out = e;
	return ERR_OK;
}

enum coffer_err endorsement_challenge(struct ring *ring, const struct admission_request *request, const uint8_t digest[static ADMISSION_DIGEST_LEN], struct buf *out,
	struct reason *reason)
{
	struct credential made;
	struct writer w;
	uint8_t name[CREDENTIAL_NAME_LEN];
	AUTO_SECRET struct secret *secret = NULL;
	TRY(endorsement_area(request->public_area, request->transport_key, name));
	TRY(secret_of(ring, ring_newest(ring), digest, &secret));
	enum coffer_err err = credential_make(request->certificate, name, secret, &made);
	if (err == ERR_CORRUPT) return reason_fail(reason, err, "what is listed and sent as an endorsement certificate is none");
	if (err == ERR_UNSUPPORTED) return reason_fail(reason, err, "the key of the endorsement certificate is neither P-256 nor RSA with 2048 bits; join without --endorsement");
	TRY(err);
	writer_init_buf(&w, out, ADMISSION_CHALLENGE_MAX);
	writer_u32(&w, ring_newest(ring));
	writer_view_u32(&w, view_of(made.blob, sizeof made.blob));
	writer_view_u32(&w, view_of(made.seed, made.seed_len));
	return writer_done(&w);
}

enum coffer_err endorsement_check_proof(struct ring *ring, const uint8_t digest[static ADMISSION_DIGEST_LEN], struct view challenge, struct view proof, bool *out_stale,
	struct reason *reason)
{
	uint8_t wanted[ADMISSION_PROOF_LEN];
	struct endorsement_asked asked = { .generation = 0 };
	AUTO_SECRET struct secret *secret = NULL;
	*out_stale = false;
	TRY(secret_of(ring, ring_newest(ring), digest, &secret));
	TRY(endorsement_proof(secret, digest, wanted));
	if (proof.len == sizeof wanted && ct_equal(wanted, proof.ptr, sizeof wanted)) return ERR_OK;
	*out_stale = endorsement_challenge_read(challenge, &asked) == ERR_OK && asked.generation != ring_newest(ring);
	if (*out_stale) return ERR_OK;
	return reason_fail(reason, ERR_CONTEXT, "the request does not show that its transport key is in the TPM of the endorsement certificate; it is not taken: tell an administrator");
}

/* ---- the new node ---- */

enum coffer_err endorsement_challenge_read(struct view challenge, struct endorsement_asked *out)
{
	struct reader r;
	struct endorsement_asked asked;
	reader_init(&r, challenge);
	ENSURE(reader_u32(&r, &asked.generation) == ERR_OK && reader_view_u32(&r, BLOB_MAX, &asked.blob) == ERR_OK, ERR_CORRUPT);
	ENSURE(reader_view_u32(&r, CREDENTIAL_SEED_MAX, &asked.seed) == ERR_OK && reader_end(&r) == ERR_OK, ERR_CORRUPT);
	ENSURE(asked.blob.len && asked.seed.len, ERR_CORRUPT);
	*out = asked;
	return ERR_OK;
}
