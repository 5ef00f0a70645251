/* crash_inject [--record FILE] [--note FILE] [--kill PROCESS/THREAD/CALL/N]… -- PROGRAM [ARGUMENT…]
 *
 * Runs a program with all its processes and threads, counts chosen system calls by (process, thread, call), and kills the process that is about to make
 * the n-th one with SIGKILL: the call does not happen. After a kill counting begins anew for the next --kill, so that a process that was started
 * again can be killed on its way back. strace's injection counts a call over all threads together, or by task, and cannot tell roles apart; and it stops at
 * every call, where a seccomp filter here stops at the chosen ones alone.
 *
 * PROCESS is the name of the program as the kernel has it (15 characters), or "child" between fork and exec; THREAD is the thread's name, "main" for
 * the first. SIGTERM and SIGINT are passed on. --record writes one line for each counted call, in order. --note gets one line for each kill, with the monotonic clock in ms.
 * Exit status: that of the program, 137 when it was killed, 99 when something here failed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TASKS_MAX 256u
#define COUNTS_MAX 4096u
#define KILLS_MAX 8u
#define NAME_LEN 16u
#define FAILED 99

struct call {
	int number;
	const char *name;
};

#define CALL(name) { SYS_##name, #name }
static const struct call calls[] = {
	/* what changes something outside of the process */
	CALL(pwrite64), CALL(write), CALL(writev), CALL(fsync), CALL(fdatasync), CALL(ftruncate), CALL(openat), CALL(renameat), CALL(renameat2),
	CALL(unlinkat), CALL(mkdirat), CALL(fchmod), CALL(fchmodat), CALL(sendto), CALL(sendmsg), CALL(socket), CALL(connect), CALL(bind), CALL(listen),
	CALL(accept4), CALL(clone), CALL(execve), CALL(exit_group), CALL(sync), CALL(shutdown),
#ifdef SYS_rename
	CALL(rename), CALL(unlink), CALL(mkdir), CALL(rmdir), CALL(chmod), CALL(open),
#endif
	/* what it waits for, reads and gives back */
	CALL(pread64), CALL(read), CALL(recvfrom), CALL(recvmsg), CALL(close), CALL(fcntl), CALL(lseek), CALL(fstat), CALL(newfstatat), CALL(mmap),
	CALL(munmap), CALL(getdents64), CALL(flock),
#ifdef SYS_access
	CALL(access),
#endif
};
#define CALLS (sizeof calls / sizeof calls[0])

struct task {
	pid_t tid, tgid;   /* tid 0: a free place */
	bool named;        /* false: read the names again */
	char process[NAME_LEN], thread[NAME_LEN];
};

struct count {
	char process[NAME_LEN], thread[NAME_LEN];
	size_t call;
	unsigned n;
};

struct point {
	char process[NAME_LEN], thread[NAME_LEN], call[NAME_LEN];
	unsigned n;
};

static struct task tasks[TASKS_MAX];
static struct count counts[COUNTS_MAX];
static size_t count_of;
static struct point kills[KILLS_MAX];
static size_t kill_count, kill_next;
static FILE *record, *note;
static volatile pid_t program_pid;

_Noreturn static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn static void fail(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fprintf(stderr, "crash_inject: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(FAILED); /* PTRACE_O_EXITKILL ends what is traced */
}

static unsigned long long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

static struct task *find_task(pid_t tid)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (tasks[i].tid == tid) return &tasks[i];
	return NULL;
}

/* The thread group of a task; the task itself when it is gone. */
static pid_t group_of(pid_t tid)
{
	char path[64], line[256];
	int tgid = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
	FILE *f = fopen(path, "re");
	while (f && !tgid && fgets(line, sizeof line, f))
		if (sscanf(line, "Tgid: %d", &tgid) != 1) tgid = 0;
	if (f) fclose(f);
	return tgid ? tgid : tid;
}

static struct task *task_of(pid_t tid)
{
	struct task *t = find_task(tid);
	if (t) return t;
	t = find_task(0);
	if (!t) fail("more than %u threads", TASKS_MAX);
	*t = (struct task){ .tid = tid, .tgid = group_of(tid) };
	snprintf(t->process, sizeof t->process, "child");
	return t;
}

static void read_name(pid_t tid, char out[static NAME_LEN])
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/comm", (int)tid);
	FILE *f = fopen(path, "re");
	if (!f) return;
	if (fgets(out, (int)NAME_LEN, f)) out[strcspn(out, "\n")] = '\0';
	fclose(f);
}

/* Children keep "child" until they run a program of their own. */
static void name_task(struct task *t)
{
	struct task *leader = find_task(t->tgid);
	t->named = true;
	if (t->tid == t->tgid) {
		snprintf(t->thread, sizeof t->thread, "main");
		return;
	}
	if (leader) memcpy(t->process, leader->process, sizeof t->process);
	read_name(t->tid, t->thread);
	t->named = strcmp(t->thread, t->process) != 0; /* one that has not said its name yet */
}

static struct count *count_for(const struct task *t, size_t call)
{
	for (size_t i = 0; i < count_of; i++) {
		struct count *c = &counts[i];
		if (c->call == call && strcmp(c->thread, t->thread) == 0 && strcmp(c->process, t->process) == 0) return c;
	}
	if (count_of == COUNTS_MAX) fail("too many kinds of calls");
	struct count *c = &counts[count_of++];
	*c = (struct count){ .call = call };
	memcpy(c->process, t->process, sizeof c->process);
	memcpy(c->thread, t->thread, sizeof c->thread);
	return c;
}

/* Stops cost time: without a record only the calls of the kills are counted. */
static bool is_wanted(size_t call)
{
	bool wanted = record != NULL;
	for (size_t i = 0; i < kill_count && !wanted; i++) wanted = strcmp(kills[i].call, calls[call].name) == 0;
	return wanted;
}

/* Which file a descriptor is, for the record. */
static void describe(const struct task *t, uint64_t fd, char out[static 128])
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)t->tgid, (int)fd);
	ssize_t n = readlink(path, out, 127);
	out[n > 0 ? n : 0] = '\0';
}

static void write_record(const struct task *t, const struct count *c, uint64_t first)
{
	char what[128] = "";
	if (first < 4096) describe(t, first, what);
	fprintf(record, "%s/%s/%s/%u %s\n", t->process, t->thread, calls[c->call].name, c->n, what[0] ? what : "-");
}

/* Counts the call that the task is about to make; kills its process when it is the one. */
static void on_call(struct task *t)
{
	struct __ptrace_syscall_info info;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof info, &info) <= 0) return; /* killed meanwhile */
	uint64_t number = info.seccomp.nr;
	if (number == SYS_prctl) {
		t->named = false;
		return;
	}
	size_t call = 0;
	while (call < CALLS && (uint64_t)calls[call].number != number) call++;
	if (call == CALLS) return;
	if (!t->named) name_task(t);
	struct count *c = count_for(t, call);
	c->n++;
	if (record) write_record(t, c, info.seccomp.args[0]);
	const struct point *p = kill_next < kill_count ? &kills[kill_next] : NULL;
	if (!p || c->n != p->n || strcmp(p->call, calls[call].name) != 0 || strcmp(p->thread, t->thread) != 0 || strcmp(p->process, t->process) != 0)
		return;
	if (kill(t->tgid, SIGKILL) != 0) fail("kill: %m");
	if (note) fprintf(note, "%s/%s/%s/%u %llu\n", p->process, p->thread, p->call, p->n, now_ms());
	if (note) fflush(note);
	kill_next++;
	count_of = 0;
}

static void on_event(struct task *t, int event)
{
	unsigned long message = 0;
	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		on_call(t);
		break;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		if (ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &message) == 0) task_of((pid_t)message);
		break;
	case PTRACE_EVENT_EXEC:
		read_name(t->tid, t->process);
		t->tgid = t->tid;
		t->named = false;
		break;
	default: break;
	}
}

static void on_stop(pid_t tid, int status)
{
	struct task *t = task_of(tid);
	int signal_number = WSTOPSIG(status), event = status >> 16;
	bool stopping = signal_number == SIGSTOP || signal_number == SIGTSTP || signal_number == SIGTTIN || signal_number == SIGTTOU;
	if (event == PTRACE_EVENT_STOP && stopping) {
		ptrace(PTRACE_LISTEN, tid, 0, 0);
		return;
	}
	if (event) on_event(t, event);
	ptrace(PTRACE_CONT, tid, 0, event ? 0L : (long)signal_number); /* fails for one that was killed meanwhile */
}

/* The root's exit status, once nothing is left that is traced. */
static int follow(pid_t root)
{
	int status, result = FAILED;
	for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
		if (tid < 0) continue;
		if (WIFSTOPPED(status)) {
			on_stop(tid, status);
			continue;
		}
		if (tid == root) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		struct task *t = find_task(tid);
		if (t) t->tid = 0;
	}
	return result;
}

static void install_filter(void)
{
	struct sock_filter code[4 + CALLS + 3];
	size_t n = 0;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CALLS; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number,
			is_wanted(i) ? (uint8_t)(CALLS - i + 1) : 0, 0);
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	const struct sock_fprog program = { .len = (unsigned short)n, .filter = code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) fail("seccomp: %m");
}

/* Waits until it is traced; when that never happens, the pipe ends. */
_Noreturn static void become(char **argv, const int go[static 2])
{
	char byte;
	close(go[1]);
	if (read(go[0], &byte, 1) != 1) _exit(FAILED);
	close(go[0]);
	install_filter();
	execvp(argv[0], argv);
	fprintf(stderr, "crash_inject: %s: %s\n", argv[0], strerror(errno));
	_exit(FAILED);
}

static void parse_point(const char *text)
{
	struct point *p = &kills[kill_count];
	if (kill_count == KILLS_MAX || sscanf(text, "%15[^/]/%15[^/]/%15[^/]/%u", p->process, p->thread, p->call, &p->n) != 4)
		fail("'%s' is not PROCESS/THREAD/CALL/N, or there are more than %u of them", text, KILLS_MAX);
	kill_count++;
}

/* A stop is for the program; this process ends with it. */
static void pass_on(int signal_number)
{
	kill(program_pid, signal_number);
}

static FILE *open_for(const char *path)
{
	FILE *f = fopen(path, "we");
	if (!f) fail("%s: %m", path);
	(void)setvbuf(f, NULL, _IOLBF, 0); /* who reads meanwhile sees whole lines */
	return f;
}

static char **parse(int argc, char **argv)
{
	int i = 1;
	for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
		if (strcmp(argv[i], "--record") == 0) {
			record = open_for(argv[i + 1]);
			setvbuf(record, NULL, _IOLBF, 0); /* who reads it meanwhile sees where the run is */
		} else if (strcmp(argv[i], "--note") == 0) note = open_for(argv[i + 1]);
		else if (strcmp(argv[i], "--kill") == 0) parse_point(argv[i + 1]);
		else fail("unknown argument '%s'", argv[i]);
	}
	if (i + 1 >= argc) fail("usage: crash_inject [--record FILE] [--note FILE] [--kill PROCESS/THREAD/CALL/N]... -- PROGRAM [ARGUMENT...]");
	return argv + i + 1;
}

int main(int argc, char **argv)
{
	int go[2];
	char **program = parse(argc, argv);
	if (pipe2(go, O_CLOEXEC) != 0) fail("pipe: %m");
	pid_t root = fork();
	if (root < 0) fail("fork: %m");
	if (root == 0) become(program, go);
	long options = PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP;
	if (ptrace(PTRACE_SEIZE, root, 0, options) != 0) fail("ptrace: %m");
	task_of(root);
	program_pid = root;
	signal(SIGTERM, pass_on);
	signal(SIGINT, pass_on);
	if (write(go[1], "g", 1) != 1) fail("pipe: %m");
	int result = follow(root);
	if (record && fclose(record) != 0) fail("the record cannot be written: %m");
	return result;
}
