/* Who may do what: grants (principal, role, scope) and the one decision function. Default deny.
 * struct grants is an immutable snapshot, reference-counted; the store thread publishes a new one after a durable change. */
#ifndef COFFER_ACCESS_POLICY_H
#define COFFER_ACCESS_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "access/principal.h"
#include "objects/object.h"
#include "objects/txn.h"

enum permission {
#define PERMISSION(name, on_object, sentence) PERMISSION_##name,
#include "access/permission.def"
#undef PERMISSION
	PERMISSION_COUNT
};

enum role {
	ROLE_NONE = 0,
#define ROLE(name, number, text, permissions, help) ROLE_##name = (number),
#include "access/role.def"
#undef ROLE
	ROLE_END
};

#define GRANT_SCOPE_MAX 255u

struct grant {
	uint8_t id[UUID_LEN];
	char principal[PRINCIPAL_MAX + 1];
	enum role role;
	char scope[GRANT_SCOPE_MAX + 1]; /* "" everywhere; else an Object Group */
	char granted_by[PRINCIPAL_MAX + 1];
	uint64_t created_ms;
};

struct grants; /* snapshot */

const char *role_name(enum role role);
enum coffer_err role_parse(struct view text, enum role *out, struct reason *reason) MUST_USE; /* names the roles there are */
uint32_t role_permissions(enum role role); /* bit i: enum permission i */

/* The decision. object is NULL for permissions that are not on an object. ERR_DENIED with a sentence: who may not do what, and who could
 * grant it. Any thread. */
enum coffer_err policy_check(const struct grants *grants, const struct principal *principal, enum permission permission,
	const struct object *object, struct reason *reason) MUST_USE;
/* Whether the principal may see the object at all (used by Locate to leave it out silently). */
bool policy_sees(const struct grants *grants, const struct principal *principal, const struct object *object);
/* Whether a grant without a scope gives the permission. */
bool policy_everywhere(const struct grants *grants, const struct principal *principal, enum permission permission);
/* Whether the principal may give an object the groups that `after` has. before NULL: the object is new (permission CREATE), else it changes, or is
 * replaced by one with these groups (MANAGE). A principal with the permission everywhere may; one that has it in groups alone may when every group
 * that comes or goes is one of these, and the object stays in one of them. Being the owner does not help. policy_check says yes to CREATE when a
 * principal has it anywhere, so whoever makes an object must ask this too. ERR_DENIED with a sentence that names the group. Any thread. */
enum coffer_err policy_may_regroup(const struct grants *grants, const struct principal *principal, const struct object *before,
	const struct object *after, struct reason *reason) MUST_USE;

/* How far READ reaches: true when only the principal's own objects and those of the Object Groups in scopes[0 … *out_count) can be seen, false when
 * it may be any object (also when there are more than max groups). The scopes borrow the grants. Any thread. */
bool policy_reach(const struct grants *grants, const struct principal *principal, size_t max, const char **scopes, size_t *out_count);

struct grants *grants_ref(struct grants *g);
void grants_unref(struct grants *g);
size_t grants_count(const struct grants *g);
const struct grant *grants_at(const struct grants *g, size_t i);

/* Store thread, inside a transaction: each returns the snapshot that is right once the transaction is durable. */
enum coffer_err grants_load(struct txn *txn, struct grants **out) MUST_USE;
/* The same, when an operator has accepted the store as it is: a grant that does not open gives no right, and the log says how many there are. Only
 * where the table was compared with the version root before (ops/store_check.h). */
enum coffer_err grants_load_passing(struct txn *txn, struct grants **out) MUST_USE;
/* Whether there is a grant of the role administrator without a scope. Any thread. */
/* Inside a transaction: one grant's row under the ring's newest generation (docs/formats.md section 17.1). ERR_NOT_FOUND; ERR_CORRUPT: it does not open. */
enum coffer_err grants_reseal(struct txn *txn, struct view id) MUST_USE;
bool grants_have_administrator(const struct grants *g);
/* ERR_EXISTS when the same grant is there. */
enum coffer_err grants_add(struct txn *txn, const struct grants *from, const struct grant *grant, struct grants **out,
	struct reason *reason) MUST_USE;
/* ERR_NOT_FOUND; ERR_STATE when it would remove the last administrator. */
enum coffer_err grants_remove(struct txn *txn, const struct grants *from, const char *principal, enum role role, const char *scope,
	struct grants **out, struct reason *reason) MUST_USE;

#endif
