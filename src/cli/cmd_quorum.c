/* coffer quorum …, coffer approve: acts that need two administrators. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "client/admin_quorum.h"

struct list {
	json_t *array; /* NULL: for people */
	size_t count;
};

static int print_act(void *arg, const struct admin_act *act)
{
	struct list *list = arg;
	list->count++;
	if (list->array)
		return json_array_append_new(list->array, json_pack("{s:s, s:s, s:s, s:s, s:I}", "id", act->id, "asked_by", act->asker, "act", act->words,
			"approved_by", act->approver, "seconds_left", (json_int_t)act->seconds_left));
	printf("%s  asked by %s: %s%s%s (%u min left)\n", act->id, act->asker, act->words, act->approver[0] ? "; approved by " : "", act->approver,
		act->seconds_left / 60);
	return 0;
}

static int show(struct cli *cli)
{
	unsigned needed;
	struct list list = { cli->json ? json_array() : NULL, 0 };
	int status = cli_connect(cli);
	enum coffer_status st = status ? COFFER_OK : admin_quorum_list(cli->conn, &needed, print_act, &list);
	if (status || st) {
		json_decref(list.array);
		return status ? status : cli_fail_call(cli, st);
	}
	if (cli->json) return json_print(json_pack("{s:I, s:o}", "needed", (json_int_t)needed, "waiting", list.array));
	if (!cli->quiet && list.count == 0) puts("nothing waits for an approval");
	if (!cli->quiet) printf("the gravest acts need %u administrator%s\n", needed, needed == 1 ? "" : "s");
	return EXIT_DONE;
}

int cmd_quorum(struct cli *cli, const struct cmd_args *args)
{
	(void)args;
	return show(cli);
}

int cmd_quorum_set(struct cli *cli, const struct cmd_args *args)
{
	const char *wish = args->argv[0];
	if (strcmp(wish, "1") != 0 && strcmp(wish, "2") != 0) return cli_usage(cli, "say 'coffer quorum set 1' or 'coffer quorum set 2'");
	int status = cli_connect(cli);
	if (status) return status;
	unsigned needed = wish[0] == '1' ? 1 : 2;
	enum coffer_status st = admin_quorum_set(cli->conn, needed);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:I}", "needed", (json_int_t)needed));
	if (!cli->quiet) printf("the gravest acts need %u administrator%s from now on\n", needed, needed == 1 ? "" : "s");
	return EXIT_DONE;
}

static int print_approved(void *arg, const struct admin_act *act)
{
	const struct cli *cli = arg;
	if (cli->json)
		return json_print(json_pack("{s:s, s:s, s:s}", "id", act->id, "asked_by", act->asker, "act", act->words));
	if (!cli->quiet) printf("approved: %s; now %s must do it again\n", act->words, act->asker);
	return 0;
}

int cmd_approve(struct cli *cli, const struct cmd_args *args)
{
	if (args->argc == 0) return show(cli);
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_approve(cli->conn, args->argv[0], print_approved, cli);
	return st ? cli_fail_call(cli, st) : EXIT_DONE;
}
