/* coffer unseal: opens a sealed node, by its token's PIN, by recovery shares one after another, or by the recovery passphrase. */
#include <jansson.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/prompt.h"
#include "cli/share_args.h"
#include "client/unseal.h"

#define REFUSED_MAX 20u /* shares typed wrong before it gives up */

struct unseal {
	struct cli *cli;
	const struct cmd_args *args;
	struct unseal_answer answer;
};

static int call(struct unseal *u, enum unseal_way way, const struct secret *secret)
{
	enum coffer_status st = unseal_call(u->cli->conn, way, secret, &u->answer);
	return st ? cli_fail_call(u->cli, st) : EXIT_DONE;
}

static bool has(const struct unseal *u, const char *option)
{
	return args_get(u->cli->cmd, u->args, option) != NULL;
}

static void say_missing(const struct unseal *u)
{
	const struct unseal_answer *a = &u->answer;
	if (u->cli->quiet || u->cli->json || !a->sealed) return;
	printf("%u of %u shares given (set %s); %u more needed\n", a->given, a->threshold, a->set, a->missing);
	fflush(stdout);
}

static int give_share(struct unseal *u, unsigned i)
{
	struct secret *share = NULL;
	const char *name;
	int status = share_take(u->cli, u->args, i, &name, &share);
	if (status) return status;
	enum coffer_status st = unseal_call(u->cli->conn, UNSEAL_SHARES, share, &u->answer);
	secret_free(share);
	if (st == COFFER_EUNREACHABLE) return cli_fail_call(u->cli, st);
	if (st) return cli_fail(EXIT_REFUSED, "%s: %s", name, coffer_error(u->cli->conn));
	say_missing(u);
	return EXIT_DONE;
}

static int give_shares(struct unseal *u)
{
	unsigned count = shares_given(u->cli, u->args);
	u->answer.sealed = true;
	for (unsigned i = 0; i < count && u->answer.sealed; i++) {
		int status = give_share(u, i);
		if (status) return status;
	}
	return EXIT_DONE;
}

/* Until the node is open; one that is refused is asked for again. */
static int ask_shares(struct unseal *u)
{
	if (!u->cli->quiet)
		fprintf(stderr, "any %u of the %u shares of set %s open the node; it has %u\n", u->answer.threshold, u->answer.shares, u->answer.set,
			u->answer.given);
	for (unsigned refused = 0; u->answer.sealed;) {
		char question[128];
		struct secret *share = NULL;
		struct unseal_answer before = u->answer;
		snprintf(question, sizeof question, "%u more needed. Type the five lines of a share, then an empty line (not shown):\n", u->answer.missing);
		int status = prompt_share(question, &share);
		if (status) return status;
		status = call(u, UNSEAL_SHARES, share);
		secret_free(share);
		if (!status) continue;
		u->answer = before;
		if (status != EXIT_REFUSED || ++refused >= REFUSED_MAX) return status;
	}
	return EXIT_DONE;
}

static int give_secret(struct unseal *u, enum unseal_way way, const char *question)
{
	struct secret *secret = NULL;
	int status = secret_from_args(u->cli, u->args, question, &secret);
	if (!status) status = call(u, way, secret);
	secret_free(secret);
	return status;
}

/* Nothing was said: what the domain has. */
static int ask_recovery(struct unseal *u)
{
	switch (u->answer.recovery) {
	case UNSEAL_BY_SHARES: return ask_shares(u);
	case UNSEAL_BY_PASSPHRASE: return give_secret(u, UNSEAL_PASSPHRASE, "Recovery passphrase: ");
	default: return cli_fail(EXIT_REFUSED, "this domain has no recovery; open it with its token: --token, or --pin");
	}
}

static int choose(struct unseal *u)
{
	struct cli *cli = u->cli;
	bool secret = secret_is_given(cli, u->args), pin = has(u, "pin"), token = has(u, "token"), shares = shares_given(cli, u->args) > 0, forget = has(u, "forget");
	if (pin + token + shares + forget > 1 || (secret && (token || shares || forget)))
		return cli_usage(cli, "choose one of --pin, --token, shares and --forget; a secret from a file goes with --pin, or is the passphrase");
	int status = cli_connect(cli);
	if (!status) status = call(u, UNSEAL_ASK, NULL);
	if (status) return status;
	if (!u->answer.sealed && !pin && !token) return cli_fail(EXIT_REFUSED, "the node is not sealed; 'coffer status' says how it is");
	if (forget) return call(u, UNSEAL_FORGET, NULL);
	if (token) return call(u, UNSEAL_TOKEN, NULL);
	if (pin) return give_secret(u, UNSEAL_PIN, "PIN of the token: ");
	if (shares) return give_shares(u);
	return secret ? give_secret(u, UNSEAL_PASSPHRASE, "Recovery passphrase: ") : ask_recovery(u);
}

int cmd_unseal(struct cli *cli, const struct cmd_args *args)
{
	struct unseal u = { .cli = cli, .args = args };
	int status = choose(&u);
	if (status) return status;
	const struct unseal_answer *a = &u.answer;
	int verdict = a->sealed ? EXIT_SEALED : EXIT_DONE;
	if (cli->json) {
		status = json_print(json_pack("{s:b, s:i, s:i}", "sealed", a->sealed, "given", (int)a->given, "missing", (int)a->missing));
		return status ? status : verdict;
	}
	if (!cli->quiet && !a->sealed) puts("the node is open");
	return has(&u, "forget") ? EXIT_DONE : verdict;
}
