/* Connection strings, looked at before they are used. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres_internal.h"

struct store_conninfo {
	PQconninfoOption *options;
};

/* Parameters that name what libpq reads. */
static const char *const file_parameters[] = { "passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir" };
_Static_assert(sizeof file_parameters / sizeof file_parameters[0] <= POSTGRES_FILES_MAX, "as the header says");

const char *postgres_conninfo_value(const PQconninfoOption *option, const char *name)
{
	for (; option->keyword; option++)
		if (strcmp(option->keyword, name) == 0) return option->val && option->val[0] ? option->val : NULL;
	return NULL;
}

/* Who may read a configuration file would read a password there. */
static enum coffer_err check(const PQconninfoOption *options, struct reason *reason)
{
	if (postgres_conninfo_value(options, "password"))
		return reason_fail(reason, ERR_USAGE, "store_conninfo holds a password; put it into a file of its own and name that in store_passfile");
	if (postgres_hosts_count(options) > POSTGRES_HOSTS_MAX) return reason_fail(reason, ERR_USAGE, "store_conninfo names more than %u hosts; name those that are used", POSTGRES_HOSTS_MAX);
	if (postgres_conninfo_value(options, "options")) return reason_fail(reason, ERR_USAGE, "store_conninfo sets 'options', which Coffer sets itself; take that out");
	if (postgres_conninfo_value(options, "service")) return reason_fail(reason, ERR_USAGE, "store_conninfo names a service file; write its parameters into store_conninfo");
	return ERR_OK;
}

enum coffer_err store_conninfo_open(const char *conninfo, struct store_conninfo **out, struct reason *reason)
{
	char *text = NULL;
	struct store_conninfo *c = calloc(1, sizeof *c);
	ENSURE(c, ERR_MEMORY);
	c->options = PQconninfoParse(conninfo, &text);
	enum coffer_err err = ERR_OK;
	if (c->options) err = check(c->options, reason);
	else err = reason_fail(reason, ERR_USAGE, "store_conninfo cannot be read: %.*s", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
	PQfreemem(text);
	if (err) store_conninfo_close(c);
	else *out = c;
	return err;
}

void store_conninfo_files(const struct store_conninfo *c, void (*fn)(void *arg, const char *path), void *arg)
{
	for (size_t i = 0; i < sizeof file_parameters / sizeof file_parameters[0]; i++) {
		const char *path = postgres_conninfo_value(c->options, file_parameters[i]);
		if (path) fn(arg, path);
	}
}

void store_conninfo_close(struct store_conninfo *c)
{
	if (!c) return;
	PQconninfoFree(c->options);
	free(c);
}
