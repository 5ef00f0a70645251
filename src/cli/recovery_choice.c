/* Which recovery, and its proof. */
#include "cli/recovery_choice.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/text.h"
#include "cli/prompt.h"
#include "cli/share_files.h"

static int number(struct cli *cli, const char *name, const char *text, unsigned fallback, unsigned *out)
{
	uint64_t n = fallback;
	if (text && (text_parse_u64(view_str(text), &n) != ERR_OK || n < 1 || n > ADMIN_SHARES_MAX))
		return cli_usage(cli, "--%s wants a number from 1 to %u", name, ADMIN_SHARES_MAX);
	*out = (unsigned)n;
	return EXIT_DONE;
}

static int choose_shares(struct recovery_choice *in, const struct cmd_args *args)
{
	struct cli *cli = in->cli;
	const char *n = args_get(cli->cmd, args, "recovery-shares"), *k = args_get(cli->cmd, args, "recovery-threshold");
	if (!n != !k) return cli_usage(cli, "--recovery-shares and --recovery-threshold go together");
	in->recovery = ADMIN_RECOVERY_SHARES;
	int status = number(cli, "recovery-shares", n, 5, &in->shares);
	if (!status) status = number(cli, "recovery-threshold", k, 3, &in->threshold);
	if (!status && in->threshold > in->shares)
		status = cli_usage(cli, "--recovery-threshold %u is more than --recovery-shares %u", in->threshold, in->shares);
	return status;
}

static int choose_passphrase(struct recovery_choice *in, const struct cmd_args *args)
{
	struct secret *again = NULL;
	in->recovery = ADMIN_RECOVERY_PASSPHRASE;
	int status = secret_from_args(in->cli, args, "Recovery passphrase: ", &in->passphrase);
	if (status) return status;
	if (!secret_is_given(in->cli, args)) {
		status = prompt_secret("The same once more: ", &again);
		if (!status && !secret_equal(in->passphrase, again)) status = cli_fail(EXIT_REFUSED, "the two passphrases differ; nothing was done");
		secret_free(again);
	}
	return status;
}

int recovery_choose(struct recovery_choice *in, struct cli *cli, const struct cmd_args *args)
{
	const struct cmd *cmd = cli->cmd;
	in->cli = cli;
	bool shares = args_get(cmd, args, "recovery-shares") || args_get(cmd, args, "recovery-threshold");
	bool passphrase = args_get(cmd, args, "recovery-passphrase"), none = args_get(cmd, args, "no-recovery");
	if (shares + passphrase + none > 1)
		return cli_usage(in->cli, "choose one of --recovery-shares, --recovery-passphrase and --no-recovery");
	in->folder = args_get(cmd, args, "recovery-out");
	if (in->folder && (passphrase || none)) return cli_usage(in->cli, "--recovery-out goes with shares only");
	if (none) {
		in->recovery = ADMIN_RECOVERY_NONE;
		return EXIT_DONE;
	}
	return passphrase ? choose_passphrase(in, args) : choose_shares(in, args);
}

int recovery_check_folder(const char *folder)
{
	char path[4096];
	struct stat st;
	if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
		return cli_fail(EXIT_REFUSED, "the folder %s for the shares does not exist; make it with 'install -d -m 0700'", folder);
	snprintf(path, sizeof path, "%s/share-1.txt", folder);
	if (access(path, F_OK) == 0) return cli_fail(EXIT_REFUSED, "%s exists already; choose an empty folder", path);
	return EXIT_DONE;
}

/* Files: read back what was written, that is the proof. */
static int shares_to_files(struct recovery_choice *in, struct secret *const *shares, size_t count)
{
	int written = share_files_write(in->folder, shares, count);
	if (written) return written;
	for (size_t i = 0; i < in->threshold; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/share-%zu.txt", in->folder, i + 1);
		int status = secret_from_file(path, &in->proofs[in->proof_count]);
		if (status) return status;
		in->proof_count++;
	}
	return EXIT_DONE;
}

/* Terminal: each share for its keeper, then k of them typed back. */
static int shares_to_terminal(struct recovery_choice *in, struct secret *const *shares, size_t count)
{
	if (!isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO))
		return cli_fail(EXIT_REFUSED, "shares are shown on a terminal only; use --recovery-out FOLDER to write one file each");
	printf("%u recovery shares follow; any %u of them recover the domain. Write each one down for another keeper.\n\n",
		in->shares, in->threshold);
	fflush(stdout);
	for (size_t i = 0; i < count; i++) { /* past the buffer of stdio, which would keep them */
		struct view share = view_str((const char *)secret_bytes(shares[i]));
		if (fdio_write_all(STDOUT_FILENO, share) != ERR_OK || fdio_write_all(STDOUT_FILENO, view_str("\n")) != ERR_OK)
			return cli_fail(EXIT_REFUSED, "the shares cannot be shown; nothing was made");
	}
	for (unsigned i = 0; i < in->threshold; i++) {
		char question[128];
		snprintf(question, sizeof question, "Proof %u of %u: type the five lines of a share, then an empty line (not shown):\n", i + 1,
			in->threshold);
		int status = prompt_share(question, &in->proofs[in->proof_count]);
		if (status) return status;
		in->proof_count++;
	}
	return EXIT_DONE;
}

int recovery_gather(struct recovery_choice *in, struct secret *const *shares, size_t count)
{
	switch (in->recovery) {
	case ADMIN_RECOVERY_SHARES:
		return in->folder ? shares_to_files(in, shares, count) : shares_to_terminal(in, shares, count);
	case ADMIN_RECOVERY_PASSPHRASE:
		in->proofs[0] = secret_copy(secret_bytes(in->passphrase), secret_len(in->passphrase));
		if (!in->proofs[0]) return cli_fail(EXIT_REFUSED, "out of memory");
		in->proof_count = 1;
		return EXIT_DONE;
	default:
		return EXIT_DONE;
	}
}

void recovery_choice_done(struct recovery_choice *in)
{
	secret_free(in->passphrase);
	for (size_t i = 0; i < in->proof_count; i++) secret_free(in->proofs[i]);
}
