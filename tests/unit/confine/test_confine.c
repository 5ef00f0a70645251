/* Each profile in a child of its own: what it must not do ends it by SIGSYS, what it needs goes on; files outside the list are closed to it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine.h"

#define UNEXPECTED 99 /* a call that should have ended the child came back */

typedef int child_fn(void);

/* Wait status of a child that confined itself and then ran fn. */
static int run(enum confine_profile profile, child_fn *fn)
{
	pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		struct reason reason = { "" };
		if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(98);
		if (confine_syscalls(profile, &reason) != ERR_OK) _exit(97);
		_exit(fn());
	}
	int status = 0;
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void ends(enum confine_profile profile, const char *what, child_fn *fn)
{
	int status = run(profile, fn);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS) fail_msg("%s: wait status %#x instead of an end by SIGSYS", what, (unsigned)status);
}

static void goes_on(enum confine_profile profile, const char *what, child_fn *fn)
{
	int status = run(profile, fn);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("%s: wait status %#x instead of a good end", what, (unsigned)status);
}

static int do_execve(void) { char *const none[] = { NULL }; execve("/bin/true", none, none); return UNEXPECTED; }
static int do_execveat(void) { syscall(SYS_execveat, -1, "/bin/true", NULL, NULL, 0); return UNEXPECTED; }
static int do_fork(void) { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); return UNEXPECTED; }
static int do_ptrace(void) { ptrace(PTRACE_ATTACH, getppid(), 0, 0); return UNEXPECTED; }
static int do_inet(void) { (void)!socket(AF_INET, SOCK_STREAM, 0); return UNEXPECTED; }
static int do_inet6(void) { (void)!socket(AF_INET6, SOCK_DGRAM, 0); return UNEXPECTED; }
static int do_netlink(void) { (void)!socket(AF_NETLINK, SOCK_RAW, 0); return UNEXPECTED; }
static int do_vsock(void) { (void)!socket(AF_VSOCK, SOCK_STREAM, 0); return UNEXPECTED; }
static int do_bpf(void) { syscall(SYS_bpf, 0, NULL, 0); return UNEXPECTED; }
static int do_io_uring(void) { syscall(SYS_io_uring_setup, 1, NULL); return UNEXPECTED; }
static int do_mount(void) { syscall(SYS_mount, NULL, "/", NULL, 0, NULL); return UNEXPECTED; }
static int do_keyctl(void) { syscall(SYS_keyctl, 0, 0, 0, 0, 0); return UNEXPECTED; }
static int do_setuid(void) { syscall(SYS_setresuid, -1, -1, -1); return UNEXPECTED; }
static int do_kill_other(void) { kill(getppid(), 0); return UNEXPECTED; }
static int do_pidfd_getfd(void) { syscall(SYS_pidfd_getfd, -1, 0, 0); return UNEXPECTED; }

static int do_vm_readv(void)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	(void)!process_vm_readv(getppid(), &iov, 1, &iov, 1, 0);
	return UNEXPECTED;
}

static int do_vm_writev(void)
{
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	(void)!process_vm_writev(getppid(), &iov, 1, &iov, 1, 0);
	return UNEXPECTED;
}

static int do_executable(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return UNEXPECTED;
}

static int do_make_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) return 1;
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	return UNEXPECTED;
}

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

/* Shared memory of any other kind than rings are of. */
static int do_plain_memfd(void) { (void)!memfd_create("x", 0); return UNEXPECTED; }
static int do_unsealable_memfd(void) { (void)!memfd_create("x", MFD_CLOEXEC); return UNEXPECTED; }
static int do_executable_memfd(void) { (void)!memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10); return UNEXPECTED; }
static int do_huge_memfd(void) { (void)!memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB); return UNEXPECTED; }

static const struct { const char *what; child_fn *fn; } forbidden[] = {
	{ "execve", do_execve }, { "execveat", do_execveat }, { "fork", do_fork }, { "ptrace", do_ptrace }, { "an AF_INET socket", do_inet },
	{ "an AF_INET6 socket", do_inet6 }, { "a netlink socket", do_netlink }, { "a vsock socket", do_vsock },
	{ "process_vm_readv", do_vm_readv }, { "process_vm_writev", do_vm_writev }, { "bpf", do_bpf }, { "io_uring", do_io_uring },
	{ "mount", do_mount }, { "keyctl", do_keyctl }, { "setresuid", do_setuid }, { "a signal to another process", do_kill_other },
	{ "pidfd_getfd", do_pidfd_getfd }, { "shared memory of a plain kind", do_plain_memfd }, { "shared memory without seals", do_unsealable_memfd },
	{ "executable shared memory", do_executable_memfd }, { "shared memory of huge pages", do_huge_memfd },
};

static void cofferd_ends_at_what_it_never_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) ends(CONFINE_COFFERD, forbidden[i].what, forbidden[i].fn);
	ends(CONFINE_COFFERD, "executable memory", do_executable);
	ends(CONFINE_COFFERD, "memory made executable", do_make_executable);
}

static void tokend_for_a_tpm_ends_at_what_it_never_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) ends(CONFINE_TOKEND_TPM2, forbidden[i].what, forbidden[i].fn);
}

static int open_sockets(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 && socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 1;
}

static void tokend_for_a_remote_tpm_may_use_the_network_and_nothing_else(void **state)
{
	(void)state;
	goes_on(CONFINE_STORED, "sockets", open_sockets);
	ends(CONFINE_STORED, "execve", do_execve);
	ends(CONFINE_STORED, "process_vm_readv", do_vm_readv);
	ends(CONFINE_STORED, "vsock", do_vsock);
	goes_on(CONFINE_TOKEND_TPM2_NET, "sockets", open_sockets);
	ends(CONFINE_TOKEND_TPM2_NET, "execve", do_execve);
	ends(CONFINE_TOKEND_TPM2_NET, "process_vm_readv", do_vm_readv);
	ends(CONFINE_TOKEND_TPM2_NET, "vsock", do_vsock);
}

static void tokend_for_a_module_ends_at_what_no_token_needs(void **state)
{
	(void)state;
	goes_on(CONFINE_TOKEND_PKCS11, "sockets", open_sockets);
	ends(CONFINE_TOKEND_PKCS11, "execve", do_execve);
	ends(CONFINE_TOKEND_PKCS11, "ptrace", do_ptrace);
	ends(CONFINE_TOKEND_PKCS11, "process_vm_readv", do_vm_readv);
	ends(CONFINE_TOKEND_PKCS11, "process_vm_writev", do_vm_writev);
	ends(CONFINE_TOKEND_PKCS11, "bpf", do_bpf);
	ends(CONFINE_TOKEND_PKCS11, "mount", do_mount);
	ends(CONFINE_TOKEND_PKCS11, "setresuid", do_setuid);
}

/* The five that matter most, for each filter, as bare system calls whose arguments are of no use: so a process without a filter survives them. */
static int bare_execve(void) { syscall(SYS_execve, NULL, NULL, NULL); return 0; }
static int bare_ptrace(void) { syscall(SYS_ptrace, PTRACE_PEEKDATA, -1, NULL, NULL); return 0; }
static int bare_inet(void) { syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); return 0; }
static int bare_vm_readv(void) { syscall(SYS_process_vm_readv, -1, NULL, 0, NULL, 0, 0); return 0; }
static int bare_bpf(void) { syscall(SYS_bpf, -1, NULL, 0); return 0; }

static const struct { const char *what; child_fn *fn; bool network; } five[] = {
	{ "execve", bare_execve, false }, { "ptrace", bare_ptrace, false }, { "an AF_INET socket", bare_inet, true },
	{ "process_vm_readv", bare_vm_readv, false }, { "bpf", bare_bpf, false },
};

static void every_filter_ends_at_the_five(void **state)
{
	static const struct { enum confine_profile profile; bool network, exec; } filters[] = {
		{ CONFINE_COFFERD, false, false }, { CONFINE_TOKEND_TPM2, false, false }, { CONFINE_TOKEND_TPM2_NET, true, false }, { CONFINE_STORED, true, false },
		{ CONFINE_TOKEND_PKCS11, true, false }, { CONFINE_MONITOR, true, true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
		for (size_t j = 0; j < sizeof five / sizeof five[0]; j++) {
			bool may = (five[j].network && filters[i].network) || (five[j].fn == bare_execve && filters[i].exec);
			if (may) goes_on(filters[i].profile, five[j].what, five[j].fn);
			else ends(filters[i].profile, five[j].what, five[j].fn);
		}
	}
}

static int run_a_program(void)
{
	char name[] = "true", *const argv[] = { name, NULL };
	execv("/bin/true", argv);
	return UNEXPECTED;
}

static void the_monitor_may_run_programs(void **state)
{
	(void)state;
	goes_on(CONFINE_MONITOR, "exec", run_a_program);
}

static void without_a_filter_the_five_are_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof five / sizeof five[0]; i++) {
		int status = 0;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) _exit(five[i].fn());
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("%s: wait status %#x without a filter", five[i].what, (unsigned)status);
	}
}

static int gate[2];

static void *wait_then_call(void *arg)
{
	char byte;
	if (read(gate[0], &byte, 1) == 1) bare_bpf();
	return arg;
}

/* The thread that was there before the filter is under it too. */
static void a_thread_that_was_there_is_confined_too(void **state)
{
	int status = 0;
	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		struct reason reason = { "" };
		pthread_t thread;
		if (pipe(gate) != 0 || setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(98);
		if (pthread_create(&thread, NULL, wait_then_call, NULL) != 0) _exit(97);
		if (confine_syscalls(CONFINE_TOKEND_PKCS11, &reason) != ERR_OK) _exit(96);
		if (write(gate[1], "x", 1) != 1) _exit(95);
		pthread_join(thread, NULL);
		_exit(UNEXPECTED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void *nothing(void *arg)
{
	return arg;
}

/* What the daemon lives on: a thread, a Unix socket pair of its own kind, a file, memory. */
static int ordinary_work(void)
{
	pthread_t thread;
	char path[] = "/tmp/coffer-confine-XXXXXX";
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0) return 1;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0) return 2;
	int file = mkstemp(path);
	if (file < 0 || write(file, "x", 1) != 1 || fsync(file) != 0 || unlink(path) != 0) return 3;
	void *block = malloc(1 << 20);
	free(block);
	int ring = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int newer = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL); /* EINVAL before Linux 6.3 */
	if (ring < 0 || (newer < 0 && errno != EINVAL) || fchmod(ring, 0600) != 0 || ftruncate(ring, 4096) != 0 || fallocate(ring, 0, 0, 4096) != 0) return 5;
	return printf("%s", "") < 0 ? 4 : 0;
}

static void ordinary_work_goes_on(void **state)
{
	(void)state;
	goes_on(CONFINE_COFFERD, "ordinary work", ordinary_work);
}

static int do_abort(void)
{
	abort();
}

static void an_assertion_still_ends_by_abort(void **state)
{
	(void)state;
	int status = run(CONFINE_COFFERD, do_abort);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* ---- files ---- */

static char root[64];

static void put(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", root, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool may_open(const char *name, int flags)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", root, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0) close(fd);
	return fd >= 0;
}

static int look_around(void)
{
	char rw[96], ro[96];
	int abi;
	struct reason reason = { "" };
	snprintf(rw, sizeof rw, "%s/rw", root);
	snprintf(ro, sizeof ro, "%s/ro", root);
	const struct confine_path paths[] = { { rw, true }, { ro, false }, { "/there/is/no/such/folder", true }, { "", true }, { NULL, true } };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
	if (confine_files(paths, sizeof paths / sizeof paths[0], &abi, &reason) != ERR_OK) return 2;
	if (abi == 0) return 77;
	if (!may_open("rw/a", O_RDWR) || !may_open("rw/new", O_RDWR | O_CREAT)) return 3;
	if (!may_open("ro/a", O_RDONLY) || may_open("ro/a", O_RDWR) || may_open("ro/new", O_RDWR | O_CREAT)) return 4;
	if (may_open("no/a", O_RDONLY) || may_open("no/a", O_RDWR) || may_open("no/new", O_RDWR | O_CREAT)) return 5;
	snprintf(rw, sizeof rw, "%s/no/a", root);
	return unlink(rw) == 0 ? 6 : 0;
}

static void only_listed_files_are_open(void **state)
{
	char path[96];
	static const char *const folders[] = { "rw", "ro", "no" };
	static const char *const files[] = { "rw/a", "ro/a", "no/a" };
	(void)state;
	snprintf(root, sizeof root, "/tmp/coffer-landlock-XXXXXX");
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", root, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
		put(files[i]);
	}
	pid_t pid = fork();
	if (pid == 0) _exit(look_around());
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(path, sizeof path, "rm -rf %s", root);
	assert_int_equal(system(path), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("this kernel has no Landlock: not tested\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest filters[] = {
		cmocka_unit_test(cofferd_ends_at_what_it_never_does), cmocka_unit_test(tokend_for_a_tpm_ends_at_what_it_never_does),
		cmocka_unit_test(tokend_for_a_remote_tpm_may_use_the_network_and_nothing_else),
		cmocka_unit_test(tokend_for_a_module_ends_at_what_no_token_needs), cmocka_unit_test(every_filter_ends_at_the_five), cmocka_unit_test(the_monitor_may_run_programs), cmocka_unit_test(a_thread_that_was_there_is_confined_too),
		cmocka_unit_test(ordinary_work_goes_on),
		cmocka_unit_test(an_assertion_still_ends_by_abort),
	};
	const struct CMUnitTest files[] = { cmocka_unit_test(only_listed_files_are_open), cmocka_unit_test(without_a_filter_the_five_are_survived) };
	int failed = cmocka_run_group_tests_name("files", files, NULL, NULL);
	if (!confine_built()) print_message("a sanitizer build has no filter of system calls: not tested here\n");
	else failed += cmocka_run_group_tests_name("system calls", filters, NULL, NULL);
	return failed;
}
