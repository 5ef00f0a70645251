/* Who asks: "unix:UID" from the peer credentials of the local socket, "tls:SUBJECT" from a client certificate. */
#ifndef COFFER_ACCESS_PRINCIPAL_H
#define COFFER_ACCESS_PRINCIPAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"

#define PRINCIPAL_MAX 1024u /* bytes of text without NUL */

struct principal {
	char text[PRINCIPAL_MAX + 1];
	bool is_unix;
	uid_t uid; /* when is_unix */
	pid_t pid; /* when is_unix; for logs only */
};

/* root, and the user that this process runs as. */
bool principal_is_own(const struct principal *principal);
void principal_from_uid(uid_t uid, pid_t pid, struct principal *out);
/* Parses what a person types: "unix:1000", "unix:NAME" (looked up), "tls:SUBJECT". Canonical text in out. */
enum coffer_err principal_parse(struct view text, struct principal *out, struct reason *reason) MUST_USE;

#endif
