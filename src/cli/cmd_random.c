/* coffer random N: random bytes of the daemon. */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/json.h"

#define RANDOM_MAX 65536u

int cmd_random(struct cli *cli, const struct cmd_args *args)
{
	static uint8_t bytes[RANDOM_MAX];
	static char hex[2 * RANDOM_MAX + 1];
	uint64_t n;
	if (text_parse_u64(view_str(args->argv[0]), &n) != ERR_OK || n == 0 || n > RANDOM_MAX)
		return cli_usage(cli, "'%s' is not a number of bytes from 1 to %u", args->argv[0], RANDOM_MAX);
	int status = cli_connect(cli);
	if (status) return status;
	enum coffer_status st = coffer_random(cli->conn, bytes, (size_t)n);
	if (st) return cli_fail_call(cli, st);
	if (args_get(cli->cmd, args, "raw")) return fwrite(bytes, 1, (size_t)n, stdout) == n ? EXIT_DONE : cli_fail(EXIT_REFUSED, "the output could not be written");
	text_hex(view_of(bytes, (size_t)n), hex);
	if (cli->json) return json_print(json_pack("{s:s}", "random", hex));
	puts(hex);
	return EXIT_DONE;
}
