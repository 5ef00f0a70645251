/* What `coffer token status` shows of the policy. */
#ifndef COFFER_CLI_CMD_TOKEN_H
#define COFFER_CLI_CMD_TOKEN_H

#include <jansson.h>

#include "cli/cli.h"

/* Asks the daemon; prints, or with --json puts it into `token`. EXIT_SEALED when the next start does not open the data key. Connected. */
int token_policy_show(struct cli *cli, json_t *token);

#endif
