/* Options of a command. */
#ifndef COFFER_CLI_ARGS_H
#define COFFER_CLI_ARGS_H

#include "cli/cli.h"

/* Reads options in any order among the words; "--" ends them. Common options go to *cli. EXIT_DONE, or EXIT_USAGE after a sentence.
 * *help: --help was given (nothing else matters then). Borrows from argv, whose words it moves together. */
int args_parse(struct cli *cli, int argc, char **argv, struct cmd_args *out, bool *help);

#endif
