/* coffer zeroise: nothing of the domain stays on this node. */
#include <jansson.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "client/admin_quorum.h"

#define STATUS_MAX (64u * 1024u)
#define BACK_AFTER_S 30
#define PAUSE_US 100000
#define ANSWER_MAX 8192u

/* Whether the daemon has started anew and knows no domain any more. */
static bool is_empty(struct cli *cli)
{
	static char text[STATUS_MAX];
	size_t len;
	struct coffer_options options = { .size = sizeof options, .server_uid = -1 };
	struct coffer *c;
	if (coffer_connect(cli->socket, &options, &c) != COFFER_OK) return false;
	enum coffer_status st = coffer_status_json(c, text, sizeof text, &len);
	coffer_close(c);
	if (st) return false;
	json_t *doc = json_loadb(text, len, 0, NULL);
	bool empty = doc && strcmp(json_text(doc, "state"), "uninitialised") == 0;
	json_decref(doc);
	return empty;
}

static bool comes_back_empty(struct cli *cli)
{
	time_t until = time(NULL) + BACK_AFTER_S;
	while (!is_empty(cli)) {
		if (time(NULL) >= until) return false;
		usleep(PAUSE_US);
	}
	return true;
}

static int report(struct cli *cli, const char *answer, size_t len)
{
	json_t *doc = json_loadb(answer, len, 0, NULL);
	const char *master = doc ? json_text(doc, "master_secret") : "", *counter = doc ? json_text(doc, "counter") : "";
	const char *earlier = doc ? json_text(doc, "earlier_master_secret") : "", *begun = doc ? json_text(doc, "begun_master_secret") : "";
	int status = EXIT_DONE;
	if (cli->json) status = json_print(json_pack("{s:s, s:s, s:s*, s:s*, s:s}", "master_secret", master, "counter", counter, "earlier_master_secret",
		earlier[0] ? earlier : NULL, "begun_master_secret", begun[0] ? begun : NULL, "state", "wiped"));
	if (earlier[0]) fprintf(stderr, "%s: it opens older copies of the store; destroy it there\n", earlier);
	if (begun[0]) fprintf(stderr, "%s: nothing was wrapped by it; remove it there\n", begun);
	if (!cli->json && !cli->quiet)
		printf("master secret  %s\ncounter        %s\nstate folder   wiped; the daemon runs and knows no domain\n"
			"Recovery shares with a backup, and copies of the store with a data key, still open the data: destroy them as well.\n", master, counter);
	json_decref(doc);
	return status;
}

int cmd_zeroise(struct cli *cli, const struct cmd_args *args)
{
	char answer[ANSWER_MAX];
	size_t len;
	const char *domain = args_get(cli->cmd, args, "domain");
	bool without_token = args_get(cli->cmd, args, "without-token") != NULL;
	if (!domain) return cli_usage(cli, "say which domain is to end: --domain FINGERPRINT, as 'coffer status' shows it");
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_zeroise(cli->conn, domain, without_token, answer, sizeof answer, &len);
	if (st) return cli_fail_call(cli, st);
	coffer_close(cli->conn);
	cli->conn = NULL;
	if (!comes_back_empty(cli))
		return cli_fail(EXIT_REFUSED, "the master secret is dealt with, but the daemon did not come back empty in %d s; start it, it wipes its state folder first", BACK_AFTER_S);
	return report(cli, answer, len);
}
