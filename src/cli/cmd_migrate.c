/* coffer store migrate: orders that the store is moved, and waits until it is in its new place. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "client/admin.h"

#define ANSWER_MAX 4096u
#define STATUS_MAX (64u * 1024u)
#define ASK_EVERY_MS 200
#define SILENCE_S 120   /* of the daemon, which starts anew meanwhile */
#define SEALED_S 60     /* behind the rows: until the token has opened the data key */

struct waiting {
	struct cli *cli;
	const char *to;
	char said[512];      /* the last note that was shown */
	time_t answered, unsealing; /* CLOCK_MONOTONIC; when it answered last; since when it is only sealed, 0: it is not */
};

static time_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Its status, by a connection of its own: the daemon may be another process each time. NULL: it does not answer. */
static json_t *look(const struct cli *cli)
{
	static char text[STATUS_MAX];
	struct coffer_options options = { .size = sizeof options, .server_uid = -1, .no_ring = true };
	struct coffer *conn = NULL;
	size_t len = 0;
	json_t *doc = NULL;
	enum coffer_status st = coffer_connect(cli->socket, &options, &conn);
	if (!st) st = coffer_status_json(conn, text, sizeof text, &len);
	if (!st) doc = json_loadb(text, len, 0, NULL);
	coffer_close(conn);
	return doc;
}

static void show(struct waiting *w, const char *note)
{
	if (w->cli->quiet || w->cli->json || strcmp(note, w->said) == 0) return;
	snprintf(w->said, sizeof w->said, "%s", note);
	if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K%.120s", note);
}

/* True: *out_status is the end. */
static bool judge(struct waiting *w, const json_t *doc, int *out_status)
{
	const json_t *move = json_object_get(doc, "move");
	const char *state = json_text(doc, "state"), *note = json_text(doc, "note"), *phase = json_text(move, "phase");
	bool ordered = strcmp(phase, "ordered") == 0, active = strcmp(json_text(move, "active"), "yes") == 0, sealed = strcmp(state, "sealed") == 0;
	show(w, note);
	if (!sealed || active) w->unsealing = 0;
	else if (!w->unsealing) w->unsealing = now();
	*out_status = EXIT_DONE;
	if (strcmp(state, "fault") == 0) *out_status = cli_fail(EXIT_SEALED, "%s", note);
	else if (w->unsealing && now() - w->unsealing >= SEALED_S)
		*out_status = cli_fail(EXIT_SEALED, "the rows are moved, and the new place counts when the node is open: %s", note);
	else if (strcmp(state, "open") == 0 && !ordered && (!move || strcmp(json_text(move, "to"), w->to) != 0))
		*out_status = cli_fail(EXIT_REFUSED, "the store was not moved: the configuration did not name its new place any more when the daemon started anew");
	else return strcmp(state, "open") == 0 && !ordered;
	return true;
}

static int wait_for(struct waiting *w, json_t **out)
{
	const struct timespec pause = { 0, ASK_EVERY_MS * 1000000L };
	w->answered = now();
	for (;;) {
		int status;
		json_t *doc = look(w->cli);
		if (doc) w->answered = now();
		if (doc && judge(w, doc, &status)) {
			if (w->said[0] && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
			*out = json_incref(json_object_get(doc, "move"));
			json_decref(doc);
			return status;
		}
		json_decref(doc);
		if (now() - w->answered >= SILENCE_S)
			return cli_fail(EXIT_NO_DAEMON, "the daemon does not answer any more; the move was ordered and goes on when it runs: see its log, and 'coffer status'");
		nanosleep(&pause, NULL);
	}
}

/* The connection goes: the daemon waits for those that are open before it starts anew. */
static int order(struct cli *cli, const char *to, json_t **out)
{
	char text[ANSWER_MAX];
	size_t len;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_store_migrate(cli->conn, to, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	coffer_close(cli->conn);
	cli->conn = NULL;
	*out = json_loadb(text, len, 0, NULL);
	return *out ? EXIT_DONE : cli_fail(EXIT_REFUSED, "the daemon's answer is no JSON");
}

int cmd_store_migrate(struct cli *cli, const struct cmd_args *args)
{
	struct waiting w = { .cli = cli, .to = args_get(cli->cmd, args, "to") };
	json_t *ordered = NULL, *move = NULL;
	if (!w.to || (strcmp(w.to, "postgres") != 0 && strcmp(w.to, "sqlite") != 0)) return cli_usage(cli, "--to postgres or --to sqlite is needed");
	if (!args_get(cli->cmd, args, "yes"))
		return cli_usage(cli, "the daemon starts anew with the configuration as it is written now, and answers nothing while it moves the store; add --yes");
	int status = order(cli, w.to, &ordered);
	if (status) return status;
	bool waits = args_get(cli->cmd, args, "no-wait") == NULL;
	if (waits) status = wait_for(&w, &move);
	if (!status && cli->json) status = json_print(waits ? json_incref(move) : json_incref(ordered));
	else if (!status && !cli->quiet && waits) printf("the store is in %s; the one that was left refuses to be used, and may be removed when a backup of the new one was verified\n", json_text(ordered, "place"));
	else if (!status && !cli->quiet) printf("ordered: the store is moved to %s; 'coffer status' says how far it is\n", json_text(ordered, "place"));
	json_decref(ordered);
	json_decref(move);
	return status;
}
