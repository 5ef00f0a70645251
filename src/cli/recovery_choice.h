/* The options of init and of 'recovery shares' that choose a way of recovery, and the proof that people hold it. */
#ifndef COFFER_CLI_RECOVERY_CHOICE_H
#define COFFER_CLI_RECOVERY_CHOICE_H

#include "base/secret.h"
#include "cli/cli.h"
#include "client/admin.h"

struct recovery_choice {
	struct cli *cli;
	enum admin_recovery recovery;
	unsigned shares, threshold;
	struct secret *passphrase;
	const char *folder;     /* --recovery-out */
	struct secret *proofs[ADMIN_SHARES_MAX];
	size_t proof_count;
};

/* Reads --recovery-shares and the others, and the passphrase. EXIT_DONE, or the status after a sentence; recovery_choice_done either way. */
int recovery_choose(struct recovery_choice *in, struct cli *cli, const struct cmd_args *args);
/* Whether shares can be written there: before anything is asked of the daemon. */
int recovery_check_folder(const char *folder);
/* Hands the shares out and takes `threshold` of them back, or the passphrase, into in->proofs. shares: `count` printed forms with a NUL, borrowed. */
int recovery_gather(struct recovery_choice *in, struct secret *const *shares, size_t count);
void recovery_choice_done(struct recovery_choice *in);

#endif
