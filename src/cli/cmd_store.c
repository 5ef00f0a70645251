/* coffer store check, coffer store accept: the integrity of the store. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "client/admin.h"

#define REPORT_MAX (96u * 1024u)
#define ASK_EVERY_MS 100

/* One answer; the caller releases *out. */
static int ask(struct cli *cli, uint64_t pass, json_t **out)
{
	static char text[REPORT_MAX];
	size_t len;
	enum coffer_status st = admin_store_check(cli->conn, pass, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	*out = json_loadb(text, len, 0, NULL);
	return *out ? EXIT_DONE : cli_fail(EXIT_REFUSED, "the daemon's report is no JSON");
}

static void show_progress(const struct cli *cli, const json_t *doc)
{
	if (cli->quiet || cli->json || !isatty(STDERR_FILENO)) return;
	fprintf(stderr, "\rchecking: %lld rows ", json_whole(doc, "rows_so_far"));
	fflush(stderr);
}

/* Until the pass is over. */
static int wait_for(struct cli *cli, json_t **out)
{
	json_t *doc = NULL;
	int status = ask(cli, 0, &doc);
	if (status) return status;
	uint64_t wanted = (uint64_t)json_whole(doc, "wanted");
	while (!status && (uint64_t)json_whole(doc, "passes") < wanted) {
		struct timespec pause = { 0, ASK_EVERY_MS * 1000000L };
		show_progress(cli, doc);
		json_decref(doc);
		doc = NULL;
		nanosleep(&pause, NULL);
		status = ask(cli, wanted, &doc);
	}
	if (!cli->quiet && !cli->json && isatty(STDERR_FILENO)) fputs("\r                                \r", stderr);
	if (status) json_decref(doc);
	else *out = doc;
	return status;
}

int cmd_store_check(struct cli *cli, const struct cmd_args *args)
{
	json_t *doc = NULL, *sentence;
	const char *number;
	(void)args;
	int status = cli_connect(cli);
	if (!status) status = wait_for(cli, &doc);
	if (status) return status;
	long long faults = json_whole(doc, "faults");
	int verdict = faults ? EXIT_SEALED : EXIT_DONE;
	if (cli->json) {
		status = json_print(doc);
		return status ? status : verdict;
	}
	json_object_foreach(json_object_get(doc, "findings"), number, sentence) printf("%s\n", json_string_value(sentence));
	long long shown = (long long)json_object_size(json_object_get(doc, "findings"));
	if (faults > shown) printf("and %lld more\n", faults - shown);
	if (!cli->quiet) printf("%lld rows checked in %lld ms: %s\n", json_whole(doc, "rows"), json_whole(doc, "took_ms"), faults ? "not whole" : "no fault");
	json_decref(doc);
	return verdict;
}

int cmd_store_accept(struct cli *cli, const struct cmd_args *args)
{
	if (!args_get(cli->cmd, args, "yes"))
		return cli_usage(cli, "this takes the store as it is, and what is missing stays missing; read 'coffer store check', then add --yes");
	int status = cli_connect(cli);
	if (status) return status;
	bool rollback = args_get(cli->cmd, args, "rollback") != NULL;
	enum coffer_status st = rollback ? admin_anchor_accept(cli->conn) : admin_store_accept(cli->conn);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:b}", "accepted", 1));
	if (!cli->quiet) puts("accepted; status and the audit log say so from now on");
	return EXIT_DONE;
}
