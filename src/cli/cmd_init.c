/* coffer init: makes the domain, hands out the recovery, asks for it back as proof. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/prompt.h"
#include "cli/share_files.h"
#include "client/admin.h"

struct init {
	struct cli *cli;
	struct admin_init request;
	struct admin_init_answer answer;
	struct secret *passphrase;
	const char *folder;     /* --recovery-out */
	struct secret *proofs[ADMIN_SHARES_MAX];
	size_t proof_count;
};

static int number(struct cli *cli, const char *name, const char *text, unsigned fallback, unsigned *out)
{
	uint64_t n = fallback;
	if (text && (text_parse_u64(view_str(text), &n) != ERR_OK || n < 1 || n > ADMIN_SHARES_MAX))
		return cli_usage(cli, "--%s wants a number from 1 to %u", name, ADMIN_SHARES_MAX);
	*out = (unsigned)n;
	return EXIT_DONE;
}

static int choose_shares(struct init *in, const struct cmd_args *args)
{
	struct cli *cli = in->cli;
	const char *n = args_get(cli->cmd, args, "recovery-shares"), *k = args_get(cli->cmd, args, "recovery-threshold");
	if (!n != !k) return cli_usage(cli, "--recovery-shares and --recovery-threshold go together");
	in->request.recovery = ADMIN_RECOVERY_SHARES;
	int status = number(cli, "recovery-shares", n, 5, &in->request.shares);
	if (!status) status = number(cli, "recovery-threshold", k, 3, &in->request.threshold);
	if (!status && in->request.threshold > in->request.shares)
		status = cli_usage(cli, "--recovery-threshold %u is more than --recovery-shares %u", in->request.threshold, in->request.shares);
	return status;
}

static int choose_passphrase(struct init *in, const struct cmd_args *args)
{
	struct secret *again = NULL;
	in->request.recovery = ADMIN_RECOVERY_PASSPHRASE;
	int status = secret_from_args(in->cli, args, "Recovery passphrase: ", &in->passphrase);
	if (status) return status;
	if (!secret_is_given(in->cli, args)) {
		status = prompt_secret("The same once more: ", &again);
		if (!status && !secret_equal(in->passphrase, again)) status = cli_fail(EXIT_REFUSED, "the two passphrases differ; nothing was done");
		secret_free(again);
	}
	in->request.passphrase = in->passphrase;
	return status;
}

static int choose_recovery(struct init *in, const struct cmd_args *args)
{
	const struct cmd *cmd = in->cli->cmd;
	bool shares = args_get(cmd, args, "recovery-shares") || args_get(cmd, args, "recovery-threshold");
	bool passphrase = args_get(cmd, args, "recovery-passphrase"), none = args_get(cmd, args, "no-recovery");
	if (shares + passphrase + none > 1)
		return cli_usage(in->cli, "choose one of --recovery-shares, --recovery-passphrase and --no-recovery");
	in->folder = args_get(cmd, args, "recovery-out");
	if (in->folder && (passphrase || none)) return cli_usage(in->cli, "--recovery-out goes with shares only");
	if (none) {
		in->request.recovery = ADMIN_RECOVERY_NONE;
		return EXIT_DONE;
	}
	return passphrase ? choose_passphrase(in, args) : choose_shares(in, args);
}

static int check_folder(const char *folder)
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
static int shares_to_files(struct init *in)
{
	int written = share_files_write(in->folder, in->answer.shares, in->answer.share_count);
	if (written) return written;
	for (size_t i = 0; i < in->request.threshold; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/share-%zu.txt", in->folder, i + 1);
		int status = secret_from_file(path, &in->proofs[in->proof_count]);
		if (status) return status;
		in->proof_count++;
	}
	return EXIT_DONE;
}

/* Terminal: each share for its keeper, then k of them typed back. */
static int shares_to_terminal(struct init *in)
{
	if (!isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO))
		return cli_fail(EXIT_REFUSED, "shares are shown on a terminal only; use --recovery-out FOLDER to write one file each");
	printf("%u recovery shares follow; any %u of them recover the domain. Write each one down for another keeper.\n\n",
		in->request.shares, in->request.threshold);
	fflush(stdout);
	for (size_t i = 0; i < in->answer.share_count; i++) { /* past the buffer of stdio, which would keep them */
		struct view share = view_str((const char *)secret_bytes(in->answer.shares[i]));
		if (fdio_write_all(STDOUT_FILENO, share) != ERR_OK || fdio_write_all(STDOUT_FILENO, view_str("\n")) != ERR_OK)
			return cli_fail(EXIT_REFUSED, "the shares cannot be shown; nothing was made");
	}
	for (unsigned i = 0; i < in->request.threshold; i++) {
		char question[128];
		snprintf(question, sizeof question, "Proof %u of %u: type the five lines of a share, then an empty line (not shown):\n", i + 1,
			in->request.threshold);
		int status = prompt_share(question, &in->proofs[in->proof_count]);
		if (status) return status;
		in->proof_count++;
	}
	return EXIT_DONE;
}

static int gather_proofs(struct init *in)
{
	switch (in->request.recovery) {
	case ADMIN_RECOVERY_SHARES:
		return in->folder ? shares_to_files(in) : shares_to_terminal(in);
	case ADMIN_RECOVERY_PASSPHRASE:
		in->proofs[0] = TAKE(in->passphrase);
		in->proof_count = 1;
		return EXIT_DONE;
	default:
		return EXIT_DONE;
	}
}

static int report(struct init *in)
{
	const struct admin_init_answer *a = &in->answer;
	if (in->cli->json)
		return json_print(json_pack("{s:s, s:s, s:s, s:s, s:b}", "fingerprint", a->fingerprint, "domain", a->domain_id, "node", a->node_id,
			"token", a->token, "recovery", in->request.recovery != ADMIN_RECOVERY_NONE));
	if (in->cli->quiet) return EXIT_DONE;
	printf("the domain is initialised\nfingerprint    %s\nmaster secret  %s\n", a->fingerprint, a->token);
	if (in->request.recovery == ADMIN_RECOVERY_NONE)
		printf("recovery       none: if this token is lost, everything is lost\n");
	else if (in->folder)
		printf("recovery       %u shares in %s, any %u recover; move each to another keeper\n", in->request.shares, in->folder,
			in->request.threshold);
	return EXIT_DONE;
}

static int run(struct init *in, const struct cmd_args *args)
{
	in->request.token_uri = args_get(in->cli->cmd, args, "token");
	if (!in->request.token_uri) in->request.token_uri = ""; /* the one of the configuration */
	int status = choose_recovery(in, args);
	if (!status && in->folder) status = check_folder(in->folder);
	if (!status) status = cli_connect(in->cli);
	if (status) return status;
	enum coffer_status st = admin_init(in->cli->conn, &in->request, &in->answer);
	if (st) return cli_fail_call(in->cli, st);
	status = gather_proofs(in);
	if (status) return status;
	st = admin_init_confirm(in->cli->conn, &in->answer, in->request.recovery, (const struct secret *const *)in->proofs, in->proof_count);
	return st ? cli_fail_call(in->cli, st) : report(in);
}

int cmd_init(struct cli *cli, const struct cmd_args *args)
{
	struct init in = { .cli = cli };
	int status = run(&in, args);
	admin_init_answer_free(&in.answer);
	secret_free(in.passphrase);
	for (size_t i = 0; i < in.proof_count; i++) secret_free(in.proofs[i]);
	return status;
}
