/* Landlock: the files of a process. The headers of Debian 12 know the first rights only, so the numbers of later ones stand here (landlock(7)). */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confine.h"

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (UINT64_C(1) << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)
#endif

#define FILE_READ LANDLOCK_ACCESS_FS_READ_FILE
#define FILE_WRITE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define FOLDER_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FIRST_RIGHTS ((UINT64_C(1) << 13) - 1) /* everything of ABI 1 */

static int abi_of_kernel(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return abi < 0 ? 0 : (int)abi;
}

/* The rights that this kernel can take away. */
static uint64_t rights_of(int abi)
{
	uint64_t rights = FIRST_RIGHTS;
	if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3) rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
	return rights;
}

static uint64_t rights_on(int fd, bool writable, uint64_t handled)
{
	struct stat st;
	bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	uint64_t all = handled & ~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK);
	if (folder) return handled & (writable ? all : FOLDER_READ);
	return handled & (writable ? FILE_WRITE : FILE_READ);
}

static int add_path(int ruleset, const struct confine_path *path, uint64_t handled)
{
	int fd = open(path->path, O_PATH | O_CLOEXEC);
	if (fd < 0) return errno == ENOENT || errno == EACCES ? 0 : -1;
	struct landlock_path_beneath_attr rule = { .allowed_access = rights_on(fd, path->writable, handled), .parent_fd = fd };
	long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	int error = errno;
	close(fd);
	errno = error;
	return (int)rc;
}

static int restrict_to(const struct confine_path *paths, size_t count, int abi)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = rights_of(abi) };
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (ruleset < 0) return -1;
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++)
		if (paths[i].path && paths[i].path[0]) rc = add_path(ruleset, &paths[i], attr.handled_access_fs);
	if (rc == 0) rc = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	int error = errno;
	close(ruleset);
	errno = error;
	return rc;
}

enum coffer_err confine_files(const struct confine_path *paths, size_t count, int *out_abi, struct reason *reason)
{
	*out_abi = abi_of_kernel();
	if (*out_abi == 0) return ERR_OK;
	if (restrict_to(paths, count, *out_abi) == 0) return ERR_OK;
	return reason_fail(reason, ERR_IO, "the kernel does not take the list of files (Landlock): %m");
}
