/* Options of a command. */
#include "cli/args.h"

#include <string.h>

#include "base/ini.h"

static const struct cmd_option common[] = {
	{ "socket", 0, "PATH", "" }, { "json", 0, NULL, "" }, { "quiet", 0, NULL, "" }, { "help", 0, NULL, "" }, { 0 },
};

static const struct cmd_option *find(const struct cmd_option *options, const char *name, size_t len, char letter)
{
	for (const struct cmd_option *o = options; o && o->name; o++) {
		if (letter ? o->letter == letter : strlen(o->name) == len && strncmp(o->name, name, len) == 0) return o;
	}
	return NULL;
}

static int unknown_option(struct cli *cli, const char *word)
{
	const char *names[CMD_OPTIONS_MAX + 8], *near;
	size_t n = 0;
	for (const struct cmd_option *o = cli->cmd->options; o && o->name; o++) names[n++] = o->name;
	for (const struct cmd_option *o = common; o->name; o++) names[n++] = o->name;
	names[n] = NULL;
	near = strncmp(word, "--", 2) == 0 ? ini_nearest(word + 2, names) : NULL;
	if (near) return cli_usage(cli, "unknown option '%s'; did you mean '--%s'?", word, near);
	return cli_usage(cli, "unknown option '%s'", word);
}

static void set_common(struct cli *cli, const char *name, const char *value, bool *help)
{
	if (strcmp(name, "socket") == 0) cli->socket = value;
	else if (strcmp(name, "json") == 0) cli->json = true;
	else if (strcmp(name, "quiet") == 0) cli->quiet = true;
	else *help = true;
}

/* One option word, with its value from `=`, or from the next word. Returns how many words it took, or -1. */
static int take_option(struct cli *cli, int left, char **argv, struct cmd_args *out, bool *help)
{
	const char *word = argv[0], *name, *value = NULL;
	bool is_long = word[1] == '-';
	size_t len;
	name = word + (is_long ? 2 : 1);
	len = is_long ? strcspn(name, "=") : 1;
	char letter = is_long ? '\0' : name[0];
	const struct cmd_option *o = find(cli->cmd->options, name, len, letter);
	bool is_common = !o;
	if (!o) o = find(common, name, len, letter);
	if (!o || (!is_long && name[1] && !o->value)) {
		unknown_option(cli, word);
		return -1;
	}
	int taken = 1;
	if (o->value && is_long && name[len] == '=') value = name + len + 1;
	else if (o->value && !is_long && name[1]) value = name + 1;
	else if (o->value && left > 1) value = argv[taken++];
	if (o->value && !value) {
		cli_usage(cli, "option '%s' wants a value (%s)", word, o->value);
		return -1;
	}
	if (!o->value && is_long && name[len] == '=') {
		cli_usage(cli, "option '--%s' takes no value", o->name);
		return -1;
	}
	if (is_common) {
		set_common(cli, o->name, value, help);
		return taken;
	}
	size_t i = (size_t)(o - cli->cmd->options);
	if (out->given[i] >= COFFER_CONTEXT_MAX) {
		cli_usage(cli, "option '--%s' is given more than %d times", o->name, COFFER_CONTEXT_MAX);
		return -1;
	}
	out->values[i] = value ? value : "";
	out->list[i][out->given[i]++] = out->values[i];
	return taken;
}

int args_parse(struct cli *cli, int argc, char **argv, struct cmd_args *out, bool *help)
{
	*out = (struct cmd_args){ .argv = argv };
	bool options_end = false;
	for (int i = 0; i < argc;) {
		if (!options_end && strcmp(argv[i], "--") == 0) {
			options_end = true;
			i++;
		} else if (!options_end && argv[i][0] == '-' && argv[i][1]) {
			int taken = take_option(cli, argc - i, argv + i, out, help);
			if (taken < 0) return EXIT_USAGE;
			i += taken;
		} else {
			out->argv[out->argc++] = argv[i++];
		}
	}
	if (*help) return EXIT_DONE;
	if (out->argc < cli->cmd->words_min) return cli_usage(cli, "'coffer %s' wants %s", cli->cmd->words, cli->cmd->arguments);
	if (out->argc > cli->cmd->words_max) return cli_usage(cli, "unexpected argument '%s'", out->argv[cli->cmd->words_max]);
	return EXIT_DONE;
}

const char *args_get(const struct cmd *cmd, const struct cmd_args *args, const char *name)
{
	const struct cmd_option *o = find(cmd->options, name, strlen(name), 0);
	return o ? args->values[o - cmd->options] : NULL;
}

unsigned args_count(const struct cmd *cmd, const struct cmd_args *args, const char *name)
{
	const struct cmd_option *o = find(cmd->options, name, strlen(name), 0);
	return o ? args->given[o - cmd->options] : 0;
}

const char *args_nth(const struct cmd *cmd, const struct cmd_args *args, const char *name, unsigned n)
{
	const struct cmd_option *o = find(cmd->options, name, strlen(name), 0);
	return o && n < args->given[o - cmd->options] ? args->list[o - cmd->options][n] : NULL;
}
