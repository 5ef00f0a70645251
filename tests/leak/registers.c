/* leak_registers PID: writes the registers of every thread of a process to standard output, general ones and those of vectors, as a core dump holds them.
 * The threads are stopped for that and go on. */
#include <dirent.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define SET_MAX 32768u /* bytes of one register set */
#define THREADS_MAX 256

static void write_set(pid_t tid, int set)
{
	static unsigned char bytes[SET_MAX];
	struct iovec v = { bytes, sizeof bytes };
	if (ptrace(PTRACE_GETREGSET, tid, (void *)(long)set, &v) == 0) (void)fwrite(bytes, 1, v.iov_len, stdout);
	memset(bytes, 0, sizeof bytes);
}

static size_t list_threads(const char *pid, pid_t *out)
{
	char path[64];
	size_t count = 0;
	struct dirent *entry;
	snprintf(path, sizeof path, "/proc/%.20s/task", pid);
	DIR *dir = opendir(path);
	while (dir && count < THREADS_MAX && (entry = readdir(dir))) {
		long tid = strtol(entry->d_name, NULL, 10);
		if (tid > 0) out[count++] = (pid_t)tid;
	}
	if (dir) closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	pid_t tids[THREADS_MAX];
	size_t count = argc == 2 ? list_threads(argv[1], tids) : 0, seized = 0;
	for (size_t i = 0; i < count; i++) {
		if (ptrace(PTRACE_SEIZE, tids[i], NULL, NULL) == 0) tids[seized++] = tids[i];
	}
	for (size_t i = 0; i < seized; i++) (void)ptrace(PTRACE_INTERRUPT, tids[i], NULL, NULL);
	for (size_t i = 0; i < seized; i++) {
		int status;
		if (waitpid(tids[i], &status, __WALL) != tids[i] || !WIFSTOPPED(status)) continue;
		write_set(tids[i], NT_PRSTATUS);
#ifdef __x86_64__
		write_set(tids[i], NT_X86_XSTATE);
#else
		write_set(tids[i], NT_PRFPREG);
#endif
	}
	for (size_t i = 0; i < seized; i++) (void)ptrace(PTRACE_DETACH, tids[i], NULL, NULL);
	if (seized == 0) fprintf(stderr, "leak_registers: no thread can be traced\n");
	return seized ? 0 : 2;
}
