/* Shares or a passphrase. */
#include "cli/proofs.h"

#include "cli/prompt.h"
#include "cli/share_args.h"

void proofs_done(struct proofs *p)
{
	for (size_t i = 0; i < p->count; i++) secret_free(p->texts[i]);
	p->count = 0;
}

int proofs_from_args(struct cli *cli, const struct cmd_args *args, struct proofs *out)
{
	unsigned shares = shares_given(cli, args);
	bool secret = secret_is_given(cli, args);
	if (shares && secret) return cli_usage(cli, "--share-file, --share-fd and --share-credential are for shares, --secret-file, --secret-fd and --secret-credential are for a passphrase; give one kind");
	for (unsigned i = 0; i < shares && i < PROOFS_MAX; i++) {
		const char *name;
		int status = share_take(cli, args, i, &name, &out->texts[out->count]);
		if (status) return status;
		out->count++;
	}
	if (!secret) return EXIT_DONE;
	int status = secret_from_args(cli, args, "", &out->texts[0]);
	if (status) return status;
	out->count = 1;
	out->passphrase = true;
	return EXIT_DONE;
}

int proofs_ask(unsigned k, struct proofs *out)
{
	char question[128];
	if (k == 0) {
		int status = prompt_secret("Recovery passphrase: ", &out->texts[0]);
		if (status) return status;
		out->count = 1;
		out->passphrase = true;
		return EXIT_DONE;
	}
	for (unsigned i = 0; i < k; i++) {
		snprintf(question, sizeof question, "Share %u of %u: type its five lines, then an empty line (not shown):\n", i + 1, k);
		int status = prompt_share(question, &out->texts[out->count]);
		if (status) return status;
		out->count++;
	}
	return EXIT_DONE;
}
