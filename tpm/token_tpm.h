/* The TPM backend's token, shared by its tables of calls. */
#ifndef COFFER_TPM_TOKEN_TPM_H
#define COFFER_TPM_TOKEN_TPM_H

#include "token/token.h"
#include "tpm/device.h"
#include "tpm/key.h"
#include "tpm/policy_session.h"
#include "tpm/uri.h"

struct token {
	struct tpm_uri uri;
	struct tpm_device dev;
	struct tpm_key key;
	bool attached;
	bool pinned; /* key's Names are those of a binding, whether or not the master secret was found */
	struct tpm_facts facts;
	struct secret *pin; /* of the URI's pin-source, or what a person gave; NULL: none */
	struct secret *made_pin; /* of the policy that was made last, until it is adopted; NULL: it has the same as before */
};

/* One operation; what it needs beside the token is the caller's. */
typedef enum coffer_err tpm_step(struct token *t, void *arg, struct reason *reason);

/* For idempotent steps alone: when slots were full or a TPM reset took primary and sessions away, everything is swept,
 * the primary made (and compared) again, and the step runs once more. */
enum coffer_err tpm_run_step(struct token *t, tpm_step *step, void *arg, struct reason *reason) MUST_USE;
/* Primary loaded and compared, master secret found and compared. */
enum coffer_err tpm_ready(struct token *t, struct reason *reason) MUST_USE;
/* ERR_STATE unless attached. */
enum coffer_err tpm_require_attached(const struct token *t, struct reason *reason) MUST_USE;
struct tpm_means tpm_means_of(const struct token *t);

#endif
