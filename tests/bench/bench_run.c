/* Runs a program and says what it took: a small process between, because the largest resident memory of a process counts what it was before exec too.
 *
 *   bench_run PROGRAM ARGUMENTS…        a line of JSON on its own standard output; the program's goes to /dev/null */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common.h"

extern char **environ;

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	pid_t pid;
	int status;
	if (argc < 2) bench_die("usage: bench_run PROGRAM ARGUMENTS");
	bench_must(posix_spawn_file_actions_init(&actions) == 0 && posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0, "preparing");
	uint64_t begun = bench_now_ns();
	int rc = posix_spawnp(&pid, argv[1], &actions, NULL, argv + 1, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc) bench_die("%s: %s", argv[1], strerror(rc));
	bench_must(wait4(pid, &status, 0, &usage) == pid, "waiting");
	double seconds = (double)(bench_now_ns() - begun) / 1e9;
	double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	printf("{\"seconds\":%.4f,\"cpu_s\":%.3f,\"rss_mib\":%.1f}\n", seconds, cpu, (double)usage.ru_maxrss / 1024);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
