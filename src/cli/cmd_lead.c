/* coffer promote, coffer step-down, coffer node test-failover: who is master server. */
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

/* What is waited for; epoch: the lease's before it. */
typedef bool lead_fn(const json_t *lead, long long epoch);

static bool is_master(const json_t *lead, long long epoch)
{
	(void)epoch;
	return strcmp(json_text(lead, "role"), "master") == 0;
}

static bool is_none(const json_t *lead, long long epoch)
{
	return !is_master(lead, epoch);
}

static bool is_anothers(const json_t *lead, long long epoch)
{
	return !is_master(lead, epoch) && json_text(lead, "master")[0] && json_whole(lead, "epoch") > epoch;
}

/* Until it is so, or lease_time is over; the caller releases *out. */
static int wait_until(struct cli *cli, lead_fn *is_so, long long epoch, json_t **out)
{
	struct timespec begun, now, pause = { 0, ASK_EVERY_MS * 1000000L };
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (;;) {
		int status = look(cli, out);
		if (status) return status;
		if (is_so(*out, epoch)) return EXIT_DONE;
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
	status = wait_until(cli, is_master, 0, &lead);
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
	status = wait_until(cli, is_none, 0, &lead);
	return finish(cli, status, lead, "this node is still master server");
}

/* ---- a rehearsal ---- */

/* Whether a node that may take over was seen lately. */
static int find_standby(struct cli *cli, const char *own)
{
	json_t *nodes = NULL, *node;
	const char *id;
	bool found = false;
	int status = json_status_part(cli, "nodes", &nodes);
	if (status) return status;
	json_object_foreach(nodes, id, node)
		found = found || (strcmp(id, own) != 0 && strcmp(json_text(node, "role"), "standby") == 0 && strcmp(json_text(node, "silent"), "no") == 0);
	json_decref(nodes);
	return found ? EXIT_DONE : cli_fail(EXIT_REFUSED, "no standby was seen lately that could take over, and nothing was changed; 'coffer status' lists the nodes");
}

/* This node has to be master server: *out_epoch. */
static int may_rehearse(struct cli *cli, long long *out_epoch)
{
	json_t *lead = NULL;
	int status = look(cli, &lead);
	if (status) return status;
	const char *master = json_text(lead, "master");
	*out_epoch = json_whole(lead, "epoch");
	if (is_none(lead, 0)) status = cli_fail(EXIT_REFUSED, "this node is not master server, and nothing was changed; run this on %s%s", master[0] ? "node " : "the one that is", master);
	if (!status) status = find_standby(cli, master);
	json_decref(lead);
	return status;
}

static long long ms_since(const struct timespec *from)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)(now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

/* Takes the lease back. */
static int take_back(struct cli *cli, long long *out_ms)
{
	json_t *lead = NULL;
	struct timespec begun;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	enum coffer_status st = admin_promote(cli->conn);
	if (st) return cli_fail_call(cli, st);
	int status = wait_until(cli, is_master, 0, &lead);
	*out_ms = ms_since(&begun);
	if (status && lead) status = cli_fail(EXIT_REFUSED, "this node could not take the lease back within lease_time; see 'coffer status'");
	json_decref(lead);
	return status;
}

int cmd_test_failover(struct cli *cli, const struct cmd_args *args)
{
	json_t *lead = NULL;
	struct timespec begun;
	char taker[64] = "";
	long long epoch = 0, taken_ms, back_ms = 0;
	int status = cli_connect(cli);
	(void)args;
	if (!status) status = may_rehearse(cli, &epoch);
	if (status) return status;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	enum coffer_status st = admin_step_down(cli->conn);
	if (st) return cli_fail_call(cli, st);
	int taken = wait_until(cli, is_anothers, epoch, &lead);
	taken_ms = ms_since(&begun);
	if (!taken) strncpy(taker, json_text(lead, "master"), sizeof taker - 1);
	json_decref(lead);
	status = take_back(cli, &back_ms);
	if (status) return status;
	if (taken) return cli_fail(EXIT_REFUSED, "no standby took over within lease_time: this node is master server again; see whether a standby reaches the database");
	if (cli->json) return json_print(json_pack("{s:s, s:I, s:I}", "taken_by", taker, "taken_after_ms", (json_int_t)taken_ms, "given_back_after_ms", (json_int_t)back_ms));
	if (!cli->quiet) printf("node %s took over after %lld ms and gave it back after %lld ms: this node is master server again\n", taker, taken_ms, back_ms);
	return EXIT_DONE;
}
