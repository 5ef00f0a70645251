/* Secrets from people and files. */
#include "cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

/* name: where it was read from; NULL: a terminal. */
static int to_secret(const struct buf *b, size_t len, const char *name, struct secret **out)
{
	if (len == 0) return name ? cli_fail(EXIT_REFUSED, "%s is empty, and a secret was expected in it", name) : cli_fail(EXIT_REFUSED, "nothing was typed");
	struct secret *s = secret_new(len + 1); /* NUL-terminated, the NUL is not counted by its users */
	if (!s) return cli_fail(EXIT_REFUSED, "out of memory");
	memcpy(secret_mut(s), b->ptr, len);
	*out = s;
	return EXIT_DONE;
}

/* Reads up to the end (lines 0), or `lines` lines; an empty line ends too. */
static int read_secret(int fd, const char *name, bool one_line, bool until_empty, struct buf *out)
{
	size_t line_begin = 0;
	for (;;) {
		uint8_t c;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return cli_fail(EXIT_REFUSED, "%s cannot be read: %s", name, strerror(errno));
		if (n == 0) return EXIT_DONE;
		if (out->len >= PROMPT_SECRET_MAX) return cli_fail(EXIT_REFUSED, "%s holds more than %u bytes", name, PROMPT_SECRET_MAX);
		if (c == '\n' && one_line) return EXIT_DONE;
		if (c == '\n' && until_empty && out->len == line_begin) {
			if (out->len) return EXIT_DONE;
			continue;
		}
		if (buf_append(out, view_of(&c, 1)) != ERR_OK) return cli_fail(EXIT_REFUSED, "out of memory");
		if (c == '\n') line_begin = out->len;
	}
}

/* The terminal whose echo is off, for the signal handler: one question at a time. */
static struct termios echoing;
static volatile sig_atomic_t quiet_tty = -1;

/* Who ends the command while it asks gets a terminal back that shows what is typed. */
static void on_signal(int signal)
{
	if (quiet_tty >= 0) tcsetattr(quiet_tty, TCSAFLUSH, &echoing);
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigaction(signal, &standard, NULL);
	raise(signal);
}

static void catch_signals(void)
{
	static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_signal }, before;
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		if (sigaction(endings[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) sigaction(endings[i], &action, NULL);
}

static void set_quiet(int tty, const struct termios *silent)
{
	quiet_tty = tty;
	catch_signals();
	tcsetattr(tty, TCSAFLUSH, silent);
}

static void set_echoing(int tty)
{
	tcsetattr(tty, TCSAFLUSH, &echoing);
	quiet_tty = -1;
}

static int ask(const char *question, bool until_empty, struct secret **out)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	struct termios silent;
	AUTO_FD int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0 || tcgetattr(tty, &echoing) != 0)
		return cli_fail(EXIT_REFUSED, "there is no terminal to ask on; give %s", until_empty ? "each share with --share-file, --share-fd or --share-credential" : "the secret with --secret-file, --secret-fd or --secret-credential, or a PIN with --pin-file, whichever this command takes");
	silent = echoing;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	set_quiet(tty, &silent); /* before the question: whoever answers at once is neither shown nor dropped */
	dprintf(tty, "%s", question);
	int status = read_secret(tty, "the terminal", !until_empty, until_empty, &b);
	set_echoing(tty);
	dprintf(tty, "\n");
	return status ? status : to_secret(&b, b.len, NULL, out);
}

int prompt_secret(const char *question, struct secret **out)
{
	return ask(question, false, out);
}

int prompt_share(const char *question, struct secret **out)
{
	return ask(question, true, out);
}

static int from_fd(int fd, const char *name, struct secret **out)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	int status = read_secret(fd, name, false, false, &b);
	if (status) return status;
	size_t len = b.len;
	if (len && b.ptr[len - 1] == '\n') len--;
	return to_secret(&b, len, name, out);
}

int secret_from_file(const char *path, struct secret **out)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return cli_fail(EXIT_REFUSED, "%s cannot be read: %s", path, strerror(errno));
	return from_fd(fd, path, out);
}

int secret_from_fd(const char *option, const char *number, struct secret **out)
{
	uint64_t fd;
	if (text_parse_u64(view_str(number), &fd) != ERR_OK || fd > 1023)
		return cli_fail(EXIT_USAGE, "--%s wants the number of an open descriptor, not '%s'", option, number);
	return from_fd((int)fd, "the descriptor", out);
}

int secret_from_credential(const char *option, const char *name, struct secret **out)
{
	char path[4096];
	const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
	if (!name[0] || name[0] == '.' || strchr(name, '/')) return cli_fail(EXIT_USAGE, "--%s: '%s' is not a credential's name", option, name);
	if (!folder || folder[0] != '/')
		return cli_fail(EXIT_REFUSED, "--%s: $CREDENTIALS_DIRECTORY is not set; add LoadCredential=%s:/PATH to the unit", option, name);
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return cli_fail(EXIT_REFUSED, "$CREDENTIALS_DIRECTORY is too long");
	return secret_from_file(path, out);
}

static const char *const sources[] = { "secret-file", "secret-fd", "secret-credential" };

bool secret_is_given(struct cli *cli, const struct cmd_args *args)
{
	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
		if (args_get(cli->cmd, args, sources[i])) return true;
	return false;
}

int secret_from_args(struct cli *cli, const struct cmd_args *args, const char *question, struct secret **out)
{
	const char *file = args_get(cli->cmd, args, sources[0]), *fd = args_get(cli->cmd, args, sources[1]), *credential = args_get(cli->cmd, args, sources[2]);
	if (!!file + !!fd + !!credential > 1) return cli_usage(cli, "--secret-file, --secret-fd and --secret-credential exclude each other");
	if (file) return secret_from_file(file, out);
	if (fd) return secret_from_fd(sources[1], fd, out);
	if (credential) return secret_from_credential(sources[2], credential, out);
	return prompt_secret(question, out);
}

int pin_from_args(struct cli *cli, const struct cmd_args *args, struct secret **out)
{
	const char *file = args_get(cli->cmd, args, "pin-file");
	if (file) return secret_from_file(file, out);
	return args_get(cli->cmd, args, "pin") ? prompt_secret("PIN of the token: ", out) : EXIT_DONE;
}
