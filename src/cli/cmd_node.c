/* coffer node …: the nodes of a domain, and how one joins. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/prompt.h"
#include "client/admin_node.h"

#define LIST_MAX (256u * 1024u)
#define ANSWER_MAX 8192u
#define ASK_EVERY_MS 500
#define BUSY_TRIES 20u

/* ---- join ---- */

struct joining {
	struct cli *cli;
	struct admin_join wish;
	struct secret *pin, *enrolment;
	bool shown;
	unsigned busy; /* times that the daemon was */
};

/* As for init: only what the person at this node can read from its own screen. */
static void show_request(const json_t *doc, const char *token)
{
	printf("node           %s (%s)\nmaster secret  %s\nfingerprint    %s\n", json_text(doc, "name"), json_text(doc, "node"), token, json_text(doc, "fingerprint"));
	if (json_text(doc, "certificate")[0]) printf("certificate    SHA-256 %s\nit has an endorsement certificate: nobody has to approve it once that is listed\n", json_text(doc, "certificate"));
	else if (strcmp(json_text(doc, "by"), "fingerprint") != 0) puts("it has an enrolment token: nobody has to approve it");
	else printf("on the master server, an administrator types it:\n    coffer node approve --fingerprint %s\n", json_text(doc, "fingerprint"));
	puts("waiting for the answer; this may be stopped and given again");
	fflush(stdout);
}

/* One step. *out_member: it is done. */
static int step(struct joining *j, bool last, bool *out_member)
{
	char text[ANSWER_MAX], token[1024];
	size_t len;
	enum coffer_status st = admin_node_join(j->cli->conn, &j->wish, text, sizeof text, &len, token, sizeof token);
	if (st == COFFER_EBUSY && !last && ++j->busy < BUSY_TRIES) return EXIT_DONE; /* other nodes wrote at the same time */
	if (st) return cli_fail_call(j->cli, st);
	json_t *doc = json_loadb(text, len, 0, NULL);
	if (!doc) return cli_fail(EXIT_REFUSED, "the daemon's answer is no JSON");
	j->wish.anew = false;
	*out_member = strcmp(json_text(doc, "state"), "member") == 0;
	if (j->cli->json && (*out_member || last)) return json_print(doc);
	if (*out_member && !j->cli->quiet) printf("this node is a member of domain %s\n", json_text(doc, "domain"));
	if (!*out_member && !j->shown && !j->cli->quiet && !j->cli->json) show_request(doc, token);
	j->shown = true;
	json_decref(doc);
	return EXIT_DONE;
}

static int run_join(struct joining *j, bool wait)
{
	const struct timespec pause = { 0, ASK_EVERY_MS * 1000000L };
	bool member = false;
	int status = cli_connect(j->cli);
	while (!status) {
		status = step(j, !wait, &member);
		if (member || !wait) break;
		if (!status) nanosleep(&pause, NULL);
	}
	return status;
}

/* PIN and enrolment token, where they were asked for. */
static int take_secrets(struct joining *j, const struct cmd_args *args)
{
	const struct cmd *cmd = j->cli->cmd;
	int status = pin_from_args(j->cli, args, &j->pin);
	if (!status && (args_get(cmd, args, "enrolment") || secret_is_given(j->cli, args))) status = secret_from_args(j->cli, args, "Enrolment token: ", &j->enrolment);
	j->wish.pin = j->pin;
	j->wish.enrolment = j->enrolment;
	return status;
}

int cmd_node_join(struct cli *cli, const struct cmd_args *args)
{
	const struct cmd *cmd = cli->cmd;
	struct joining j = { .cli = cli, .wish = { .token_uri = args_get(cmd, args, "token"), .domain = args_get(cmd, args, "domain"), .name = args_get(cmd, args, "name"),
		.answer = args_get(cmd, args, "answer"), .anew = args_get(cmd, args, "anew") != NULL, .endorsement = args_get(cmd, args, "endorsement") != NULL } };
	if (!j.wish.domain) return cli_usage(cli, "--domain is needed: the domain's fingerprint, as 'coffer status' shows it on a node that is in it");
	if (!j.wish.token_uri) j.wish.token_uri = ""; /* the one of the configuration */
	int status = take_secrets(&j, args);
	if (!status) status = run_join(&j, args_get(cmd, args, "no-wait") == NULL);
	secret_free(j.pin);
	secret_free(j.enrolment);
	return status;
}

/* ---- list ---- */

static void print_entry(const json_t *entry)
{
	long long age = (long long)json_integer_value(json_object_get(entry, "age"));
	printf("%s  %-20s %-8s %-7s", json_text(entry, "id"), json_text(entry, "name"), json_text(entry, "state"), json_text(entry, "token"));
	if (strcmp(json_text(entry, "this"), "yes") == 0) printf("  this node");
	if (json_object_get(entry, "age")) printf("  asks to join since %lld min", age / 60);
	putchar('\n');
}

int cmd_node_list(struct cli *cli, const struct cmd_args *args)
{
	size_t i;
	json_t *doc, *entry;
	(void)args;
	int status = json_ask(cli, admin_node_list, LIST_MAX, &doc);
	if (status) return status;
	if (cli->json) return json_print(doc);
	if (!cli->quiet) {
		json_array_foreach(json_object_get(doc, "nodes"), i, entry) print_entry(entry);
		json_array_foreach(json_object_get(doc, "waiting"), i, entry) print_entry(entry);
	}
	json_decref(doc);
	return EXIT_DONE;
}

/* ---- approve, remove, accept ---- */

int cmd_node_approve(struct cli *cli, const struct cmd_args *args)
{
	struct admin_node node;
	const char *fingerprint = args_get(cli->cmd, args, "fingerprint");
	if (!fingerprint) return cli_usage(cli, "--fingerprint is needed, typed from the new node's own screen");
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_node_approve(cli->conn, fingerprint, &node);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:s, s:s, s:s}", "node", node.id, "name", node.name, "answer", node.answer));
	if (!cli->quiet) printf("node '%s' may join\nanswer         %s\n", node.name, node.answer);
	return EXIT_DONE;
}

int cmd_node_remove(struct cli *cli, const struct cmd_args *args)
{
	struct admin_node node;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_node_remove(cli->conn, args->argv[0], &node);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) status = json_print(json_pack("{s:s, s:s, s:I, s:I, s:I}", "node", node.id, "name", node.name, "generation", (json_int_t)node.generation, "enrolments_revoked", (json_int_t)node.enrolments,
		"certificates_unlisted", (json_int_t)node.certificates));
	else if (!cli->quiet) printf("node '%s' is removed\nenrolment tokens revoked with it: %u%s\nendorsement certificates not listed any more: %u%s\n", node.name, node.enrolments,
		node.enrolments ? "; make new ones with 'coffer node enrol'" : "", node.certificates, node.certificates ? "; list them again with 'coffer node trust-ek'" : "");
	if (node.generation == 0)
		return cli_fail(EXIT_REFUSED, "it still knows the data key in force, which could not be changed yet: %s; that is noted, and the master server changes it as soon as it can ('coffer status')", node.left_to_do);
	if (!cli->quiet && !cli->json) printf("data key: generation %u is in force; it opens nothing newer\n", node.generation);
	return status;
}

int cmd_node_accept(struct cli *cli, const struct cmd_args *args)
{
	struct admin_node node;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_node_accept(cli->conn, args->argv[0], &node);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:s, s:s}", "node", node.id, "name", node.name));
	if (!cli->quiet) printf("node '%s' goes on; where it is another one than this, restart its daemon\n", node.name);
	return EXIT_DONE;
}
