/* Provisioning: adopt the master secret that is there, or make one where there is none. */
#ifndef COFFER_HSM_PROVISION_H
#define COFFER_HSM_PROVISION_H

#include "base/err.h"
#include "base/reason.h"
#include "hsm/binding.h"
#include "hsm/object.h"
#include "hsm/session.h"
#include "hsm/uri.h"

/* On success the key's handle is valid in the session as it is then. ERR_TOKEN_REFUSED: what is there does not meet the rules.
 * ERR_UNSUPPORTED: no mechanism of mech.def works with this token. */
enum coffer_err hsm_provision(struct hsm_session *s, const struct hsm_uri *uri, struct hsm_key *out_key,
	struct hsm_binding *out_binding, struct reason *reason) MUST_USE;

#endif
