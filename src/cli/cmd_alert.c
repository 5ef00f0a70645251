/* coffer alert test: an event through the whole way, and whether notify_command took it. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "client/admin.h"

#define STATUS_MAX (64u * 1024u)
#define PAUSE_MS 100
#define WAIT_DEFAULT_S 60u
#define WAIT_MOST_S 3600u

struct progress {
	bool told, failing;
	char command[16], trouble[300];
};

static int look(struct cli *cli, uint64_t number, struct progress *out)
{
	static char text[STATUS_MAX];
	size_t len;
	enum coffer_status st = coffer_status_json(cli->conn, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	json_t *doc = json_loadb(text, len, 0, NULL), *alerts = json_object_get(doc, "alerts");
	json_int_t oldest = json_integer_value(json_object_get(alerts, "oldest_pending"));
	bool known = json_is_object(alerts);
	out->told = oldest == 0 || (uint64_t)oldest > number;
	snprintf(out->command, sizeof out->command, "%s", json_text(alerts, "command"));
	snprintf(out->trouble, sizeof out->trouble, "%s", json_text(alerts, "trouble"));
	out->failing = strcmp(out->command, "failing") == 0;
	json_decref(doc);
	return known ? EXIT_DONE : cli_fail(EXIT_REFUSED, "the daemon tells nothing of alerts; ask with a role");
}

static int report(struct cli *cli, uint64_t number, const struct progress *p)
{
	bool none = strcmp(p->command, "none") == 0;
	if (cli->json) {
		json_t *doc = json_pack("{s:I,s:b,s:s}", "number", (json_int_t)number, "told", p->told && !none, "command", p->command);
		int status = json_print(doc);
		if (status || p->told) return status;
	} else if (p->told && !cli->quiet) {
		if (none) printf("event %" PRIu64 " is in log and journal; notify_command is not set\n", number);
		else printf("event %" PRIu64 " is in log and journal, and notify_command took it\n", number);
	}
	if (p->told) return EXIT_DONE;
	return cli_fail(EXIT_REFUSED, "event %" PRIu64 " was not told to notify_command%s%s; it is tried again, and 'coffer status' shows it", number,
		p->trouble[0] ? ": " : " yet", p->trouble);
}

/* A failure ends the wait: what comes behind it is the same command again. */
int cmd_alert_test(struct cli *cli, const struct cmd_args *args)
{
	struct progress p = { .told = false };
	uint64_t number = 0, wait_s = WAIT_DEFAULT_S;
	const char *wait = args_get(cli->cmd, args, "wait");
	if (wait && (text_parse_u64(view_str(wait), &wait_s) != ERR_OK || wait_s > WAIT_MOST_S))
		return cli_usage(cli, "'%s' is not a number of seconds from 0 to %u", wait, WAIT_MOST_S);
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = admin_alert_test(cli->conn, &number);
	if (st) return cli_fail_call(cli, st);
	uint64_t until = clock_mono_ms() + wait_s * 1000;
	for (;;) {
		status = look(cli, number, &p);
		if (status || p.told || (p.failing && p.trouble[0]) || clock_mono_ms() >= until) break;
		const struct timespec pause = { 0, PAUSE_MS * 1000000L };
		nanosleep(&pause, NULL);
	}
	return status ? status : report(cli, number, &p);
}
