/* Roles and permissions as tables, made from role.def and permission.def. */
#include "access/policy.h"

#define PERM(name) (UINT32_C(1) << PERMISSION_##name)

static const struct {
	enum role role;
	const char *text;
	uint32_t permissions;
} roles[] = {
#define ROLE(name, number, text, permissions, help) { ROLE_##name, text, permissions },
#include "access/role.def"
#undef ROLE
};

#define ROLE_ROWS (sizeof roles / sizeof roles[0])

const char *role_name(enum role role)
{
	for (size_t i = 0; i < ROLE_ROWS; i++)
		if (roles[i].role == role) return roles[i].text;
	return "?";
}

uint32_t role_permissions(enum role role)
{
	for (size_t i = 0; i < ROLE_ROWS; i++)
		if (roles[i].role == role) return roles[i].permissions;
	return 0;
}

enum coffer_err role_parse(struct view text, enum role *out, struct reason *reason)
{
	for (size_t i = 0; i < ROLE_ROWS; i++) {
		if (view_equal_str(text, roles[i].text)) {
			*out = roles[i].role;
			return ERR_OK;
		}
	}
	return reason_fail(reason, ERR_FIELD, "there is no such role; the roles are"
#define ROLE(name, number, text, permissions, help) " " text
#include "access/role.def"
#undef ROLE
	);
}
