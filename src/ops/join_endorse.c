/* A node that joins by its TPM's endorsement certificate. */
#include <string.h>

#include "crypto/hash.h"
#include "domain/waiting.h"
#include "ops/join.h"
#include "token/proxy_endorse.h"

_Static_assert(TOKEN_ENDORSE_CERTIFICATE_MAX == ADMISSION_CERTIFICATE_MAX && TOKEN_ENDORSE_AREA_MAX == ADMISSION_PUBLIC_AREA_MAX && TOKEN_ENDORSE_SECRET_LEN == CREDENTIAL_SECRET_LEN,
	"as the request has them");

static enum coffer_err wish_of(const struct join *j, struct token_endorse_wish *out)
{
	*out = (struct token_endorse_wish){ .ref = { .len = j->kept.reference.len } };
	ENSURE(j->kept.reference.len >= 1 && j->kept.reference.len <= sizeof out->ref.data, ERR_CORRUPT);
	memcpy(out->ref.data, j->kept.reference.ptr, out->ref.len);
	return ERR_OK;
}

static enum coffer_err gone(struct reason *reason)
{
	return reason_fail(reason, ERR_TOKEN_OTHER, "the token has no transport key of this join any more; add --anew to forget what was begun");
}

enum coffer_err join_endorse(struct join *j, struct token_endorse_answer *out, struct admission_request *q, struct reason *reason)
{
	struct token_endorse_wish wish;
	TRY(wish_of(j, &wish));
	TRY(token_proxy_endorse(j->proxy, &wish, out, reason));
	if (!out->there) return gone(reason);
	q->evidence = ADMISSION_BY_ENDORSEMENT;
	q->certificate = view_of(out->certificate, out->certificate_len);
	q->public_area = view_of(out->area, out->area_len);
	return ERR_OK;
}

/* ---- the challenge ---- */

static enum coffer_err activate(struct join *j, struct view challenge, struct secret **out, struct reason *reason)
{
	struct token_endorse_wish wish;
	struct token_endorse_answer answer = { .there = false };
	struct endorsement_asked asked;
	AUTO_SECRET struct secret *auth = NULL;
	TRY(wish_of(j, &wish));
	if (endorsement_challenge_read(challenge, &asked) != ERR_OK)
		return reason_fail(reason, ERR_CORRUPT, "the challenge to this node's TPM is damaged; add --anew to ask once more");
	TRY(join_unwrap_auth(j, &auth, reason));
	wish.blob = asked.blob;
	wish.seed = asked.seed;
	wish.auth = secret_view(auth);
	TRY(token_proxy_activate(j->proxy, &wish, &answer, reason));
	if (!answer.there) return gone(reason);
	*out = answer.secret;
	return ERR_OK;
}

struct proving {
	const struct join *j;
	struct view challenge, proof;
};

/* A row that is another one by now is looked at by the next call. */
static enum coffer_err put_proof(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct proving *p = arg;
	const uint8_t *id = p->j->kept.domain.node_id;
	struct admission_row row;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	AUTO_BUF struct buf proven = BUF_EMPTY;
	(void)engine;
	(void)reason;
	TRY(waiting_get(txn_store(txn), id, &bytes));
	TRY(admission_row_read(buf_view(&bytes), &row, NULL));
	if (!view_equal(row.request, buf_view(&p->j->kept.request)) || !view_equal(row.challenge, p->challenge)) return ERR_OK;
	row.proof = p->proof;
	TRY(admission_row_write(&row, &proven));
	return waiting_put(txn_store(txn), id, buf_view(&proven));
}

enum coffer_err join_prove(struct engine *engine, struct join *j, struct view challenge, struct reason *reason)
{
	uint8_t digest[ADMISSION_DIGEST_LEN], proof[ADMISSION_PROOF_LEN] = { 0 };
	struct proving p = { .j = j, .challenge = challenge, .proof = view_of(proof, sizeof proof) };
	AUTO_SECRET struct secret *secret = NULL;
	TRY(activate(j, challenge, &secret, reason));
	TRY(admission_digest(buf_view(&j->kept.request), digest));
	TRY(endorsement_proof(secret, digest, proof));
	enum coffer_err err = engine->on_store(engine, put_proof, &p, reason);
	return err ? reason_default(reason, err, "the proof of this node's TPM cannot be written: %s", err_text(err)) : ERR_OK;
}
