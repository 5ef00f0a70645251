/* The primary (made anew in the owner hierarchy, never stored) and the master secret (its child, persistent). */
#ifndef COFFER_TPM_KEY_H
#define COFFER_TPM_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "tpm/device.h"
#include "tpm/ek.h"
#include "tpm/policy.h"
#include "tpm/template.h"

/* What provisioning found; kept in the binding for status. */
struct tpm_facts {
	bool made_here;
	enum tpm_ek ek;
};

struct tpm_key {
	const struct tpm_profile *profile; /* NULL until chosen or read from a binding */
	uint32_t handle;                   /* persistent handle of the master secret */
	ESYS_TR primary;                   /* ESYS_TR_NONE when not loaded */
	ESYS_TR master;                    /* ESYS_TR_NONE when not found yet */
	TPM2B_NAME primary_name;           /* size 0: nothing pinned yet */
	TPM2B_NAME master_name;            /* size 0: nothing pinned yet */
	struct tpm_policy policy;          /* of data keys that are wrapped and opened */
};

#define TPM_KEY_NONE ((struct tpm_key){ .primary = ESYS_TR_NONE, .master = ESYS_TR_NONE })

/* Loads the primary where it is not loaded, computes its Name from its public area, and compares it with the pinned one
 * (ERR_TOKEN_OTHER) or, where none is pinned, pins it. ERR_TOKEN_REFUSED when the owner hierarchy has an authorization
 * value. */
enum coffer_err tpm_key_load_primary(struct tpm_device *dev, struct tpm_key *key, struct reason *reason) MUST_USE;
/* Finds the object at key->handle, reading its public area through the salted session: key->master; *out_public and
 * *out_qualified are Esys_Free'd by the caller. ERR_TOKEN_KEY_MISSING when there is none. */
enum coffer_err tpm_key_find_master(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session,
	TPM2B_PUBLIC **out_public, TPM2B_NAME **out_qualified, struct reason *reason) MUST_USE;
/* Finds it and compares its Name with the pinned one: ERR_TOKEN_OTHER, ERR_TOKEN_KEY_MISSING. */
enum coffer_err tpm_key_confirm_master(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session,
	struct reason *reason) MUST_USE;
/* Makes it under the primary and makes it persistent at key->handle; pins its Name. */
enum coffer_err tpm_key_make_master(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session,
	struct reason *reason) MUST_USE;
/* Takes the master secret out of the TPM's memory, and looks whether the TPM still shows it. key->master is there (tpm_key_confirm_master). ERR_TOKEN_REFUSED:
 * the owner hierarchy has an authorization value; ERR_TOKEN: it is still there. */
enum coffer_err tpm_key_evict_master(struct tpm_device *dev, struct tpm_key *key, ESYS_TR session, struct reason *reason) MUST_USE;
/* Flushes the primary and forgets the master's handle (it stays in the TPM); pinned Names are kept. */
void tpm_key_release(struct tpm_device *dev, struct tpm_key *key);

#endif
