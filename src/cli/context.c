/* --context options. */
#include "cli/context.h"

#include <string.h>

static int one_pair(struct cli *cli, const char *text, struct context_args *out)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : 0;
	if (!equals || len == 0) return cli_usage(cli, "--context wants NAME=VALUE, not '%s'", text);
	if (len > 255) return cli_usage(cli, "the name in --context is longer than 255 bytes");
	if (strlen(equals + 1) > 4096) return cli_usage(cli, "the value in --context is longer than 4096 bytes");
	char *name = out->names[out->count];
	memcpy(name, text, len);
	name[len] = '\0';
	for (size_t i = 0; i < out->count; i++)
		if (strcmp(out->names[i], name) == 0) return cli_usage(cli, "--context names '%s' twice", name);
	out->pairs[out->count++] = (struct coffer_pair){ name, equals + 1, strlen(equals + 1) };
	return EXIT_DONE;
}

int context_from_args(struct cli *cli, const struct cmd_args *args, struct context_args *out)
{
	out->count = 0;
	unsigned n = args_count(cli->cmd, args, "context");
	for (unsigned i = 0; i < n; i++) {
		int status = one_pair(cli, args_nth(cli->cmd, args, "context", i), out);
		if (status) return status;
	}
	return EXIT_DONE;
}
