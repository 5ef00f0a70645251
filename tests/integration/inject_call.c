/* What a running process may do: inject_call TID NAME makes the thread TID of another process run one system call, as code that was taken over
 * would, and says "killed by N" or "returned N". NAME hold instead stops that one thread until standard input ends. Root alone can do this to a
 * process that is not dumpable. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
int main(void)
{
	return 77; /* registers of another processor have other names */
}
#else

#define SYSCALL_INSTRUCTION 0x050f /* little-endian 0f 05 */

/* Arguments that do no harm where the call is let through. */
static const struct { const char *name; unsigned long call, a, b; } calls[] = {
	{ "execve", SYS_execve, 0, 0 },
	{ "ptrace", SYS_ptrace, PTRACE_PEEKDATA, 0 },
	{ "inet", SYS_socket, AF_INET, SOCK_STREAM },
	{ "process_vm_readv", SYS_process_vm_readv, 0, 0 },
	{ "bpf", SYS_bpf, 9999, 0 },
	{ "getpid", SYS_getpid, 0, 0 },
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "inject_call: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The next stop of the thread; ends the program when there is none. */
static void await_stop(pid_t tid)
{
	int status = 0;
	if (waitpid(tid, &status, __WALL) != tid) die("wait");
	if (WIFSTOPPED(status)) return;
	if (WIFSIGNALED(status)) printf("killed by %d\n", WTERMSIG(status));
	else printf("ended\n");
	exit(0);
}

static void go_on(pid_t tid)
{
	if (ptrace(PTRACE_SYSCALL, tid, 0, 0) != 0) die("go on");
	await_stop(tid);
}

/* The thread was waiting in a call, or was about to begin one: that is begun again. */
static void put_back(pid_t tid, struct user_regs_struct regs, int at_entry)
{
	long result = (long)regs.rax;
	if (at_entry || ((long)regs.orig_rax >= 0 && result <= -512 && result >= -514)) {
		regs.rax = regs.orig_rax;
		regs.rip -= 2;
	} else if (result == -516) {
		regs.rax = (unsigned long long)-EINTR;
	}
	regs.orig_rax = (unsigned long long)-1;
	if (ptrace(PTRACE_SETREGS, tid, 0, &regs) != 0 || ptrace(PTRACE_DETACH, tid, 0, 0) != 0) die("put back");
}

static void registers_of(pid_t tid, struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_GETREGS, tid, 0, regs) != 0) die("registers");
}

/* Whether the stopped thread waits in a call: the instruction before the one that comes next is then a system call. */
static int in_call(pid_t tid, const struct user_regs_struct *regs)
{
	errno = 0;
	long text = ptrace(PTRACE_PEEKTEXT, tid, regs->rip - 2, 0);
	if (errno != 0) die("text");
	return (text & 0xffff) == SYSCALL_INSTRUCTION;
}

static void set_call(struct user_regs_struct *regs, size_t which)
{
	regs->rdi = calls[which].a;
	regs->rsi = calls[which].b;
	regs->rdx = regs->r10 = regs->r8 = regs->r9 = 0;
}

/* The thread waits in a call: it is led to that instruction again with another call, and stops at its entry. */
static void enter_instead(pid_t tid, struct user_regs_struct regs, size_t which)
{
	set_call(&regs, which);
	regs.orig_rax = (unsigned long long)-1;
	regs.rax = calls[which].call;
	regs.rip -= 2;
	if (ptrace(PTRACE_SETREGS, tid, 0, &regs) != 0) die("registers");
	go_on(tid);
}

/* The thread was on the processor: it goes on to the entry of its next call, which becomes another one there (filters see what is set here). */
static void replace_next(pid_t tid, struct user_regs_struct *before, size_t which)
{
	go_on(tid);
	registers_of(tid, before);
	struct user_regs_struct regs = *before;
	set_call(&regs, which);
	regs.orig_rax = calls[which].call;
	if (ptrace(PTRACE_SETREGS, tid, 0, &regs) != 0) die("registers");
}

static void inject(pid_t tid, size_t which)
{
	struct user_regs_struct before, regs;
	if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) != 0 || ptrace(PTRACE_INTERRUPT, tid, 0, 0) != 0) die("attach");
	await_stop(tid);
	registers_of(tid, &before);
	int waits = in_call(tid, &before);
	if (waits) enter_instead(tid, before, which);
	else replace_next(tid, &before, which);
	go_on(tid); /* to its end */
	registers_of(tid, &regs);
	if (regs.rax == calls[which].call) go_on(tid); /* rolled back by the filter, whose signal comes next */
	printf("returned %lld\n", (long long)regs.rax);
	put_back(tid, before, !waits);
}

static void hold(pid_t tid)
{
	char byte;
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, tid, 0, 0) != 0) die("attach");
	await_stop(tid);
	printf("held\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	if (ptrace(PTRACE_DETACH, tid, 0, 0) != 0) die("detach");
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[2], "hold") == 0) {
		hold((pid_t)strtol(argv[1], NULL, 10));
		return 0;
	}
	if (argc == 3) {
		for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
			if (strcmp(argv[2], calls[i].name) != 0) continue;
			inject((pid_t)strtol(argv[1], NULL, 10), i);
			return 0;
		}
	}
	fprintf(stderr, "usage: inject_call TID execve|ptrace|inet|process_vm_readv|bpf|getpid|hold\n");
	return 2;
}
#endif
