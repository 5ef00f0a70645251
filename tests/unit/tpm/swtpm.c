/* Starting and ending swtpm. */
#include "unit/tpm/swtpm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define START_TRIES 1000

static void fatal(const char *what)
{
	(void)fprintf(stderr, "swtpm of the test: %s: %s\n", what, strerror(errno));
	abort();
}

static int connect_once(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&a, sizeof a);
}

static void exec_swtpm(const struct swtpm *s)
{
	char state[64], server[128], ctrl[128];
	(void)snprintf(state, sizeof state, "dir=%s", s->dir);
	(void)snprintf(server, sizeof server, "type=unixio,path=%s", s->socket);
	(void)snprintf(ctrl, sizeof ctrl, "type=unixio,path=%s.ctrl", s->socket);
	int log = open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(log, 0);
	(void)dup2(log, 1);
	(void)dup2(log, 2);
	(void)execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", ctrl,
		"--flags", "not-need-init,startup-clear", (char *)NULL);
	_exit(127);
}

void swtpm_start(struct swtpm *s)
{
	const struct timespec pause = { .tv_nsec = 5000000L };
	(void)unlink(s->socket);
	s->pid = fork();
	if (s->pid < 0) fatal("fork");
	if (s->pid == 0) exec_swtpm(s);
	for (int i = 0; i < START_TRIES; i++) {
		if (connect_once(s->socket) == 0) return;
		if (waitpid(s->pid, NULL, WNOHANG) != 0) break;
		(void)nanosleep(&pause, NULL);
	}
	fatal("it does not start (is swtpm installed?)");
}

void swtpm_init(struct swtpm *s)
{
	*s = (struct swtpm){ 0 };
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(s->dir, sizeof s->dir, "/tmp/tpm-XXXXXX");
	if (!mkdtemp(s->dir)) fatal("mkdtemp");
	(void)snprintf(s->socket, sizeof s->socket, "%s/sock", s->dir);
	(void)snprintf(s->tcti, sizeof s->tcti, "swtpm:path=%s", s->socket);
	(void)snprintf(s->uri, sizeof s->uri, "tpm2:%s", s->tcti);
	swtpm_start(s);
}

void swtpm_cut(struct swtpm *s)
{
	if (s->pid <= 0) return;
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void swtpm_done(struct swtpm *s)
{
	swtpm_cut(s);
	DIR *dir = opendir(s->dir);
	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		if (e->d_name[0] != '.' || strcmp(e->d_name, ".lock") == 0) (void)unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir) (void)closedir(dir);
	(void)rmdir(s->dir);
	*s = (struct swtpm){ 0 };
}

int swtpm_tool(const struct swtpm *s, const char *command)
{
	char line[1200];
	(void)snprintf(line, sizeof line, "cd %s && export TPM2TOOLS_TCTI=%s && ( %s ) >>tool.log 2>&1", s->dir, s->tcti,
		command);
	int status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void swtpm_certify(const struct swtpm *s, const char *type)
{
	char line[900];
	const char *index = strcmp(type, "rsa") == 0 ? "0x01C00002" : "0x01C0000A";
	(void)snprintf(line, sizeof line,
		"tpm2_createek -c ek.ctx -G %s -u ek.pub && tpm2_print -t TPM2B_PUBLIC -f pem ek.pub >ek.pem && tpm2_flushcontext -t && "
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=maker -days 9 && "
		"openssl x509 -new -force_pubkey ek.pem -subj /CN=ek -CA ca.pem -CAkey ca.key -days 9 -outform DER -out ek.der && "
		"tpm2_nvdefine %s -C p -s $(($(stat -c %%s ek.der) + 120)) -a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' && tpm2_nvwrite %s -C p -i ek.der",
		type, index, index);
	if (swtpm_tool(s, line) != 0) fatal("its certificate cannot be made");
}
