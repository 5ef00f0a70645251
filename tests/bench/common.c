/* What the programs of the benchmark share. */
#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *fmt, ...)
{
	va_list args;
	fflush(stdout);
	va_start(args, fmt);
	fprintf(stderr, "bench: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

void bench_must(bool ok, const char *what)
{
	if (!ok) bench_die("%s failed (%s)", what, errno ? strerror(errno) : "no more is known");
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t bench_own_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The first line of a file; "" when there is none. */
static void first_line(const char *path, char *out, size_t cap)
{
	out[0] = '\0';
	FILE *f = fopen(path, "re");
	if (!f) return;
	if (!fgets(out, (int)cap, f)) out[0] = '\0';
	fclose(f);
}

uint64_t bench_cpu_ns(pid_t pid, const char *prefix)
{
	char path[320], line[128];
	uint64_t sum = 0;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *tasks = opendir(path);
	if (!tasks) return 0;
	for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
		if (entry->d_name[0] == '.') continue;
		snprintf(path, sizeof path, "/proc/%d/task/%.32s/comm", (int)pid, entry->d_name);
		first_line(path, line, sizeof line);
		if (strncmp(line, prefix, strlen(prefix)) != 0) continue;
		snprintf(path, sizeof path, "/proc/%d/task/%.32s/schedstat", (int)pid, entry->d_name);
		first_line(path, line, sizeof line);
		sum += strtoull(line, NULL, 10);
	}
	closedir(tasks);
	return sum;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) bench_die("the path %s is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	return address;
}

int bench_connect(const char *path)
{
	const struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) bench_die("nobody answers at %s: %s", path, strerror(errno));
	return fd;
}

int bench_listen(const char *path)
{
	const struct sockaddr_un address = address_of(path);
	unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 64) != 0)
		bench_die("the socket %s cannot be made: %s", path, strerror(errno));
	return fd;
}

uint64_t bench_number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (errno || *end || end == text || n < least || n > most)
		bench_die("'%s' is not a number from %llu to %llu", text, (unsigned long long)least, (unsigned long long)most);
	return n;
}
