/* coffer init: makes the domain, hands out the recovery, asks for it back as proof. */
#include <jansson.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/prompt.h"
#include "cli/recovery_choice.h"
#include "client/admin.h"

struct init {
	struct cli *cli;
	struct admin_init request;
	struct admin_init_answer answer;
	struct recovery_choice recovery;
	struct secret *pin;
};

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
	else if (in->recovery.folder)
		printf("recovery       %u shares in %s, any %u recover; move each to another keeper\n", in->request.shares, in->recovery.folder,
			in->request.threshold);
	return EXIT_DONE;
}

static int choose(struct init *in, const struct cmd_args *args)
{
	struct recovery_choice *r = &in->recovery;
	int status = recovery_choose(r, in->cli, args);
	in->request.recovery = r->recovery;
	in->request.shares = r->shares;
	in->request.threshold = r->threshold;
	in->request.passphrase = r->passphrase;
	if (!status && r->folder) status = recovery_check_folder(r->folder);
	return status;
}

static int take_pin(struct init *in, const struct cmd_args *args)
{
	int status = pin_from_args(in->cli, args, &in->pin);
	in->request.pin = in->pin;
	return status;
}

static int run(struct init *in, const struct cmd_args *args)
{
	in->request.token_uri = args_get(in->cli->cmd, args, "token");
	if (!in->request.token_uri) in->request.token_uri = ""; /* the one of the configuration */
	int status = choose(in, args);
	if (!status) status = take_pin(in, args);
	if (!status) status = cli_connect(in->cli);
	if (status) return status;
	enum coffer_status st = admin_init(in->cli->conn, &in->request, &in->answer);
	if (st) return cli_fail_call(in->cli, st);
	status = recovery_gather(&in->recovery, in->answer.shares, in->answer.share_count);
	if (status) return status;
	st = admin_init_confirm(in->cli->conn, &in->answer, in->request.recovery, (const struct secret *const *)in->recovery.proofs,
		in->recovery.proof_count);
	return st ? cli_fail_call(in->cli, st) : report(in);
}

int cmd_init(struct cli *cli, const struct cmd_args *args)
{
	struct init in = { .cli = cli };
	int status = run(&in, args);
	admin_init_answer_free(&in.answer);
	recovery_choice_done(&in.recovery);
	secret_free(in.pin);
	return status;
}
