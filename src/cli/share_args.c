/* One option after another. */
#include "cli/share_args.h"

#include "cli/prompt.h"

static int from_file(const char *option, const char *path, struct secret **out)
{
	(void)option;
	return secret_from_file(path, out);
}

static const struct {
	const char *option;
	int (*take)(const char *option, const char *value, struct secret **out);
} sources[] = { { "share-file", from_file }, { "share-fd", secret_from_fd }, { "share-credential", secret_from_credential } };

#define SOURCES (sizeof sources / sizeof sources[0])

unsigned shares_given(const struct cli *cli, const struct cmd_args *args)
{
	unsigned count = 0;
	for (size_t s = 0; s < SOURCES; s++) count += args_count(cli->cmd, args, sources[s].option);
	return count;
}

int share_take(struct cli *cli, const struct cmd_args *args, unsigned i, const char **out_name, struct secret **out)
{
	for (size_t s = 0; s < SOURCES; s++) {
		unsigned here = args_count(cli->cmd, args, sources[s].option);
		if (i < here) {
			*out_name = args_nth(cli->cmd, args, sources[s].option, i);
			return sources[s].take(sources[s].option, *out_name, out);
		}
		i -= here;
	}
	return cli_fail(EXIT_USAGE, "there is no share %u", i);
}
