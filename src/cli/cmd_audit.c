/* coffer audit show, export and verify through the daemon. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"
#include "cli/audit_proof.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/json.h"
#include "client/admin.h"

#define FOLLOW_MS 500
#define DETAILS_SHOWN 8192

/* ---- show ---- */

struct show {
	const char *since, *until, *principal, *operation, *object;
	bool failed;
	json_t *array;    /* NULL: lines for people */
	bool follow;
	uint64_t left;    /* records still to be shown */
	uint64_t next;    /* behind the last that came */
};

static bool is_wanted(const struct show *s, const json_t *row)
{
	const char *time = json_text(row, "time");
	if (s->since && strcmp(time, s->since) < 0) return false;
	if (s->until && strcmp(time, s->until) >= 0) return false;
	if (s->principal && strcmp(json_text(row, "principal"), s->principal) != 0) return false;
	if (s->operation && strcasecmp(json_text(row, "operation"), s->operation) != 0) return false;
	if (s->object && strcasecmp(json_text(row, "object"), s->object) != 0) return false;
	return !s->failed || strcmp(json_text(row, "result"), "ok") != 0;
}

/* What a record says came from outside in part: nothing of it may steer a terminal. */
static void print_for_people(const json_t *row)
{
	static char principal[1100], details[DETAILS_SHOWN];
	const char *object = json_text(row, "object");
	text_printable(view_str(json_text(row, "principal")), principal, sizeof principal);
	text_printable(view_str(json_text(row, "details")), details, sizeof details);
	printf("%8" JSON_INTEGER_FORMAT " %s %-14s %-18s %-18s %s%s%s\n", json_integer_value(json_object_get(row, "seq")), json_text(row, "time"), principal,
		json_text(row, "operation"), json_text(row, "result"), object, object[0] && details[0] ? " " : "", details);
}

static int take_row(void *arg, const char *text, size_t len)
{
	struct show *s = arg;
	json_t *row = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
	if (!row) return cli_fail(1, "a record of the answer is no JSON");
	s->next = (uint64_t)json_integer_value(json_object_get(row, "seq")) + 1;
	if (!is_wanted(s, row)) {
		json_decref(row);
		return 0;
	}
	s->left--;
	if (s->array) json_array_append_new(s->array, json_incref(row));
	else print_for_people(row);
	json_decref(row);
	return s->left == 0;
}

static int whole_number(struct cli *cli, const struct cmd_args *args, const char *name, uint64_t fallback, uint64_t max, uint64_t *out)
{
	const char *text = args_get(cli->cmd, args, name);
	*out = fallback;
	if (text && (text_parse_u64(view_str(text), out) != ERR_OK || *out > max))
		return cli_usage(cli, "--%s wants a whole number up to %" PRIu64, name, max);
	return EXIT_DONE;
}

/* A day, or a second: both compare as text with the times of records. */
static int take_time(struct cli *cli, const struct cmd_args *args, const char *name, const char **out)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	const char *text = args_get(cli->cmd, args, name);
	*out = text;
	if (!text) return EXIT_DONE;
	size_t len = strlen(text);
	bool good = len == 10 || len == sizeof form - 1;
	for (size_t i = 0; i < len && good; i++) good = form[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i];
	return good ? EXIT_DONE : cli_usage(cli, "--%s wants a day or a second in UTC, as 2026-01-31 or 2026-01-31T12:00:00Z", name);
}

static int take_filters(struct cli *cli, const struct cmd_args *args, struct show *s)
{
	int status = take_time(cli, args, "since", &s->since);
	if (!status) status = take_time(cli, args, "until", &s->until);
	s->principal = args_get(cli->cmd, args, "principal");
	s->operation = args_get(cli->cmd, args, "operation");
	s->object = args_get(cli->cmd, args, "object");
	s->failed = args_get(cli->cmd, args, "failed") != NULL;
	s->follow = args_get(cli->cmd, args, "follow") != NULL;
	if (!status && s->follow && cli->json) return cli_usage(cli, "--follow has no end, so it goes without --json; 'coffer audit export' writes JSON lines");
	return status;
}

/* Until it is interrupted. */
static enum coffer_status follow(struct cli *cli, struct show *s)
{
	const struct timespec pause = { 0, FOLLOW_MS * 1000000L };
	enum coffer_status st = COFFER_OK;
	while (!st && s->left) {
		uint64_t records = 0;
		fflush(stdout);
		nanosleep(&pause, NULL);
		st = admin_audit_length(cli->conn, &records);
		if (!st && records >= s->next) st = admin_audit_show(cli->conn, s->next, UINT32_MAX, take_row, s);
	}
	return st;
}

int cmd_audit_show(struct cli *cli, const struct cmd_args *args)
{
	struct show s = { .next = 1 };
	uint64_t from, limit;
	int status = whole_number(cli, args, "from", 0, UINT64_MAX, &from);
	if (!status) status = take_filters(cli, args, &s);
	if (!status) status = whole_number(cli, args, "limit", 1000, 100000, &limit);
	if (!status) status = cli_connect(cli);
	if (status) return status;
	bool filters = s.since || s.until || s.principal || s.operation || s.object || s.failed;
	if (filters && from == 0) from = 1; /* every record is looked at, and so many of them shown */
	s.array = cli->json ? json_array() : NULL;
	s.left = s.follow ? UINT64_MAX : limit;
	enum coffer_status st = limit || s.follow ? admin_audit_show(cli->conn, from, filters ? UINT32_MAX : (uint32_t)limit, take_row, &s) : COFFER_OK;
	if (!st && s.follow) st = follow(cli, &s);
	if (st) {
		json_decref(s.array);
		return cli_fail_call(cli, st);
	}
	return s.array ? json_print(s.array) : EXIT_DONE;
}

/* ---- export ---- */

static int put_lines(void *arg, const uint8_t *bytes, size_t len)
{
	return output_write(arg, bytes, len);
}

int cmd_audit_export(struct cli *cli, const struct cmd_args *args)
{
	struct output out;
	uint64_t from, last = 0;
	int status = whole_number(cli, args, "from", 0, INT64_MAX, &from);
	if (!status && from == 0 && args_get(cli->cmd, args, "from")) status = cli_usage(cli, "--from: records are counted from 1");
	if (!status) status = cli_connect(cli);
	if (!status) status = output_open(args->argv[0], &out);
	if (status) return status;
	enum coffer_status st = admin_audit_export(cli->conn, from, put_lines, &out, &from, &last);
	status = st ? cli_fail_call(cli, st) : output_commit(&out);
	if (status) {
		output_abandon(&out);
		return status;
	}
	if (cli->json && strcmp(args->argv[0], "-") != 0)
		return json_print(json_pack("{s:s, s:I, s:I}", "file", args->argv[0], "first", (json_int_t)from, "last", (json_int_t)last));
	if (!cli->quiet && strcmp(args->argv[0], "-") != 0) printf("records %" PRIu64 " to %" PRIu64 " with their checkpoints: %s\n", from, last, args->argv[0]);
	return EXIT_DONE;
}

/* ---- verify ---- */

int cmd_audit_verify(struct cli *cli, const struct cmd_args *args)
{
	uint64_t records, first;
	if (args->argc || args_count(cli->cmd, args, "file")) return audit_proof_run(cli, args);
	static const char *const offline[] = { "fingerprint", "public-key", "checkpoint", "token-key", "live" };
	for (size_t i = 0; i < sizeof offline / sizeof offline[0]; i++)
		if (args_get(cli->cmd, args, offline[i])) return cli_usage(cli, "--%s is for files: name those that 'coffer audit export' or the daemon wrote", offline[i]);
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_audit_verify(cli->conn, &first, &records);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:I, s:I, s:b}", "records", (json_int_t)records, "first", (json_int_t)first, "verified", 1));
	if (!cli->quiet) printf("%" PRIu64 " audit records, every link verified\n", records);
	if (!cli->quiet && first > 1) printf("from record %" PRIu64 " on: those before it were taken out of the store (audit_keep), check them in the exports\n", first);
	return EXIT_DONE;
}
