/* coffer: the command line. Finds the command, reads its options, runs it. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/arena.h"
#include "base/ini.h"
#include "base/process.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "crypto/ossl_mem.h"
#include "cli/cli.h"

#ifndef COFFER_VERSION
#define COFFER_VERSION "unknown"
#endif

#define CLI_ARENA (1024u * 1024u) /* shares and passphrases */
#define CLI_ARENA_READS (8u * 1024u * 1024u) /* data keys, and the largest record opened */

int cli_fail(int status, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fputs("coffer: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fputs("coffer: ", stderr);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; 'coffer %s --help' shows how\n", cli->cmd ? cli->cmd->words : "");
	return EXIT_USAGE;
}

static int exit_status_of(enum coffer_status status)
{
	switch (status) {
	case COFFER_OK: return EXIT_DONE;
	case COFFER_EUNREACHABLE: return EXIT_NO_DAEMON;
	case COFFER_ESEALED: return EXIT_SEALED;
	default: return EXIT_REFUSED;
	}
}

int cli_fail_call(struct cli *cli, enum coffer_status status)
{
	const char *sentence = cli->conn ? coffer_error(cli->conn) : "";
	return cli_fail(exit_status_of(status), "%s", sentence[0] ? sentence : coffer_strerror(status));
}

int cli_connect(struct cli *cli)
{
	if (cli->conn) return EXIT_DONE;
	struct coffer_options options = { .size = sizeof options, .server_uid = -1, .no_ring = cli->no_ring };
	enum coffer_status status = coffer_connect(cli->socket, &options, &cli->conn);
	if (!status) return EXIT_DONE;
	const char *path = cli->socket ? cli->socket : getenv("COFFER_SOCKET");
	if (!path) path = "/run/coffer/coffer.sock";
	if (status == COFFER_EUNREACHABLE)
		return cli_fail(EXIT_NO_DAEMON, "no daemon answers at %s; start cofferd, or name another socket with --socket", path);
	if (status == COFFER_EPEER)
		return cli_fail(EXIT_REFUSED, "the daemon at %s runs as a user that is not trusted here; nothing was sent", path);
	return cli_fail_call(cli, status);
}

static void print_all(FILE *out)
{
	fputs("usage: coffer COMMAND [OPTION …]\n\n", out);
	for (const struct cmd *c = commands; c->words; c++) fprintf(out, "  %-16s %s\n", c->words, c->summary);
	fputs("\nEvery command takes --socket PATH, --json, --quiet and --help. Exit status: 0 done, 1 refused or failed, 2 usage,\n"
		"3 no daemon, 4 sealed or degraded. See coffer(1).\n", out);
}

static void print_option(FILE *out, char letter, const char *name, const char *value, const char *help)
{
	char left[64];
	snprintf(left, sizeof left, "%s%.1s%s--%s%s%s", letter ? "-" : "", letter ? &letter : "", letter ? ", " : "", name,
		value ? " " : "", value ? value : "");
	fprintf(out, "  %-34s %s\n", left, help);
}

static void print_command(FILE *out, const struct cmd *cmd)
{
	fprintf(out, "usage: coffer %s%s%s%s\n\n%s\n\n", cmd->words, cmd->options ? " [OPTION …]" : "", cmd->arguments[0] ? " " : "",
		cmd->arguments, cmd->summary);
	for (const struct cmd_option *o = cmd->options; o && o->name; o++) print_option(out, o->letter, o->name, o->value, o->help);
	print_option(out, 0, "socket", "PATH", "the daemon's socket (default $COFFER_SOCKET, else /run/coffer/coffer.sock)");
	print_option(out, 0, "json", NULL, "one JSON document on standard output");
	print_option(out, 0, "quiet", NULL, "no progress, no remarks");
	print_option(out, 0, "help", NULL, "this text");
}

/* How many words of `words` stand at argv[0…]; 0 when they do not. */
static int match(const char *words, int argc, char **argv)
{
	int n = 0;
	for (const char *at = words; *at; n++) {
		size_t len = strcspn(at, " ");
		if (n >= argc || strlen(argv[n]) != len || strncmp(argv[n], at, len) != 0) return 0;
		at += len;
		at += strspn(at, " ");
	}
	return n;
}

static const struct cmd *find(int argc, char **argv, int *out_words)
{
	const struct cmd *best = NULL;
	*out_words = 0;
	for (const struct cmd *c = commands; c->words; c++) {
		int n = match(c->words, argc, argv);
		if (n > *out_words) {
			best = c;
			*out_words = n;
		}
	}
	return best;
}

/* The first word of several commands: those. */
static bool print_group(const char *word)
{
	size_t len = strlen(word);
	bool any = false;
	for (const struct cmd *c = commands; c->words; c++) {
		if (strncmp(c->words, word, len) != 0 || c->words[len] != ' ') continue;
		printf("  %-16s %s\n", c->words, c->summary);
		any = true;
	}
	if (any) printf("\n'coffer %s … --help' says what each takes.\n", word);
	return any;
}

static int unknown(int argc, char **argv)
{
	const char *names[64];
	bool asks = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0);
	if ((argc == 1 || asks) && print_group(argv[0])) return asks ? EXIT_DONE : EXIT_USAGE;
	size_t n = 0;
	for (const struct cmd *c = commands; c->words && n < 63; c++) {
		if (argc > 1 && match(argv[0], 1, argv) && strncmp(c->words, argv[0], strlen(argv[0])) == 0 &&
		    c->words[strlen(argv[0])] == ' ')
			return cli_fail(EXIT_USAGE, "'%s' has no '%s'; 'coffer --help' lists the commands", argv[0], argv[1]);
		names[n++] = c->words;
	}
	names[n] = NULL;
	const char *near = ini_nearest(argv[0], names);
	if (near) return cli_fail(EXIT_USAGE, "there is no command '%s'; did you mean '%s'?", argv[0], near);
	return cli_fail(EXIT_USAGE, "there is no command '%s'; 'coffer --help' lists the commands", argv[0]);
}

/* Two commands read archives themselves; the others leave cryptography to the daemon. */
static int prepare_memory(const struct cmd *cmd)
{
	struct reason reason = { "" };
	bool reads = cmd->run == cmd_backup_verify || cmd->run == cmd_restore;
	enum coffer_err err = arena_init(reads ? CLI_ARENA_READS : CLI_ARENA, false, &reason);
	if (!err && reads) err = ossl_mem_install();
	return err ? cli_fail(EXIT_REFUSED, "%s", reason_text(&reason, err)) : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	int words;
	struct cmd_args args;
	bool help = false;
	if (argc == 0) {
		print_all(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0 || strcmp(argv[0], "-h") == 0) {
		print_all(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[0], "--version") == 0) {
		printf("coffer %s\n", COFFER_VERSION);
		return EXIT_DONE;
	}
	cli->cmd = find(argc, argv, &words);
	if (!cli->cmd) return unknown(argc, argv);
	int status = args_parse(cli, argc - words, argv + words, &args, &help);
	if (help) {
		print_command(stdout, cli->cmd);
		return EXIT_DONE;
	}
	if (!status) status = prepare_memory(cli->cmd);
	return status ? status : cli->cmd->run(cli, &args);
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	if (!process_own_standard_fds()) return EXIT_REFUSED;
	prctl(PR_SET_DUMPABLE, 0);
	int status = run(&cli, argc - 1, argv + 1);
	coffer_close(cli.conn);
	if (fflush(stdout) != 0 && status == EXIT_DONE) status = cli_fail(EXIT_REFUSED, "the output could not be written");
	return status;
}
