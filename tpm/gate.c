/* Making and passing the PIN gate. */
#include "tpm/gate.h"

#include <string.h>

#include "crypto/kdf.h"
#include "crypto/rng.h"
#include "token/notice.h"
#include "token/token.h"
#include "tpm/seal.h"
#include "tpm/session.h"
#include "tpm/tpm_err.h"

#define AUTH_LEN 32u
#define AUTH_LABEL "coffer v1 tpm-pin"

/* A value that ends in 0x00 would lose that byte in the TPM. */
enum coffer_err tpm_gate_auth(const struct tpm_key *key, const struct secret *pin, struct secret **out)
{
	AUTO_SECRET struct secret *auth = secret_new(AUTH_LEN);
	ENSURE(auth, ERR_MEMORY);
	TRY(kdf_hkdf(KDF_SHA256, secret_view(pin), view_of(key->primary_name.name, key->primary_name.size), view_str(AUTH_LABEL),
		secret_mut(auth), AUTH_LEN));
	secret_mut(auth)[AUTH_LEN - 1] |= 0x01;
	*out = TAKE(auth);
	return ERR_OK;
}

enum coffer_err tpm_gate_make(struct tpm_device *dev, const struct tpm_key *key, ESYS_TR session, const struct secret *pin,
	struct tpm_policy *policy, struct reason *reason)
{
	AUTO_SECRET struct secret *auth = NULL;
	AUTO_SECRET struct secret *nobodys = secret_new(TOKEN_SECRET_LEN);
	TPM2B_PUBLIC template, *pub = NULL;
	TPM2B_PRIVATE *private = NULL;
	ENSURE(nobodys, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(nobodys), TOKEN_SECRET_LEN));
	TRY(tpm_gate_auth(key, pin, &auth));
	tpm_template_gate(key->profile, &template);
	enum coffer_err err = tpm_seal_create(dev, key, session, &template, nobodys, auth, &private, &pub, reason);
	tpm_device_scrub(dev);
	if (err == ERR_OK && tpm_template_check_gate(key->profile, &pub->publicArea) != ERR_OK) {
		err = reason_fail(reason, ERR_TOKEN, "the TPM made a PIN gate of another kind than it was asked for");
	}
	if (err == ERR_OK) {
		policy->gate_public = *pub;
		policy->gate_private = *private;
		policy->has_pin = true;
	}
	Esys_Free(private);
	Esys_Free(pub);
	return err;
}

/* ---- passing ---- */

static enum coffer_err load(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_policy *policy, ESYS_TR session,
	ESYS_TR *out, struct reason *reason)
{
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Load");
	while (tpm_call_again(&c)) {
		c.rc = Esys_Load(dev->esys, key->master, session, ESYS_TR_NONE, ESYS_TR_NONE, &policy->gate_private, &policy->gate_public, out);
	}
	enum coffer_err err = tpm_call_end(&c, reason);
	if (err == ERR_OK || !tpm_err_map(c.rc).blame) return err;
	return reason_fail(reason, ERR_CORRUPT, "the TPM refuses the PIN gate of this node's binding: it was altered; restore node.id");
}

/* The TSS keeps a copy of its own until the object is flushed: an empty value goes over it. */
static void set_auth(struct tpm_device *dev, ESYS_TR gate, const struct secret *auth)
{
	AUTO_SECRET struct secret *holder = secret_new(sizeof(TPM2B_AUTH));
	TPM2B_AUTH none = { .size = 0 };
	TPM2B_AUTH *value = holder ? (void *)secret_mut(holder) : &none;
	if (holder && auth) {
		value->size = (UINT16)secret_len(auth);
		memcpy(value->buffer, secret_bytes(auth), secret_len(auth));
	}
	(void)Esys_TR_SetAuth(dev->esys, gate, value);
}

/* Told that it stops in order, the TPM does not count the next power cut as a wrong try. It goes on working. */
static void settle(struct tpm_device *dev)
{
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Shutdown");
	while (tpm_call_again(&c)) c.rc = Esys_Shutdown(dev->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_SU_CLEAR);
	if (tpm_err_map(c.rc).action == TPM_ACTION_END) dev->dead = true;
}

static enum coffer_err locked(struct tpm_device *dev, struct reason *reason)
{
	uint32_t interval_s = 0;
	if (tpm_device_property(dev, TPM2_PT_LOCKOUT_INTERVAL, &interval_s, NULL) != ERR_OK || interval_s == 0) interval_s = 7200;
	return reason_fail(reason, ERR_TOKEN_LOCKED, "the TPM takes no PIN now, after too many wrong ones or power cuts (0x921): leave it switched on, "
		"each %u s one try comes back; or tpm2_dictionarylockout -c", interval_s);
}

static enum coffer_err judge(struct tpm_device *dev, enum coffer_err err, const char *source, struct reason *reason)
{
	if (err == ERR_TOKEN_LOCKED) return locked(dev, reason);
	if (err != ERR_AUTH) return err;
	return reason_fail(reason, ERR_AUTH, "the TPM refuses the PIN of %s: it is wrong, and is not tried again", source);
}

static enum coffer_err prove(struct tpm_device *dev, ESYS_TR gate, const struct secret *auth, ESYS_TR session, ESYS_TR policy_session, struct reason *reason)
{
	TPM2B_TIMEOUT *timeout = NULL;
	TPMT_TK_AUTH *ticket = NULL;
	set_auth(dev, gate, auth);
	struct tpm_call c = tpm_call_begin(dev, "TPM2_PolicySecret");
	while (tpm_call_again(&c)) {
		c.rc = Esys_PolicySecret(dev->esys, gate, policy_session, session, ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, &timeout,
			&ticket);
	}
	enum coffer_err err = tpm_call_end(&c, reason);
	if (!dev->dead) set_auth(dev, gate, NULL);
	Esys_Free(timeout);
	Esys_Free(ticket);
	return err;
}

enum coffer_err tpm_gate_pass(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_policy *policy,
	const struct tpm_means *means, ESYS_TR session, ESYS_TR policy_session, struct reason *reason)
{
	AUTO_SECRET struct secret *auth = NULL;
	ESYS_TR gate = ESYS_TR_NONE;
	if (!means || !means->pin) {
		return reason_fail(reason, ERR_TOKEN_POLICY, "the data key wants a PIN: give it with 'coffer unseal --pin', or with --pin to the command that names this "
			"token; 'coffer token reseal --pin-source' of an open node names where it is read");
	}
	TRY(tpm_gate_auth(key, means->pin, &auth));
	TRY(tpm_session_encrypt(dev, session, true, true, reason));
	TRY(load(dev, key, policy, session, &gate, reason));
	enum coffer_err err = token_notice(TOKEN_PIN_GOES, means->pin, reason);
	if (err == ERR_OK) err = prove(dev, gate, auth, session, policy_session, reason);
	if (err == ERR_OK) (void)!token_notice(TOKEN_PIN_TAKEN, means->pin, NULL);
	tpm_device_flush(dev, &gate);
	settle(dev);
	return judge(dev, err, means->pin_source, reason);
}
