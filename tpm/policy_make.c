/* Making a policy. */
#include "tpm/policy_make.h"

#include <string.h>

#include "tpm/gate.h"
#include "tpm/pcr_read.h"
#include "tpm/policy_session.h"
#include "tpm/session.h"

static enum coffer_err bind_values(const struct tpm_key *key, const struct pcr_values *now, const struct tpm_next *next, struct tpm_policy *p)
{
	TRY(tpm_policy_set_of(key->profile, now, &p->sets[p->set_count++]));
	for (unsigned i = 0; next && i < next->count; i++) {
		struct tpm_policy_set set;
		bool known = false;
		TRY(tpm_policy_set_of(key->profile, &next->values[i], &set));
		for (unsigned j = 0; j < p->set_count; j++) known = known || memcmp(&set, &p->sets[j], sizeof set) == 0;
		if (!known) p->sets[p->set_count++] = set; /* what is the same twice would be no alternative */
	}
	return ERR_OK;
}

/* What stands in the vendor's key file and in the first policy file is pinned from now on. */
static enum coffer_err bind_signed(const struct tpm_uri *uri, struct tpm_policy *p, struct reason *reason)
{
	AUTO_BUF struct buf pem = BUF_EMPTY, bytes = BUF_EMPTY;
	struct pcr_file file;
	TRY(tpm_policy_read_bytes(uri->policy_key, "policy key", ECDSA_PEM_MAX, &pem, reason));
	enum coffer_err err = ecdsa_public_from_pem(buf_view(&pem), &p->vendor);
	if (err == ERR_FIELD) {
		return reason_fail(reason, ERR_USAGE, "policy key %s is no PEM file with a public key of P-256 or P-384", uri->policy_key);
	}
	TRY(err);
	TRY(tpm_policy_read_bytes(uri->policy_file, "policy file", PCR_FILE_MAX, &bytes, reason));
	if (pcr_file_decode(buf_view(&bytes), &file) == ERR_OK) memcpy(p->ref, file.ref, sizeof p->ref);
	p->is_signed = true;
	return tpm_policy_read_file(p, uri->policy_file, &file, reason);
}

static enum coffer_err bind_pin(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_next *next, ESYS_TR session,
	const struct secret *pin, const struct tpm_policy *old, struct tpm_policy *p, struct reason *reason)
{
	if (pin) return tpm_gate_make(dev, key, session, pin, p, reason);
	if (!old || !old->has_pin || (next && next->drop_pin)) return ERR_OK;
	p->gate_public = old->gate_public;
	p->gate_private = old->gate_private;
	p->has_pin = true;
	return ERR_OK;
}

static enum coffer_err make(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_uri *uri, const struct tpm_next *next,
	ESYS_TR session, struct tpm_policy *p, struct reason *reason)
{
	struct pcr_values now;
	if (p->pcrs.mask == 0) return ERR_OK;
	TRY(tpm_pcr_read(dev, session, &p->pcrs, &now, reason));
	if (uri->policy_key[0]) return bind_signed(uri, p, reason);
	return bind_values(key, &now, next, p);
}

enum coffer_err tpm_policy_make(struct tpm_device *dev, const struct tpm_key *key, const struct tpm_uri *uri, const struct tpm_next *next,
	const struct secret *pin, const struct tpm_policy *old, struct tpm_policy *out, struct reason *reason)
{
	struct tpm_policy p = { .pcrs = uri->pcrs };
	ESYS_TR session = ESYS_TR_NONE;
	if (p.pcrs.mask == 0 && !pin && (!old || !old->has_pin)) {
		*out = p;
		return ERR_OK;
	}
	TRY(tpm_session_open(dev, key->primary, &session, reason));
	enum coffer_err err = make(dev, key, uri, next, session, &p, reason);
	if (err == ERR_OK) err = bind_pin(dev, key, next, session, pin, old, &p, reason);
	tpm_device_flush(dev, &session);
	TRY(err);
	*out = p;
	return ERR_OK;
}
