/* coffer grant, revoke-grant, grants, audit …, token …: for administrators and auditors. */
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

static int print_row(void *arg, const char *text, size_t len)
{
	json_t *array = arg, *row = json_loadb(text, len, 0, NULL);
	if (!row) return cli_fail(1, "a record of the answer is no JSON");
	if (array) return json_array_append_new(array, row);
	const char *object = json_text(row, "object"), *details = json_text(row, "details");
	printf("%8" JSON_INTEGER_FORMAT " %s %-14s %-18s %-18s %s%s%s\n", json_integer_value(json_object_get(row, "seq")), json_text(row, "time"),
		json_text(row, "principal"), json_text(row, "operation"), json_text(row, "result"), object, object[0] && details[0] ? " " : "", details);
	json_decref(row);
	return 0;
}

static int whole_number(struct cli *cli, const struct cmd_args *args, const char *name, uint64_t fallback, uint64_t max, uint64_t *out)
{
	const char *text = args_get(cli->cmd, args, name);
	*out = fallback;
	if (text && (text_parse_u64(view_str(text), out) != ERR_OK || *out > max))
		return cli_usage(cli, "--%s wants a whole number up to %" PRIu64, name, max);
	return EXIT_DONE;
}

int cmd_audit_show(struct cli *cli, const struct cmd_args *args)
{
	uint64_t from, limit;
	int status = whole_number(cli, args, "from", 0, UINT64_MAX, &from);
	if (!status) status = whole_number(cli, args, "limit", 1000, 100000, &limit);
	if (!status) status = cli_connect(cli);
	if (status) return status;
	json_t *array = cli->json ? json_array() : NULL;
	enum coffer_status st = admin_audit_show(cli->conn, from, (uint32_t)limit, print_row, array);
	if (st) {
		json_decref(array);
		return cli_fail_call(cli, st);
	}
	return array ? json_print(array) : EXIT_DONE;
}

int cmd_audit_verify(struct cli *cli, const struct cmd_args *args)
{
	uint64_t records;
	(void)args;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_audit_verify(cli->conn, &records);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:I, s:b}", "records", (json_int_t)records, "verified", 1));
	if (!cli->quiet) printf("%" PRIu64 " audit records, every link verified\n", records);
	return EXIT_DONE;
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
