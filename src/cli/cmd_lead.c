/* coffer promote, coffer step-down: who is master server. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "client/admin_lead.h"

#define ASK_EVERY_MS 50
#define SLACK_MS 2000 /* beside lease_time: for the transaction and its answer */

/* The caller releases *out. */
static int look(struct cli *cli, json_t **out)
{
	int status = json_status_part(cli, "lead", out);
	return status || *out ? status : cli_fail(EXIT_REFUSED, "the daemon does not say who is master server");
}

/* Until this node is master server, or is not, or lease_time is over; the caller releases *out. */
static int wait_until(struct cli *cli, bool master, json_t **out)
{
	struct timespec begun, now, pause = { 0, ASK_EVERY_MS * 1000000L };
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (;;) {
		int status = look(cli, out);
		if (status) return status;
		if ((strcmp(json_text(*out, "role"), "master") == 0) == master) return EXIT_DONE;
		clock_gettime(CLOCK_MONOTONIC, &now);
		long long waited = (long long)(now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000;
		if (waited > json_whole(*out, "lease_time_ms") + SLACK_MS) return EXIT_REFUSED;
		json_decref(*out);
		nanosleep(&pause, NULL);
	}
}

static int finish(struct cli *cli, int status, json_t *lead, const char *refusal)
{
	if (!lead) return status;
	const char *master = json_text(lead, "master");
	if (status) status = cli_fail(EXIT_REFUSED, "%s%s%s", refusal, master[0] ? "; master server is node " : "", master);
	if (!status && cli->json) return json_print(lead);
	if (!status && !cli->quiet && strcmp(json_text(lead, "role"), "master") == 0) printf("this node is master server, epoch %lld\n", json_whole(lead, "epoch"));
	else if (!status && !cli->quiet) puts("this node is not master server any more; it leaves the lease to others until one has taken it, or 'coffer promote'");
	json_decref(lead);
	return status;
}

int cmd_promote(struct cli *cli, const struct cmd_args *args)
{
	json_t *lead = NULL;
	int status = cli_connect(cli);
	(void)args;
	if (status) return status;
	enum coffer_status st = admin_promote(cli->conn);
	if (st) return cli_fail_call(cli, st);
	status = wait_until(cli, true, &lead);
	return finish(cli, status, lead, "this node could not take the lease within lease_time");
}

int cmd_step_down(struct cli *cli, const struct cmd_args *args)
{
	json_t *lead = NULL;
	int status = cli_connect(cli);
	(void)args;
	if (status) return status;
	enum coffer_status st = admin_step_down(cli->conn);
	if (st) return cli_fail_call(cli, st);
	status = wait_until(cli, false, &lead);
	return finish(cli, status, lead, "this node is still master server");
}
