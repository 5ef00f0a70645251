/* Making the transport key, and its Diffie-Hellman. */
#include "tpm/transport.h"

#include <string.h>

#include "base/ct.h"
#include "crypto/p256.h"
#include "tpm/child.h"
#include "tpm/session.h"
#include "tpm/tpm_err.h"

_Static_assert(TOKEN_TRANSPORT_POINT_LEN == TPM_CHILD_POINT_LEN && TOKEN_TRANSPORT_POINT_LEN == P256_PUBLIC_LEN, "P-256");
_Static_assert(TOKEN_TRANSPORT_REF_MAX == TPM_CHILD_REF_MAX && TOKEN_TRANSPORT_AUTH_LEN == TPM_CHILD_AUTH_LEN, "as children have it");

static enum coffer_err make(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason)
{
	TRY(tpm_child_make(dev, key, session, TPM_CHILD_DERIVE, wish->auth, out->public_key, out->ref.data, &out->ref.len, reason));
	out->there = true;
	return ERR_OK;
}

/* Moves X into a secret and wipes the TSS's copy. */
static enum coffer_err take_shared(TPM2B_ECC_POINT *shared, struct secret **out, struct reason *reason)
{
	enum coffer_err err = ERR_OK;
	struct secret *x = secret_new(TOKEN_TRANSPORT_SHARED_LEN);
	if (!x) err = ERR_MEMORY;
	else if (tpm_child_number(&shared->point.x, secret_mut(x)) != ERR_OK)
		err = reason_fail(reason, ERR_TOKEN, "TPM2_ECDH_ZGen: the TPM gives something else than a point of P-256");
	wipe(shared, sizeof *shared);
	Esys_Free(shared);
	if (!err) *out = TAKE(x);
	secret_free(x);
	return err;
}

static enum coffer_err zgen(struct tpm_device *dev, ESYS_TR object, ESYS_TR session, const uint8_t *peer, struct secret **out, struct reason *reason)
{
	TPM2B_ECC_POINT in = { .point = { .x = { .size = TPM_CHILD_FIELD }, .y = { .size = TPM_CHILD_FIELD } } };
	TPM2B_ECC_POINT *shared = NULL;
	memcpy(in.point.x.buffer, peer + 1, TPM_CHILD_FIELD);
	memcpy(in.point.y.buffer, peer + 1 + TPM_CHILD_FIELD, TPM_CHILD_FIELD);
	TRY(tpm_session_encrypt(dev, session, true, true, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_ECDH_ZGen");
	while (tpm_call_again(&c)) c.rc = Esys_ECDH_ZGen(dev->esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &in, &shared);
	TRY(tpm_call_end(&c, reason));
	POST(shared);
	return take_shared(shared, out, reason);
}

static enum coffer_err ecdh(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason)
{
	ESYS_TR object = ESYS_TR_NONE;
	TRY(tpm_child_load(dev, key, session, TPM_CHILD_DERIVE, view_of(wish->ref.data, wish->ref.len), wish->auth, &object, reason));
	if (object == ESYS_TR_NONE) return ERR_OK;
	enum coffer_err err = zgen(dev, object, session, wish->point, &out->shared, reason);
	tpm_child_unload(dev, session, &object);
	out->there = !err;
	return err;
}

typedef enum coffer_err in_session_fn(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason);

static enum coffer_err in_session(struct tpm_device *dev, const struct tpm_key *key, const struct token_transport_wish *wish, in_session_fn *fn,
	struct token_transport_answer *out, struct reason *reason)
{
	ESYS_TR session = ESYS_TR_NONE;
	struct token_transport_answer answer = { .there = false };
	TRY(tpm_session_open(dev, key->primary, &session, reason));
	enum coffer_err err = fn(dev, key, session, wish, &answer, reason);
	tpm_device_flush(dev, &session);
	tpm_device_scrub(dev);
	if (!err) *out = answer;
	return err;
}

enum coffer_err tpm_transport_make(struct tpm_device *dev, const struct tpm_key *key, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason)
{
	return in_session(dev, key, wish, make, out, reason);
}

/* The point stands in the reference; that the TPM loads it is what makes it this TPM's. */
static enum coffer_err public_point(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason)
{
	static const uint8_t no_auth[TPM_CHILD_AUTH_LEN];
	ESYS_TR object = ESYS_TR_NONE;
	struct view ref = view_of(wish->ref.data, wish->ref.len);
	TRY(tpm_session_encrypt(dev, session, true, true, reason));
	TRY(tpm_child_load(dev, key, session, TPM_CHILD_DERIVE, ref, view_of(no_auth, sizeof no_auth), &object, reason));
	if (object == ESYS_TR_NONE) return ERR_OK;
	tpm_child_unload(dev, session, &object);
	out->there = true;
	return tpm_child_point(TPM_CHILD_DERIVE, ref, out->public_key);
}

enum coffer_err tpm_transport_public(struct tpm_device *dev, const struct tpm_key *key, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason)
{
	return in_session(dev, key, wish, public_point, out, reason);
}

enum coffer_err tpm_transport_ecdh(struct tpm_device *dev, const struct tpm_key *key, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason)
{
	enum coffer_err err = p256_check(wish->point);
	if (err == ERR_FIELD) return reason_fail(reason, err, "the other side's key is no point of P-256");
	TRY(err);
	return in_session(dev, key, wish, ecdh, out, reason);
}
