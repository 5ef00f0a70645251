/* Checking exports of the audit log without a daemon. */
#ifndef COFFER_CLI_AUDIT_PROOF_H
#define COFFER_CLI_AUDIT_PROOF_H

#include "cli/cli.h"

/* coffer audit verify FILE … */
int audit_proof_run(struct cli *cli, const struct cmd_args *args);

#endif
