/* coffer node enrol, enrolments, enrol-revoke: tokens by which nodes join without an administrator beside them. */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/share_files.h"
#include "cli/when.h"
#include "client/admin_node.h"

#define ONE_MAX 4096u
#define LIST_MAX (256u * 1024u)
#define NAME_MAX_TEXT 512u

/* ---- made ---- */

static int take_wish(struct cli *cli, const struct cmd_args *args, struct admin_enrol *out)
{
	uint64_t uses = 0;
	const char *count = args_get(cli->cmd, args, "uses"), *life = args_get(cli->cmd, args, "lifetime");
	*out = (struct admin_enrol){ .name = args_get(cli->cmd, args, "name") };
	if (count && (text_parse_u64(view_str(count), &uses) != ERR_OK || uses < 1 || uses > UINT16_MAX)) return cli_usage(cli, "--uses wants the number of nodes, from 1 on");
	if (life && !when_interval(life, &out->life_s)) return cli_usage(cli, "--lifetime wants a time such as 30m, 1h or 2d");
	out->uses = (uint32_t)uses;
	return EXIT_DONE;
}

/* Past the buffer of stdio, which would keep it. */
static int show(const struct secret *token)
{
	struct view text = view_str((const char *)secret_bytes(token));
	if (fdio_write_all(STDOUT_FILENO, view_str("\n    ")) == ERR_OK && fdio_write_all(STDOUT_FILENO, text) == ERR_OK && fdio_write_all(STDOUT_FILENO, view_str("\n\n")) == ERR_OK)
		return EXIT_DONE;
	return cli_fail(EXIT_REFUSED, "the enrolment token cannot be shown; revoke it with 'coffer node enrol-revoke'");
}

static int report(struct cli *cli, const json_t *doc, const char *file, const struct secret *token)
{
	char ends[WHEN_TEXT_MAX];
	int status = EXIT_DONE;
	when_text((uint64_t)json_whole(doc, "ends"), ends);
	if (!file) status = show(token);
	if (status || cli->quiet) return status;
	printf("enrolment token '%s' admits %lld node(s) until %s; whoever has it gets the domain's data keys\n", json_text(doc, "name"),
		json_whole(doc, "uses"), ends);
	puts("it is shown this once. On the new node: coffer node join --domain FINGERPRINT --token URI --enrolment");
	return EXIT_DONE;
}

/* Before it is made: afterwards it would be lost. */
static int check_place(const char *file)
{
	if (!file && !isatty(STDOUT_FILENO)) return cli_fail(EXIT_REFUSED, "an enrolment token is shown on a terminal only; use --out FILE");
	if (file && access(file, F_OK) == 0) return cli_fail(EXIT_REFUSED, "%s exists already", file);
	return EXIT_DONE;
}

int cmd_node_enrol(struct cli *cli, const struct cmd_args *args)
{
	char text[ONE_MAX];
	size_t len;
	struct admin_enrol wish;
	AUTO_SECRET struct secret *token = NULL;
	const char *file = args_get(cli->cmd, args, "out");
	int status = take_wish(cli, args, &wish);
	if (!status) status = check_place(file);
	if (!status) status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_node_enrol(cli->conn, &wish, &token, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	json_t *doc = json_loadb(text, len, 0, NULL);
	if (!doc) return cli_fail(EXIT_REFUSED, "the daemon's answer is no JSON");
	if (file) status = secret_file_write(file, token);
	if (!status && cli->json && file) return json_print(doc);
	if (!status) status = report(cli, doc, file, token);
	json_decref(doc);
	return status;
}

/* ---- listed ---- */

static void print_entry(const json_t *entry)
{
	char ends[WHEN_TEXT_MAX];
	when_text((uint64_t)json_whole(entry, "ends"), ends);
	printf("%s  %-20s %-8s %lld of %lld used, until %s, by %s\n", json_text(entry, "id"), json_text(entry, "name"), json_text(entry, "state"),
		json_whole(entry, "used"), json_whole(entry, "uses"), ends, json_text(entry, "by"));
}

int cmd_node_enrolments(struct cli *cli, const struct cmd_args *args)
{
	size_t i;
	json_t *doc, *entry;
	(void)args;
	int status = json_ask(cli, admin_node_enrolments, LIST_MAX, &doc);
	if (status) return status;
	if (cli->json) return json_print(doc);
	if (!cli->quiet)
		json_array_foreach(json_object_get(doc, "enrolments"), i, entry) print_entry(entry);
	json_decref(doc);
	return EXIT_DONE;
}

int cmd_node_enrol_revoke(struct cli *cli, const struct cmd_args *args)
{
	char name[NAME_MAX_TEXT];
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_node_enrol_revoke(cli->conn, args->argv[0], name, sizeof name);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:s}", "name", name));
	if (!cli->quiet) printf("enrolment token '%s' admits nobody any more\n", name);
	return EXIT_DONE;
}
