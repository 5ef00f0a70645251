/* Forked children of tests. */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int child_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	return 1;
}

static void in_child(int (*fn)(void), int err_fd)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS };
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
		signal(signals[i], SIG_DFL);
	dup2(err_fd, STDERR_FILENO);
	int status = fn();
	fflush(stderr);
	_exit(status);
}

void child_run(int (*fn)(void), struct child_end *out)
{
	int pipe_fds[2], status = 0;
	size_t len = 0;
	*out = (struct child_end){ .signal = -1, .status = -1 };
	fflush(NULL);
	if (pipe(pipe_fds) != 0) return;
	pid_t pid = fork();
	if (pid == 0) in_child(fn, pipe_fds[1]);
	close(pipe_fds[1]);
	while (pid > 0 && len < sizeof out->text - 1) {
		ssize_t n = read(pipe_fds[0], out->text + len, sizeof out->text - 1 - len);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) break;
		len += (size_t)n;
	}
	close(pipe_fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) return;
	out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	out->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
