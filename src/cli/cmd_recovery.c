/* coffer recovery shares --new, coffer recovery test. */
#include <jansson.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/prompt.h"
#include "cli/share_args.h"
#include "cli/recovery_choice.h"
#include "client/recovery.h"

static int report_new(struct cli *cli, const struct recovery_choice *r, const struct recovery_new_answer *a)
{
	if (cli->json) return json_print(json_pack("{s:s, s:b}", "set", a->set, "passphrase", r->recovery == ADMIN_RECOVERY_PASSPHRASE));
	if (cli->quiet) return EXIT_DONE;
	if (r->recovery == ADMIN_RECOVERY_PASSPHRASE) printf("the new recovery passphrase is in force (set %s)\n", a->set);
	else if (r->folder) printf("the new recovery key is in force: set %s, %u shares in %s, any %u recover; move each to another keeper\n", a->set, r->shares, r->folder, r->threshold);
	else printf("the new recovery key is in force: set %s, %u shares, any %u recover\n", a->set, r->shares, r->threshold);
	puts("shares and passphrases from before open nothing here any more; backups made before still want them");
	return EXIT_DONE;
}

static int make_new(struct cli *cli, struct recovery_choice *r, struct recovery_new_answer *a)
{
	bool passphrase = r->recovery == ADMIN_RECOVERY_PASSPHRASE;
	enum coffer_status st = recovery_new(cli->conn, r->shares, r->threshold, r->passphrase, a);
	if (st) return cli_fail_call(cli, st);
	int status = recovery_gather(r, a->shares, a->share_count);
	if (status && !cli->quiet) printf("the recovery key from before stays in force; destroy what was written of set %s\n", a->set);
	if (status) return status;
	st = recovery_confirm(cli->conn, a, passphrase, (const struct secret *const *)r->proofs, r->proof_count);
	if (!st) return report_new(cli, r, a);
	if (!cli->quiet) printf("'coffer status' says which set is in force; the one that was just made is %s\n", a->set);
	return cli_fail_call(cli, st);
}

int cmd_recovery_shares(struct cli *cli, const struct cmd_args *args)
{
	struct recovery_choice r = { .cli = cli };
	struct recovery_new_answer a = { .share_count = 0 };
	if (!args_get(cli->cmd, args, "new"))
		return cli_usage(cli, "shares cannot be shown again; --new makes a new recovery key, and those from before open nothing here any more");
	int status = recovery_choose(&r, cli, args);
	if (!status && r.folder) status = recovery_check_folder(r.folder);
	if (!status) status = cli_connect(cli);
	if (!status) status = make_new(cli, &r, &a);
	recovery_new_answer_free(&a);
	recovery_choice_done(&r);
	return status;
}

struct proofs {
	struct secret *secrets[ADMIN_SHARES_MAX];
	size_t count;
};

static int take_shares(struct cli *cli, const struct cmd_args *args, unsigned threshold, struct proofs *p)
{
	unsigned given = shares_given(cli, args), wanted = given ? given : threshold;
	for (unsigned i = 0; i < wanted; i++) {
		char question[128];
		const char *name;
		snprintf(question, sizeof question, "Share %u of %u: type its five lines, then an empty line (not shown):\n", i + 1, wanted);
		int status = given ? share_take(cli, args, i, &name, &p->secrets[p->count]) : prompt_share(question, &p->secrets[p->count]);
		if (status) return status;
		p->count++;
	}
	return EXIT_DONE;
}

static int drill(struct cli *cli, const struct cmd_args *args, struct proofs *p, struct recovery_test_answer *a)
{
	bool shares = shares_given(cli, args) > 0, secret = secret_is_given(cli, args);
	if (shares && secret) return cli_usage(cli, "give shares, or the passphrase, not both");
	enum coffer_status st = recovery_test(cli->conn, false, NULL, 0, a);
	if (st) return cli_fail_call(cli, st);
	if (shares && a->is_passphrase) return cli_fail(EXIT_REFUSED, "this domain is recovered with a passphrase, not with shares");
	if (secret && !a->is_passphrase) return cli_fail(EXIT_REFUSED, "this domain is recovered with shares (any %u of %u), not with a passphrase", a->threshold, a->shares);
	bool passphrase = a->is_passphrase;
	int status = EXIT_DONE;
	if (!passphrase) status = take_shares(cli, args, a->threshold, p);
	else if (!(status = secret_from_args(cli, args, "Recovery passphrase: ", &p->secrets[0]))) p->count = 1;
	if (status) return status;
	st = recovery_test(cli->conn, passphrase, (const struct secret *const *)p->secrets, p->count, a);
	return st ? cli_fail_call(cli, st) : EXIT_DONE;
}

int cmd_recovery_test(struct cli *cli, const struct cmd_args *args)
{
	struct proofs p = { .count = 0 };
	struct recovery_test_answer a;
	int status = cli_connect(cli);
	if (!status) status = drill(cli, args, &p, &a);
	for (size_t i = 0; i < p.count; i++) secret_free(p.secrets[i]);
	if (status) return status;
	if (cli->json) return json_print(json_pack("{s:s, s:i}", "set", a.set, "generation", (int)a.generation));
	if (!cli->quiet) printf("set %s opens every data key of this domain, up to generation %u; nothing was changed\n", a.set, a.generation);
	return EXIT_DONE;
}
