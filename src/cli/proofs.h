/* Shares or a passphrase, as a person gives them to restore and verify. */
#ifndef COFFER_CLI_PROOFS_H
#define COFFER_CLI_PROOFS_H

#include "base/secret.h"
#include "cli/cli.h"

#define PROOFS_MAX 255u

struct proofs {
	struct secret *texts[PROOFS_MAX]; /* each ends with a NUL, which counts in its length */
	size_t count;
	bool passphrase;
};

/* From --share-file, --share-fd and --share-credential (repeated), --secret-file, --secret-fd or --secret-credential; count stays 0 when none was given. EXIT_DONE, or the status after a sentence. */
int proofs_from_args(struct cli *cli, const struct cmd_args *args, struct proofs *out);
/* Asks on the terminal: for k shares (0: for the passphrase). */
int proofs_ask(unsigned k, struct proofs *out);
void proofs_done(struct proofs *p);

#endif
