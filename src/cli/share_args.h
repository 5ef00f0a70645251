/* Recovery shares that the command line names: --share-file, --share-fd and --share-credential, each as often as wanted. */
#ifndef COFFER_CLI_SHARE_ARGS_H
#define COFFER_CLI_SHARE_ARGS_H

#include "cli/cli.h"

#include "base/secret.h"

/* How many there are. */
unsigned shares_given(const struct cli *cli, const struct cmd_args *args);
/* The i-th of them, from 0: files first, then descriptors, then credentials. *out_name: what to call it in a sentence (borrowed from the words). EXIT_DONE, or the status after a sentence. Caller
 * frees. */
int share_take(struct cli *cli, const struct cmd_args *args, unsigned i, const char **out_name, struct secret **out);

#endif
