/* Stands in for cofferd: says READY, writes down what the monitor tells it, and does what the test puts into DIR/command (DIR: the
 * folder of its configuration). */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "fake_log.h"
#include "monitor/control.h"

#define CONTROL_FD 3

static char dir[2048];
static bool deaf; /* to STOP */
static int notify_fd = -1; /* the newest helper's channel */

static void tell(struct control_message message)
{
	if (control_send(CONTROL_FD, &message, -1, clock_mono_ms() + 1000) != ERR_OK) abort();
}

static void hear(void)
{
	struct control_message m;
	int fd = -1;
	if (control_recv(CONTROL_FD, clock_mono_ms() + 1000, &m, &fd) != ERR_OK) exit(1);
	if (m.op == CONTROL_STOP && !deaf) {
		tell((struct control_message){ .op = CONTROL_STOPPING });
		exit(0);
	}
	if (m.op == CONTROL_RELOAD) fake_log(dir, "cofferd.log", "reload");
	if (m.op == CONTROL_TOKEND_STARTED) notify_fd = fd;
	if (m.op == CONTROL_TOKEND_STARTED)
		fake_log(dir, "cofferd.log", "started %u %u %d", m.request, m.instance, (int)m.pid); /* fd stays open: the channel */
	if (m.op == CONTROL_START_FAILED) fake_log(dir, "cofferd.log", "failed %u %s", m.request, m.text);
	if (m.op == CONTROL_TOKEND_EXITED) fake_log(dir, "cofferd.log", "exited %u %d", m.instance, m.wait_status);
}

static void obey(const char *word, unsigned number)
{
	if (strcmp(word, "exit") == 0) exit((int)number);
	if (strcmp(word, "deaf") == 0) deaf = true;
	if (strcmp(word, "start") == 0)
		tell((struct control_message){ .op = CONTROL_START_TOKEND, .request = number, .kind = TOKEN_KIND_TPM2 });
	if (strcmp(word, "pkcs11") == 0)
		tell((struct control_message){ .op = CONTROL_START_TOKEND, .request = number, .kind = TOKEN_KIND_PKCS11 });
	if (strcmp(word, "kill") == 0) tell((struct control_message){ .op = CONTROL_KILL_TOKEND, .instance = number });
	if (strcmp(word, "notify") == 0) tell((struct control_message){ .op = CONTROL_START_NOTIFY, .request = number });
	if (strcmp(word, "event") == 0 && send(notify_fd, "{}\n", 3, 0) != 3) abort();
	if (strcmp(word, "noise") == 0 && send(CONTROL_FD, "\377\377", 2, 0) != 2) abort();
	if (strcmp(word, "status") == 0) tell((struct control_message){ .op = CONTROL_STATUS, .text = "all is well" });
	fake_log(dir, "cofferd.log", "did %s %u", word, number);
}

/* The test renames a whole file into place, so it is complete when it is there. */
static void look_for_command(void)
{
	char path[4096], word[32];
	unsigned number;
	snprintf(path, sizeof path, "%s/command", dir);
	FILE *f = fopen(path, "r");
	if (!f) return;
	int n = fscanf(f, "%31s %u", word, &number);
	fclose(f);
	unlink(path);
	if (n == 2) obey(word, number);
}

int main(int argc, char **argv)
{
	if (argc != 5 || strcmp(argv[1], "--supervised") != 0 || strcmp(argv[2], "3") != 0 || strcmp(argv[3], "--config") != 0) return 2;
	snprintf(dir, sizeof dir, "%s", argv[4]);
	*strrchr(dir, '/') = '\0';
	fake_log_self(dir, "cofferd.log");
	fake_log(dir, "cofferd.log", "began %d of %d", (int)getpid(), (int)getppid());
	tell((struct control_message){ .op = CONTROL_READY });
	for (;;) {
		struct pollfd p = { .fd = CONTROL_FD, .events = POLLIN };
		if (poll(&p, 1, 5) > 0) hear();
		look_for_command();
	}
}
