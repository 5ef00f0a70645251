/* The files that cofferd needs while it serves, and its filter of system calls. */
#include "daemon/confinement.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "confine/confine.h"

#define PATH_MAX_BYTES 4096

/* The folder of a file; "" when there is none to name. */
static void folder_of(const char *file, char out[static PATH_MAX_BYTES])
{
	const char *slash = file ? strrchr(file, '/') : NULL;
	snprintf(out, PATH_MAX_BYTES, "%.*s", slash ? (int)(slash == file ? 1 : slash - file) : 0, file ? file : "");
}

static enum coffer_err enter_files(const struct daemon *d, int *out_abi, struct reason *reason)
{
	char socket_folder[PATH_MAX_BYTES], config_folder[PATH_MAX_BYTES], pid_folder[PATH_MAX_BYTES], export_folder[PATH_MAX_BYTES];
	folder_of(d->config->socket, socket_folder);
	folder_of(d->config_path, config_folder);
	folder_of(d->config->pid_file, pid_folder);
	folder_of(d->config->audit_export_file, export_folder);
	const struct confine_path paths[] = {
		{ d->config->state_dir, true }, { socket_folder, true }, { pid_folder, true }, { export_folder, true }, { config_folder, false },
		{ "/etc", false }, { "/usr/share/zoneinfo", false }, { "/dev/null", true }, { "/dev/urandom", false },
		/* user names in grants may be looked up through modules of the C library */
		{ "/usr/lib", false }, { "/lib", false }, { "/run/nscd", false }, { "/sys/devices/system/cpu", false },
		/* sanitizers read the map of their own process */
		{ confine_built() ? NULL : "/proc", false },
	};
	return confine_files(paths, sizeof paths / sizeof paths[0], out_abi, reason);
}

enum coffer_err confinement_enter(const struct daemon *d, struct reason *reason)
{
	int abi;
	TRY(enter_files(d, &abi, reason));
	if (abi == 0) log_warn("this kernel has no Landlock: files are protected by their permissions alone");
	if (!confine_built()) log_warn("this build has no filter of system calls (it is a sanitizer build)");
	return confine_syscalls(CONFINE_COFFERD, reason);
}
