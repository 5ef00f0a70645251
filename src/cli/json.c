/* JSON output. */
#include "cli/json.h"

#include "cli/cli.h"

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
