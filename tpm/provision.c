/* Provisioning: choose, adopt or make, prove. */
#include "tpm/provision.h"

#include "tpm/policy_make.h"
#include "tpm/seal.h"
#include "tpm/session.h"

#define MAX_TRIES 32u

static enum coffer_err adopt(struct tpm_key *key, const TPM2B_PUBLIC *pub, const TPM2B_NAME *qualified,
	struct reason *reason)
{
	TPM2B_NAME name, wanted;
	TRY(tpm_template_check_master(key->profile, &pub->publicArea, key->handle, reason));
	TRY(tpm_name_compute(&pub->publicArea, &name));
	TRY(tpm_name_qualify(key->profile, &key->primary_name, &name, &wanted));
	if (!tpm_name_equal(qualified, &wanted)) return tpm_template_refuse(key->handle,
		"is not a child of Coffer's own primary key", reason);
	key->master_name = name;
	return ERR_OK;
}

static enum coffer_err adopt_or_make(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session, bool *out_made_here,
	struct reason *reason)
{
	TPM2B_PUBLIC *pub = NULL;
	TPM2B_NAME *qualified = NULL;
	enum coffer_err err = tpm_key_find_master(dev, key, session, &pub, &qualified, reason);
	if (err == ERR_TOKEN_KEY_MISSING) {
		dev->last_rc = TSS2_RC_SUCCESS;
		if (reason) reason->text[0] = '\0';
		TRY(tpm_key_make_master(dev, key, session, reason));
		*out_made_here = true;
		return ERR_OK;
	}
	TRY(err);
	err = adopt(key, pub, qualified, reason);
	Esys_Free(pub);
	Esys_Free(qualified);
	TRY(err);
	*out_made_here = false;
	return ERR_OK;
}

/* Other software on this TPM may use objects that count wrong authorizations, and each power cut can count as one. Only
 * raised, only when the lockout hierarchy needs no authorization value (a guess would be a try); a TPM that refuses
 * keeps its own limit. */
static void raise_max_tries(struct tpm_device *dev)
{
	uint32_t permanent = 0, tries = 0, interval_s = 0, recovery_s = 0;
	if (tpm_device_property(dev, TPM2_PT_PERMANENT, &permanent, NULL) != ERR_OK) return;
	if (permanent & (TPMA_PERMANENT_LOCKOUTAUTHSET | TPMA_PERMANENT_INLOCKOUT)) return;
	if (tpm_device_property(dev, TPM2_PT_MAX_AUTH_FAIL, &tries, NULL) != ERR_OK || tries >= MAX_TRIES) return;
	if (tpm_device_property(dev, TPM2_PT_LOCKOUT_INTERVAL, &interval_s, NULL) != ERR_OK) return;
	if (tpm_device_property(dev, TPM2_PT_LOCKOUT_RECOVERY, &recovery_s, NULL) != ERR_OK) return;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_DictionaryAttackParameters");
	while (tpm_call_again(&c)) {
		c.rc = Esys_DictionaryAttackParameters(dev->esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
			MAX_TRIES, interval_s, recovery_s);
	}
}

enum coffer_err tpm_provision(struct tpm_device *dev, struct tpm_key *key, const struct tpm_uri *uri, const struct tpm_means *means,
	struct tpm_facts *out_facts, struct reason *reason)
{
	ESYS_TR session = ESYS_TR_NONE;
	struct tpm_facts facts = { .made_here = false };
	TRY(tpm_template_choose(dev, &key->profile, reason));
	TRY(tpm_key_load_primary(dev, key, reason));
	TRY(tpm_session_open(dev, key->primary, &session, reason));
	enum coffer_err err = adopt_or_make(dev, key, session, &facts.made_here, reason);
	tpm_device_flush(dev, &session);
	TRY(err);
	if (means->pin) raise_max_tries(dev); /* before the PIN is used for the first time */
	TRY(tpm_policy_make(dev, key, uri, NULL, means->pin, NULL, &key->policy, reason));
	TRY(tpm_seal_prove(dev, key, means, reason));
	TRY(tpm_ek_check(dev, &facts.ek, reason));
	if (!means->pin) raise_max_tries(dev);
	*out_facts = facts;
	return ERR_OK;
}
