/* coffer rotate …: a new data key, a new master secret. */
#include <jansson.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/prompt.h"
#include "client/admin_rotate.h"

#define ASK_EVERY_MS 200

/* The caller releases *out. */
static int look(struct cli *cli, json_t **out)
{
	int status = json_status_part(cli, "rotation", out);
	return status || *out ? status : cli_fail(EXIT_REFUSED, "the daemon does not say how far it is");
}

static void show_progress(const struct cli *cli, const json_t *r)
{
	if (cli->quiet || cli->json || !isatty(STDERR_FILENO)) return;
	fprintf(stderr, "\r%s: %lld of %lld records seen, %lld sealed again ", json_text(r, "phase"), json_whole(r, "rows_seen"), json_whole(r, "rows_total"),
		json_whole(r, "rows_resealed"));
	fflush(stderr);
}

/* Until the older generations have left, or something holds them. */
static int wait_for_end(struct cli *cli, long long *out_rows)
{
	for (;;) {
		json_t *r = NULL;
		struct timespec pause = { 0, ASK_EVERY_MS * 1000000L };
		int status = look(cli, &r);
		if (status) return status;
		const char *phase = json_text(r, "phase");
		bool done = strcmp(phase, "none") == 0;
		if (strcmp(phase, "held") == 0) status = cli_fail(EXIT_REFUSED, "%s", json_text(r, "sentence"));
		if (!done) show_progress(cli, r);
		*out_rows = json_whole(r, "data_key_rows");
		json_decref(r);
		if (done || status) {
			if (!cli->quiet && !cli->json && isatty(STDERR_FILENO)) fputc('\n', stderr);
			return status;
		}
		nanosleep(&pause, NULL);
	}
}

int cmd_rotate_data_key(struct cli *cli, const struct cmd_args *args)
{
	uint32_t generation = 0;
	long long rows = 0;
	bool wait = args_get(cli->cmd, args, "wait") != NULL;
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_rotate_data_key(cli->conn, &generation);
	if (st) return cli_fail_call(cli, st);
	if (wait) status = wait_for_end(cli, &rows);
	if (status) return status;
	if (cli->json) return json_print(json_pack("{s:I, s:b, s:I}", "generation", (json_int_t)generation, "done", (int)wait, "rows", (json_int_t)rows));
	if (cli->quiet) return EXIT_DONE;
	printf("data key: generation %u is in force\n", generation);
	if (wait) printf("%lld records were sealed again, the older data key is gone\n", rows);
	else puts("records are sealed again in the background; 'coffer status' shows how far it is");
	return EXIT_DONE;
}

int cmd_rotate_master(struct cli *cli, const struct cmd_args *args)
{
	char line_text[640], old[640];
	AUTO_SECRET struct secret *pin = NULL;
	int status = pin_from_args(cli, args, &pin);
	if (!status) status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_rotate_master(cli->conn, args_get(cli->cmd, args, "token"), args_get(cli->cmd, args, "forget-old") != NULL, pin, line_text,
		sizeof line_text, old, sizeof old);
	if (st) return cli_fail_call(cli, st);
	if (cli->json) return json_print(json_pack("{s:s, s:s}", "master_secret", line_text, "old", old));
	if (cli->quiet) return EXIT_DONE;
	printf("master secret: %s\nthe earlier one: %s\n", line_text, old);
	return EXIT_DONE;
}
