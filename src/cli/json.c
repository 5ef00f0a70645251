/* JSON output. */
#include "cli/json.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/cli.h"

#define STATUS_MAX (64u * 1024u)

int json_print(json_t *doc)
{
	if (!doc || json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) != 0) {
		json_decref(doc);
		return cli_fail(EXIT_REFUSED, "the output could not be made: out of memory");
	}
	putchar('\n');
	json_decref(doc);
	return EXIT_DONE;
}

const char *json_text(const json_t *doc, const char *name)
{
	const char *text = json_string_value(json_object_get(doc, name));
	return text ? text : "";
}

long long json_whole(const json_t *doc, const char *name)
{
	return (long long)json_integer_value(json_object_get(doc, name));
}

int json_status_part(struct cli *cli, const char *name, json_t **out)
{
	static char text[STATUS_MAX];
	size_t len;
	enum coffer_status st = coffer_status_json(cli->conn, text, sizeof text, &len);
	if (st) return cli_fail_call(cli, st);
	json_t *doc = json_loadb(text, len, 0, NULL);
	*out = json_incref(json_object_get(doc, name));
	json_decref(doc);
	return EXIT_DONE;
}

int json_ask(struct cli *cli, json_call *call, size_t cap, json_t **out)
{
	size_t len;
	int status = cli_connect(cli);
	if (status) return status;
	AUTO_FREE char *text = malloc(cap);
	if (!text) return cli_fail(EXIT_REFUSED, "out of memory");
	enum coffer_status st = call(cli->conn, text, cap, &len);
	if (st) return cli_fail_call(cli, st);
	*out = json_loadb(text, len, 0, NULL);
	return *out ? EXIT_DONE : cli_fail(EXIT_REFUSED, "the daemon's answer is no JSON");
}
