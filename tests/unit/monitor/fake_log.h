/* What the fake programs write down about themselves: one file of lines in the test's folder. */
#ifndef COFFER_TESTS_FAKE_LOG_H
#define COFFER_TESTS_FAKE_LOG_H

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Appends a line to DIR/NAME in one write. */
static inline void __attribute__((format(printf, 3, 4))) fake_log(const char *dir, const char *name, const char *fmt, ...)
{
	char path[4096], line[4096];
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(line, sizeof line - 1, fmt, args);
	va_end(args);
	if (len < 0 || len > (int)sizeof line - 2) return;
	line[len++] = '\n';
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd < 0 || write(fd, line, (size_t)len) != len) abort();
	close(fd);
}

/* "fds 0 1 2 3", "env A=b C=d", "uid 1 gid 2 groups 0": what a child must not have too much of. */
static inline void fake_log_self(const char *dir, const char *name)
{
	char text[2048] = "";
	int number[64], count = 0;
	DIR *fds = opendir("/proc/self/fd");
	for (struct dirent *e; fds && (e = readdir(fds)) && count < 64;) {
		int fd = (int)strtol(e->d_name, NULL, 10);
		if (e->d_name[0] != '.' && fd != dirfd(fds)) number[count++] = fd;
	}
	if (fds) closedir(fds);
	for (int want = 0, len = 0; want < 1024; want++)
		for (int i = 0; i < count; i++)
			if (number[i] == want) len += snprintf(text + len, sizeof text - (size_t)len, " %d", want);
	fake_log(dir, name, "fds%s", text);
	text[0] = '\0';
	for (char **e = environ; *e; e++) {
		if (strstr(*e, "SAN_OPTIONS=")) continue;
		size_t len = strlen(text);
		snprintf(text + len, sizeof text - len, " %s", *e);
	}
	fake_log(dir, name, "env%s", text);
	fake_log(dir, name, "uid %d gid %d groups %d", (int)getuid(), (int)getgid(), getgroups(0, NULL));
}

#endif
