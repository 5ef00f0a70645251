/* What every command of `coffer` shares: common options, the connection, exit statuses, output. */
#ifndef COFFER_CLI_CLI_H
#define COFFER_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "client/include/coffer.h"

/* Exit statuses (docs/man/coffer.1). */
enum exit_status { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3, EXIT_SEALED = 4 };

struct cli {
	const char *socket;   /* NULL: the library's default */
	bool json, quiet;
	bool no_ring;         /* segments of streams in messages */
	struct coffer *conn;  /* opened by cli_connect */
	const struct cmd *cmd;
};

/* One option of a command. */
struct cmd_option {
	const char *name;     /* long name without the dashes */
	char letter;          /* short form, or 0 */
	const char *value;    /* name of its value for help; NULL: a flag */
	const char *help;
};

/* What the parser found: cmd->options[i] was given values[i] (the last one), many[i] counts. Context pairs are gathered apart. */
#define CMD_OPTIONS_MAX 16
struct cmd_args {
	const char *values[CMD_OPTIONS_MAX]; /* "" for a flag that was given */
	unsigned given[CMD_OPTIONS_MAX];
	const char *list[CMD_OPTIONS_MAX][COFFER_CONTEXT_MAX]; /* every value of an option that may be repeated */
	int argc;             /* words that are not options */
	char **argv;
};

struct cmd {
	const char *words;    /* "key create" */
	const char *arguments; /* "NAME" */
	int words_min, words_max;
	const char *summary;  /* one line */
	const struct cmd_option *options; /* ends with a NULL name; may be NULL */
	int (*run)(struct cli *cli, const struct cmd_args *args);
};

/* Every command, ends with NULL words (src/cli/commands.c). */
extern const struct cmd commands[];

/* The value of an option by name; NULL when it was not given. */
const char *args_get(const struct cmd *cmd, const struct cmd_args *args, const char *name);
unsigned args_count(const struct cmd *cmd, const struct cmd_args *args, const char *name);
const char *args_nth(const struct cmd *cmd, const struct cmd_args *args, const char *name, unsigned n);

/* Connects once. EXIT_DONE, or the exit status after a sentence on stderr. */
int cli_connect(struct cli *cli);
/* "coffer: SENTENCE" on stderr; returns `status`. */
int cli_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The sentence of a failed library call, and the exit status that belongs to it. */
int cli_fail_call(struct cli *cli, enum coffer_status status);
/* A usage error of this command. */
int cli_usage(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
