/* Principals: text forms of who asks. */
#include "access/principal.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

bool principal_is_own(const struct principal *principal)
{
	return principal->is_unix && (principal->uid == 0 || principal->uid == geteuid());
}

void principal_from_uid(uid_t uid, pid_t pid, struct principal *out)
{
	*out = (struct principal){ .is_unix = true, .uid = uid, .pid = pid };
	snprintf(out->text, sizeof out->text, "unix:%lu", (unsigned long)uid);
}

static enum coffer_err parse_unix(struct view name, struct principal *out, struct reason *reason)
{
	uint64_t uid;
	if (text_parse_u64(name, &uid) == ERR_OK && uid < UINT32_MAX) {
		principal_from_uid((uid_t)uid, 0, out);
		return ERR_OK;
	}
	char user[256], buffer[4096];
	struct passwd entry, *found = NULL;
	if (name.len == 0 || name.len >= sizeof user || memchr(name.ptr, 0, name.len))
		return reason_fail(reason, ERR_FIELD, "'unix:' wants a user name or a number after it");
	memcpy(user, name.ptr, name.len);
	user[name.len] = '\0';
	if (getpwnam_r(user, &entry, buffer, sizeof buffer, &found) != 0 || !found)
		return reason_fail(reason, ERR_FIELD, "there is no user '%s' on this machine; give the number as unix:UID", user);
	principal_from_uid(found->pw_uid, 0, out);
	return ERR_OK;
}

enum coffer_err principal_parse(struct view text, struct principal *out, struct reason *reason)
{
	static const char unix_prefix[] = "unix:", tls_prefix[] = "tls:";
	const size_t unix_len = sizeof unix_prefix - 1, tls_len = sizeof tls_prefix - 1;

	if (text.len > PRINCIPAL_MAX || !text_is_utf8(text))
		return reason_fail(reason, ERR_FIELD, "a principal is at most %u bytes of UTF-8 text", PRINCIPAL_MAX);
	if (text.len > unix_len && memcmp(text.ptr, unix_prefix, unix_len) == 0)
		return parse_unix(view_of(text.ptr + unix_len, text.len - unix_len), out, reason);
	if (text.len > tls_len && memcmp(text.ptr, tls_prefix, tls_len) == 0) {
		*out = (struct principal){ .is_unix = false };
		memcpy(out->text, text.ptr, text.len);
		return ERR_OK;
	}
	return reason_fail(reason, ERR_FIELD, "a principal is unix:UID, unix:USER or tls:SUBJECT");
}
