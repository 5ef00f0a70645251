/* --context NAME=VALUE options as the library's pairs. */
#ifndef COFFER_CLI_CONTEXT_H
#define COFFER_CLI_CONTEXT_H

#include "cli/cli.h"

struct context_args {
	struct coffer_pair pairs[COFFER_CONTEXT_MAX];
	char names[COFFER_CONTEXT_MAX][256];
	size_t count;
};

/* EXIT_DONE, or EXIT_USAGE after a sentence. Values borrow from args. */
int context_from_args(struct cli *cli, const struct cmd_args *args, struct context_args *out);

#endif
