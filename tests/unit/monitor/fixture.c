/* The fixture of the monitor's tests. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static void tick(void)
{
	const struct timespec pause = { 0, 5000000 };
	nanosleep(&pause, NULL);
}

static void path_of(const struct fixture *f, const char *file, char out[static 256])
{
	assert_true(snprintf(out, 256, "%s/%s", f->dir, file) < 256);
}

static void copy_program(const struct fixture *f, const char *name)
{
	char from[4096], to[256], bytes[65536];
	snprintf(from, sizeof from, "%s/tests/monitor/%s", getenv("COFFER_BUILD_DIR"), name);
	snprintf(to, sizeof to, "%s/bin/%s", f->dir, name);
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0755);
	assert_true(in >= 0 && out >= 0);
	for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	assert_int_equal(fchmod(out, 0755), 0);
	close(in);
	close(out);
}

static int open_notify(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", f->dir);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char path[256];
	assert_non_null(f);
	if (!getenv("COFFER_BUILD_DIR")) return -1;
	memcpy(f->dir, "/tmp/coffer-monitor-XXXXXX", 27);
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(chmod(f->dir, 0777), 0); /* the fakes, which are other users, write here */
	path_of(f, "bin", path);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chmod(path, 0755), 0);
	copy_program(f, "coffer-monitor");
	copy_program(f, "cofferd");
	copy_program(f, "coffer-tokend-tpm2");
	copy_program(f, "coffer-notify");
	f->notify_fd = open_notify(f);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* orphans come to us and can be seen to end */
	*state = f;
	return 0;
}

static void remove_tree(const char *dir)
{
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(127);
	}
	if (pid > 0) waitpid(pid, NULL, 0);
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	if (f->monitor) (void)kill(f->monitor, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0) /* the monitor's children die with it and come to us */
		;
	close(f->notify_fd);
	remove_tree(f->dir);
	free(f);
	return 0;
}

static void write_config(const struct fixture *f, const char *lines)
{
	char path[256];
	path_of(f, "cofferd.conf", path);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "socket = %s/run/coffer.sock\nstate_dir = %s/state\npid_file = %s/cofferd.pid\nmonitor_pid_file = %s/monitor.pid\n"
		"tokend_environment = FAKE_DIR=%s EXTRA=yes\n%s", f->dir, f->dir, f->dir, f->dir, f->dir, lines);
	if (geteuid() == 0 && !strstr(lines, "user_cofferd"))
		fprintf(out, "user_cofferd = %d\nuser_tokend = %d\n%s", FIXTURE_UID_COFFERD, FIXTURE_UID_TOKEND, strstr(lines, "user_notify") ? "" : "user_notify = 64313\n");
	fclose(out);
	chmod(path, 0644);
}

static void run_monitor(const struct fixture *f)
{
	char program[256], config[256], log[256], notify[256], name[] = "cofferd", flag[] = "--config";
	path_of(f, "bin/coffer-monitor", program);
	path_of(f, "cofferd.conf", config);
	path_of(f, "log", log);
	path_of(f, "notify", notify);
	char *const argv[] = { name, flag, config, NULL };
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
	int leak = open("/dev/null", O_RDONLY); /* inherited on purpose: must not reach the children */
	if (out < 0 || leak < 0 || dup2(out, STDERR_FILENO) < 0) _exit(126);
	setenv("NOTIFY_SOCKET", notify, 1);
	setenv("LD_LIBRARY_PATH", "/nowhere", 1);
	setenv("JOURNAL_STREAM", "1:2", 1);
	execv(program, argv);
	_exit(127);
}

void fixture_start(struct fixture *f, const char *lines)
{
	write_config(f, lines);
	f->monitor = fork();
	assert_true(f->monitor >= 0);
	if (f->monitor == 0) run_monitor(f);
}

void fixture_start_ready(struct fixture *f, const char *lines)
{
	fixture_start(f, lines);
	fixture_await(f, "log", "cofferd is ready", 1);
}

int fixture_wait_end(struct fixture *f)
{
	int status;
	for (uint64_t until = clock_mono_ms() + FIXTURE_LIMIT_MS; clock_mono_ms() < until; tick()) {
		if (waitpid(f->monitor, &status, WNOHANG) != f->monitor) continue;
		f->monitor = 0;
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	fail_msg("the monitor does not end");
	return -1;
}

void fixture_command(struct fixture *f, const char *word, unsigned number)
{
	char part[256], path[256], done[64];
	path_of(f, "command.part", part);
	path_of(f, "command", path);
	snprintf(done, sizeof done, "did %s %u\n", word, number);
	unsigned before = fixture_count(f, "cofferd.log", done);
	FILE *out = fopen(part, "w");
	assert_non_null(out);
	fprintf(out, "%s %u\n", word, number);
	fclose(out);
	chmod(part, 0666);
	assert_int_equal(rename(part, path), 0);
	if (strcmp(word, "exit") != 0 && strcmp(word, "noise") != 0) fixture_await(f, "cofferd.log", done, before + 1);
}

/* Up to 64 KiB of a file; "" when it is not there. */
static void read_file(const struct fixture *f, const char *file, char out[static 65536])
{
	char path[256];
	size_t len = 0;
	path_of(f, file, path);
	FILE *in = fopen(path, "r");
	if (in) {
		len = fread(out, 1, 65535, in);
		fclose(in);
	}
	out[len] = '\0';
}

unsigned fixture_count(struct fixture *f, const char *file, const char *text)
{
	static char bytes[65536];
	unsigned count = 0;
	read_file(f, file, bytes);
	for (const char *at = bytes; (at = strstr(at, text)); at++)
		count++;
	return count;
}

void fixture_await(struct fixture *f, const char *file, const char *text, unsigned times)
{
	static char bytes[65536];
	for (uint64_t until = clock_mono_ms() + FIXTURE_LIMIT_MS; clock_mono_ms() < until; tick())
		if (fixture_count(f, file, text) >= times) return;
	read_file(f, "log", bytes);
	fail_msg("%s does not contain '%s' %u times; the log: %s", file, text, times, bytes);
}

long fixture_number(struct fixture *f, const char *file, const char *text)
{
	static char bytes[65536];
	read_file(f, file, bytes);
	const char *last = strstr(bytes, text);
	for (const char *at = last; at && text[0] && (at = strstr(at, text)); at++)
		last = at;
	if (!last) fail_msg("%s does not contain '%s'", file, text);
	return strtol(last + strlen(text), NULL, 10);
}

bool fixture_alive(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };
	if (kill(pid, 0) != 0) return false;
	/* A zombie that came to us as its reaper is not alive. */
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0;
}

void fixture_await_gone(pid_t pid)
{
	for (uint64_t until = clock_mono_ms() + FIXTURE_LIMIT_MS; clock_mono_ms() < until; tick())
		if (!fixture_alive(pid)) return;
	fail_msg("process %d is still there", (int)pid);
}

void fixture_await_notify(struct fixture *f, const char *text)
{
	char message[1024];
	struct pollfd p = { .fd = f->notify_fd, .events = POLLIN };
	for (uint64_t until = clock_mono_ms() + FIXTURE_LIMIT_MS; clock_mono_ms() < until;) {
		if (poll(&p, 1, 100) <= 0) continue;
		ssize_t n = recv(f->notify_fd, message, sizeof message - 1, 0);
		message[n > 0 ? n : 0] = '\0';
		if (strstr(message, text)) return;
	}
	fail_msg("the service manager was not told '%s'", text);
}

bool fixture_exists(struct fixture *f, const char *file)
{
	char path[256];
	path_of(f, file, path);
	return access(path, F_OK) == 0;
}
