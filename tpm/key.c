/* Making, finding and checking primary and master secret. */
#include "tpm/key.h"

#include "tpm/session.h"
#include "tpm/tpm_err.h"

/* ---- primary ---- */

/* Asked before any command needs the owner: a wrong guess is never sent. */
static enum coffer_err check_owner(struct tpm_device *dev, struct reason *reason)
{
	uint32_t permanent = 0;
	TRY(tpm_device_property(dev, TPM2_PT_PERMANENT, &permanent, reason));
	if (!(permanent & TPMA_PERMANENT_OWNERAUTHSET)) return ERR_OK;
	return reason_fail(reason, ERR_TOKEN_REFUSED,
		"the TPM's owner hierarchy has an authorization value and Coffer needs it empty; "
		"clear it with 'tpm2_changeauth -c owner -p OLD_VALUE'");
}

static enum coffer_err create_primary(struct tpm_device *dev, const struct tpm_profile *profile, ESYS_TR *out,
	TPM2B_NAME *out_name, struct reason *reason)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_PUBLIC template, *pub = NULL;
	ESYS_TR primary = ESYS_TR_NONE;
	tpm_template_primary(profile, &template);
	struct tpm_call c = tpm_call_begin(dev, "TPM2_CreatePrimary");
	while (tpm_call_again(&c)) {
		c.rc = Esys_CreatePrimary(dev->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
			&template, &outside, &pcrs, &primary, &pub, NULL, NULL, NULL);
	}
	TRY(tpm_call_end(&c, reason));
	enum coffer_err err = tpm_name_compute(&pub->publicArea, out_name);
	Esys_Free(pub);
	if (err != ERR_OK) {
		tpm_device_flush(dev, &primary);
		return reason_default(reason, err, "the TPM made a primary of another kind than it was asked for");
	}
	*out = primary;
	return ERR_OK;
}

enum coffer_err tpm_key_load_primary(struct tpm_device *dev, struct tpm_key *key, struct reason *reason)
{
	TPM2B_NAME name;
	ESYS_TR primary = ESYS_TR_NONE;
	if (key->primary != ESYS_TR_NONE) return ERR_OK;
	TRY(check_owner(dev, reason));
	TRY(create_primary(dev, key->profile, &primary, &name, reason));
	if (key->primary_name.size != 0 && !tpm_name_equal(&name, &key->primary_name)) {
		tpm_device_flush(dev, &primary);
		return reason_fail(reason, ERR_TOKEN_OTHER,
			"this is not the TPM that holds this node's master secret, or it was cleared since: its "
			"primary key is another one; put the right TPM back, or recover the node");
	}
	key->primary_name = name;
	key->primary = primary;
	return ERR_OK;
}

/* ---- master secret ---- */

enum coffer_err tpm_key_find_master(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session,
	TPM2B_PUBLIC **out_public, TPM2B_NAME **out_qualified, struct reason *reason)
{
	ESYS_TR master = ESYS_TR_NONE;
	TPM2B_NAME *name = NULL;
	TRY(tpm_session_encrypt(dev, session, false, true, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_ReadPublic");
	while (tpm_call_again(&c)) {
		c.rc = Esys_TR_FromTPMPublic(dev->esys, key->handle, session, ESYS_TR_NONE, ESYS_TR_NONE, &master);
	}
	if (tpm_err_map(c.rc).err == ERR_TOKEN_KEY_MISSING) {
		enum coffer_err missing = tpm_call_end(&c, NULL);
		return reason_fail(reason, missing, "the TPM has no object at persistent handle 0x%08X", key->handle);
	}
	TRY(tpm_call_end(&c, reason));
	c = tpm_call_begin(dev, "TPM2_ReadPublic");
	while (tpm_call_again(&c)) {
		c.rc = Esys_ReadPublic(dev->esys, master, session, ESYS_TR_NONE, ESYS_TR_NONE, out_public, &name, out_qualified);
	}
	enum coffer_err err = tpm_call_end(&c, reason);
	Esys_Free(name);
	if (err != ERR_OK) {
		(void)Esys_TR_Close(dev->esys, &master);
		return err;
	}
	if (key->master != ESYS_TR_NONE) (void)Esys_TR_Close(dev->esys, &key->master);
	key->master = master;
	return ERR_OK;
}

enum coffer_err tpm_key_confirm_master(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session,
	struct reason *reason)
{
	TPM2B_PUBLIC *pub = NULL;
	TPM2B_NAME *qualified = NULL, name;
	TRY(tpm_key_find_master(dev, key, session, &pub, &qualified, reason));
	enum coffer_err err = tpm_name_compute(&pub->publicArea, &name);
	Esys_Free(pub);
	Esys_Free(qualified);
	if (err == ERR_OK && tpm_name_equal(&name, &key->master_name)) return ERR_OK;
	return reason_fail(reason, ERR_TOKEN_OTHER, "the object at persistent handle 0x%08X is not this node's master secret; "
		"it was replaced, so recover the node", key->handle);
}

static enum coffer_err create_child(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session, ESYS_TR *out,
	struct reason *reason)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_PUBLIC template, *pub = NULL;
	TPM2B_PRIVATE *private = NULL;
	tpm_template_master(key->profile, &template);
	TRY(tpm_session_encrypt(dev, session, true, true, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_Create");
	while (tpm_call_again(&c)) {
		c.rc = Esys_Create(dev->esys, key->primary, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside, &pcrs,
			&private, &pub, NULL, NULL, NULL);
	}
	TRY(tpm_call_end(&c, reason));
	enum coffer_err err = tpm_name_compute(&pub->publicArea, &key->master_name);
	if (err == ERR_OK) {
		c = tpm_call_begin(dev, "TPM2_Load");
		while (tpm_call_again(&c)) {
			c.rc = Esys_Load(dev->esys, key->primary, session, ESYS_TR_NONE, ESYS_TR_NONE, private, pub, out);
		}
		err = tpm_call_end(&c, reason);
	}
	Esys_Free(private);
	Esys_Free(pub);
	return err;
}

enum coffer_err tpm_key_make_master(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session, struct reason *reason)
{
	ESYS_TR child = ESYS_TR_NONE, persistent = ESYS_TR_NONE;
	TRY(create_child(dev, key, session, &child, reason));
	struct tpm_call c = tpm_call_begin(dev, "TPM2_EvictControl");
	while (tpm_call_again(&c)) {
		c.rc = Esys_EvictControl(dev->esys, ESYS_TR_RH_OWNER, child, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, key->handle,
			&persistent);
	}
	enum coffer_err err = tpm_call_end(&c, reason);
	tpm_device_flush(dev, &child);
	TRY(err);
	(void)Esys_TR_Close(dev->esys, &persistent);
	/* What stands there now is read back through the session, which a false TPM on the bus cannot answer. */
	return tpm_key_confirm_master(dev, key, session, reason);
}

enum coffer_err tpm_key_evict_master(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session, struct reason *reason)
{
	ESYS_TR gone = ESYS_TR_NONE;
	TPM2B_PUBLIC *pub = NULL;
	TPM2B_NAME *qualified = NULL;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_EvictControl");
	while (tpm_call_again(&c)) {
		c.rc = Esys_EvictControl(dev->esys, ESYS_TR_RH_OWNER, key->master, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, key->handle, &gone);
	}
	TRY(tpm_call_end(&c, reason));
	key->master = ESYS_TR_NONE;
	enum coffer_err err = tpm_key_find_master(dev, key, session, &pub, &qualified, NULL);
	Esys_Free(pub);
	Esys_Free(qualified);
	if (err == ERR_TOKEN_KEY_MISSING) return ERR_OK;
	if (err) return reason_fail(reason, err, "the TPM destroyed the master secret, but could not be asked whether it is gone; try again");
	return reason_fail(reason, ERR_TOKEN, "the TPM says that it destroyed the master secret at 0x%08X, and still shows it", (unsigned)key->handle);
}

void tpm_key_release(struct tpm_device *dev, struct tpm_key *key)
{
	if (dev->esys && key->master != ESYS_TR_NONE) (void)Esys_TR_Close(dev->esys, &key->master);
	if (dev->esys) tpm_device_flush(dev, &key->primary);
	key->master = ESYS_TR_NONE;
	key->primary = ESYS_TR_NONE;
}
