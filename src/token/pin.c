/* The PIN reader: strict about the file, because p11-kit's own reader neither knows file: sources nor looks at modes. */
#include "token/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/ct.h"

#define CREDENTIAL "credential:"

static enum coffer_err credential_path(const char *name, char *path, size_t cap, struct reason *reason)
{
	const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");
	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/')) {
		return reason_fail(reason, ERR_USAGE, "pin-source=credential:NAME: '%s' is not a credential's name", name);
	}
	if (!dir || dir[0] != '/') {
		return reason_fail(reason, ERR_USAGE, "pin-source=credential:%s: $CREDENTIALS_DIRECTORY is not set; add "
			"LoadCredential=%s:/PATH to the unit", name, name);
	}
	int n = snprintf(path, cap, "%s/%s", dir, name);
	ENSURE(n > 0 && (size_t)n < cap, reason_fail(reason, ERR_USAGE, "pin-source: the path is too long"));
	return ERR_OK;
}

static enum coffer_err file_path(const char *source, char *path, size_t cap, struct reason *reason)
{
	const char *p = source;
	if (strncmp(p, "file:", 5) == 0) p += 5;
	if (strncmp(p, "///", 3) == 0) p += 2;
	if (p[0] != '/') {
		return reason_fail(reason, ERR_USAGE, "pin-source must be file:/PATH, /PATH or credential:NAME, not '%.40s'", source);
	}
	int n = snprintf(path, cap, "%s", p);
	ENSURE(n > 0 && (size_t)n < cap, reason_fail(reason, ERR_USAGE, "pin-source: the path is too long"));
	return ERR_OK;
}

static enum coffer_err check_file(int fd, const char *path, bool credential, struct reason *reason)
{
	struct stat st;
	if (fstat(fd, &st) != 0) return reason_fail(reason, ERR_IO, "PIN file %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode)) return reason_fail(reason, ERR_USAGE, "PIN file %s is not a regular file", path);
	mode_t forbidden = credential ? (mode_t)(S_IRWXO | S_IWGRP) : (mode_t)(S_IRWXO | S_IRWXG);
	if (st.st_mode & forbidden) {
		return reason_fail(reason, ERR_USAGE, "PIN file %s can be read or written by others (mode %04o); run: chmod 600 %s",
			path, (unsigned)(st.st_mode & 07777), path);
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		return reason_fail(reason, ERR_USAGE, "PIN file %s belongs to another user (uid %u); run: chown to this service's "
			"user",
			path, (unsigned)st.st_uid);
	}
	return ERR_OK;
}

static enum coffer_err read_all(int fd, const char *path, struct secret *into, size_t *out_len, struct reason *reason)
{
	size_t len = 0;
	while (len < secret_len(into)) {
		ssize_t n = read(fd, secret_mut(into) + len, secret_len(into) - len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return reason_fail(reason, ERR_IO, "PIN file %s: %s", path, strerror(errno));
		if (n == 0) break;
		len += (size_t)n;
	}
	*out_len = len;
	return ERR_OK;
}

enum coffer_err token_pin_read(const char *source, struct secret **out, struct reason *reason)
{
	char path[PATH_MAX];
	bool credential = strncmp(source, CREDENTIAL, sizeof CREDENTIAL - 1) == 0;
	if (credential) TRY(credential_path(source + sizeof CREDENTIAL - 1, path, sizeof path, reason));
	else TRY(file_path(source, path, sizeof path, reason));

	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		if (errno == ELOOP) return reason_fail(reason, ERR_USAGE, "PIN file %s is a symbolic link; name the file itself",
			path);
		return reason_fail(reason, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "PIN file %s: %s", path, strerror(errno));
	}
	TRY(check_file(fd, path, credential, reason));

	AUTO_SECRET struct secret *raw = secret_new(TOKEN_PIN_MAX + 2); /* the newline, and one byte that shows a longer file */
	ENSURE(raw, ERR_MEMORY);
	size_t len = 0;
	TRY(read_all(fd, path, raw, &len, reason));
	if (len > 0 && ct_equal(secret_bytes(raw) + len - 1, "\n", 1)) len--;
	if (len == 0) return reason_fail(reason, ERR_USAGE, "PIN file %s is empty", path);
	if (len > TOKEN_PIN_MAX) return reason_fail(reason, ERR_USAGE, "PIN file %s holds more than %u bytes", path,
		TOKEN_PIN_MAX);
	struct secret *pin = secret_copy(secret_bytes(raw), len);
	ENSURE(pin, ERR_MEMORY);
	*out = pin;
	return ERR_OK;
}
