/* coffer grant, revoke-grant, grants, token …: for administrators and auditors. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cmd_token.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/when.h"
#include "client/admin.h"

typedef enum coffer_status grant_fn(struct coffer *c, const char *principal, const char *role, const char *scope);

static int change_grant(struct cli *cli, const struct cmd_args *args, grant_fn *fn, const char *what)
{
	const char *to = args_get(cli->cmd, args, "to"), *role = args_get(cli->cmd, args, "role"), *on = args_get(cli->cmd, args, "on");
	if (!to || !role) return cli_usage(cli, "--to PRINCIPAL and --role ROLE are needed");
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = fn(cli->conn, to, role, on);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:s, s:s, s:s?}", "principal", to, "role", role, "on", on));
	if (!cli->quiet) printf("%s: %s %s%s%s\n", what, to, role, on ? " on " : "", on ? on : "");
	return EXIT_DONE;
}

int cmd_grant(struct cli *cli, const struct cmd_args *args)
{
	return change_grant(cli, args, admin_grant, "granted");
}

int cmd_revoke_grant(struct cli *cli, const struct cmd_args *args)
{
	return change_grant(cli, args, admin_revoke_grant, "revoked");
}

static int print_grant(void *arg, const struct admin_grant *g)
{
	json_t *array = arg;
	char when[32];
	when_text(g->created_s, when);
	if (array)
		return json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s, s:s}", "principal", g->principal, "role", g->role, "on",
			g->scope, "granted_by", g->granted_by, "created", when));
	printf("%-24s %-16s %-16s %s by %s\n", g->principal, g->role, g->scope[0] ? g->scope : "everything", when, g->granted_by);
	return 0;
}

int cmd_grants(struct cli *cli, const struct cmd_args *args)
{
	(void)args;
	int status = cli_connect(cli);
	if (status) return status;
	json_t *array = cli->json ? json_array() : NULL;
	enum coffer_status st = admin_grants(cli->conn, print_grant, array);
	if (st) {
		json_decref(array);
		return cli_fail_call(cli, st);
	}
	return array ? json_print(array) : EXIT_DONE;
}

int cmd_token_test(struct cli *cli, const struct cmd_args *args)
{
	uint32_t ms;
	(void)args;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_token_test(cli->conn, &ms);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:b, s:I}", "ok", 1, "milliseconds", (json_int_t)ms));
	if (!cli->quiet) printf("the token wrapped and unwrapped a canary in %u ms\n", ms);
	return EXIT_DONE;
}

int cmd_token_provision(struct cli *cli, const struct cmd_args *args)
{
	char line[1024];
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_token_provision(cli->conn, args->argv[0], line, sizeof line);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:s}", "token", line));
	if (!cli->quiet) puts(line);
	return EXIT_DONE;
}

/* The token's part of the status document. */
int cmd_token_status(struct cli *cli, const struct cmd_args *args)
{
	static char text[64 * 1024];
	size_t len;
	(void)args;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = coffer_status_json(cli->conn, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	json_t *doc = json_loadb(text, len, 0, NULL), *token = json_incref(json_object_get(doc, "token"));
	json_decref(doc);
	if (!token) return cli_fail(EXIT_SEALED, "no token is chosen yet; 'coffer init --token URI' does that");
	int verdict = strcmp(json_text(token, "health"), "well") == 0 ? EXIT_DONE : EXIT_SEALED;
	if (cli->json) {
		int closed = token_policy_show(cli, token);
		status = json_print(token);
		return status ? status : verdict ? verdict : closed;
	}
	const char *name;
	json_t *value;
	if (!cli->quiet) {
		json_object_foreach(token, name, value) {
			if (json_is_string(value) && json_string_length(value)) printf("%-14s %s\n", name, json_string_value(value));
			else if (json_is_integer(value)) printf("%-14s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
		}
	}
	json_decref(token);
	int closed = token_policy_show(cli, NULL);
	return verdict ? verdict : closed;
}
