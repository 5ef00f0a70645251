/* The confinement of coffer-stored, and its connection. */
#include "stored/open.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/helper.h"
#include "base/log.h"
#include "confine/confine.h"
#include "store/postgres.h"
#include "tokend/watch.h"

#define FIXED_PATHS 8u

struct paths {
	struct confine_path at[FIXED_PATHS + 1 + POSTGRES_FILES_MAX];
	size_t count;
};

static void add_path(void *arg, const char *path)
{
	struct paths *p = arg;
	INVARIANT(p->count < sizeof p->at / sizeof p->at[0]);
	p->at[p->count++] = (struct confine_path){ path, false };
}

/* The files that the connection string names are added by the caller. */
static enum coffer_err confine(const struct paths *p, struct reason *reason)
{
	int abi;
	TRY(confine_files(p->at, p->count, &abi, reason));
	if (abi == 0) log_warn("this kernel has no Landlock: files are protected by their permissions alone");
	if (!confine_built()) log_warn("this build has no filter of system calls (it is a sanitizer build)");
	TRY(confine_syscalls(CONFINE_STORED, reason));
	return watch_start(HELPER_CHANNEL_FD);
}

static enum coffer_err confine_for(const char *conninfo, const char *passfile, struct reason *reason)
{
	struct paths p = { .at = {
		{ "/etc", false }, { "/usr/lib", false }, { "/lib", false }, { "/usr/share/zoneinfo", false }, { "/dev/null", true }, { "/dev/urandom", false },
		{ "/run/nscd", false },
		{ confine_built() ? NULL : "/proc", false }, /* sanitizers read the map of their own process */
	}, .count = FIXED_PATHS };
	struct store_conninfo *parsed;
	TRY(store_conninfo_open(conninfo, &parsed, reason));
	if (passfile[0]) add_path(&p, passfile);
	store_conninfo_files(parsed, add_path, &p);
	enum coffer_err err = confine(&p, reason);
	store_conninfo_close(parsed);
	return err;
}

static char *text_of(struct view v)
{
	return strndup(v.len ? (const char *)v.ptr : "", v.len);
}

/* What the connection string says goes before it: no tickets of another system, no files of a home that this user has not. */
static enum coffer_err set_defaults(const char *passfile)
{
	ENSURE(setenv("PGGSSENCMODE", "disable", 1) == 0, ERR_MEMORY);
	return !passfile[0] || setenv("PGPASSFILE", passfile, 1) == 0 ? ERR_OK : ERR_MEMORY;
}

enum coffer_err stored_open(void *arg, const struct remote_request *q, struct store **out, struct stored_server *server, struct reason *reason)
{
	(void)arg;
	AUTO_FREE char *conninfo = text_of(q->open.conninfo);
	AUTO_FREE char *schema = text_of(q->open.schema);
	AUTO_FREE char *passfile = text_of(q->open.passfile);
	ENSURE(conninfo && schema && passfile, ERR_MEMORY);
	TRY(confine_for(conninfo, passfile, reason));
	TRY(set_defaults(passfile));
	const struct postgres_config config = { .conninfo = conninfo, .schema = schema, .writer = q->open.writer, .connect_ms = q->open.connect_ms,
		.statement_ms = q->open.statement_ms, .system = q->open.system, .timeline = q->open.timeline };
	TRY(store_open_postgres(&config, out, reason));
	struct postgres_server found;
	store_postgres_server(*out, &found);
	*server = (struct stored_server){ .version = found.version, .timeline = found.timeline, .system = found.system };
	memcpy(server->name, found.name, sizeof server->name);
	return ERR_OK;
}
