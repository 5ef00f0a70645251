/* The table of wrapping mechanisms (mech.def) and the proof that one works with a key. */
#ifndef COFFER_HSM_MECH_H
#define COFFER_HSM_MECH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/reason.h"
#include "hsm/object.h"
#include "hsm/p11.h"
#include "hsm/session.h"
#include "hsm/use.h"

struct hsm_mech {
	const char *name; /* as struct token_binding records it */
	CK_MECHANISM_TYPE type;
	const struct hsm_method *method;
	CK_KEY_TYPE key_type;
	CK_MECHANISM_TYPE hash; /* OAEP, else 0 */
	bool weak;
};

/* The i-th row in order of preference; NULL past the end. */
const struct hsm_mech *hsm_mech_at(size_t i);
/* NULL when the name is not known. */
const struct hsm_mech *hsm_mech_by_name(const char *name);
/* Whether the row works through C_WrapKey and C_UnwrapKey alone. */
bool hsm_mech_is_key_wrap(const struct hsm_mech *mech);
/* Whether `type` is one of the key-wrap mechanisms of the table. */
bool hsm_mech_type_is_key_wrap(CK_MECHANISM_TYPE type);
/* Whether the token lists the mechanism for what the row needs. A token that fails is not one that has no such mechanism: its
 * failure is the error, or a passing fault would choose a weaker way. */
enum coffer_err hsm_mech_offered(struct hsm_session *s, const struct hsm_mech *mech, bool *out, struct reason *reason) MUST_USE;
/* Whether the token lists any key-wrap mechanism; fails likewise. */
enum coffer_err hsm_mech_key_wrap_offered(struct hsm_session *s, bool *out, struct reason *reason) MUST_USE;
/* What CKA_ALLOWED_MECHANISMS of a new master secret holds; returns how many (at most cap). */
CK_ULONG hsm_mech_allowed(const struct hsm_mech *mech, CK_MECHANISM_TYPE *out, CK_ULONG cap);

/* Wraps a fresh canary, checks that a blob with one bit changed is refused and that the right one opens to the canary. */
enum coffer_err hsm_mech_prove(struct hsm_session *s, const struct hsm_mech *mech, const struct hsm_key *key,
	struct reason *reason) MUST_USE;

#endif
