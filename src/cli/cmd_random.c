/* coffer random N: random bytes of the daemon. They may become keys: they stay in the arena and out of the buffers of stdio and jansson. */
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/files.h"

#define RANDOM_MAX 65536u

static enum coffer_err append_hex(struct buf *out, struct view bytes)
{
	TRY(buf_reserve(out, 2 * bytes.len + 1));
	text_hex(bytes, (char *)out->ptr + out->len);
	out->len += 2 * bytes.len;
	return ERR_OK;
}

/* What json_print would make of one string, or a line. */
static enum coffer_err write_text(struct buf *out, struct view bytes, bool json)
{
	if (json) TRY(buf_append(out, view_str("{\n  \"random\": \"")));
	TRY(append_hex(out, bytes));
	return buf_append(out, view_str(json ? "\"\n}\n" : "\n"));
}

int cmd_random(struct cli *cli, const struct cmd_args *args)
{
	AUTO_BUF struct buf bytes = BUF_EMPTY, text = BUF_EMPTY;
	struct output out;
	uint64_t n;
	bool raw = args_get(cli->cmd, args, "raw") != NULL;
	if (text_parse_u64(view_str(args->argv[0]), &n) != ERR_OK || n == 0 || n > RANDOM_MAX)
		return cli_usage(cli, "'%s' is not a number of bytes from 1 to %u", args->argv[0], RANDOM_MAX);
	int status = cli_connect(cli);
	if (!status) status = output_open(NULL, &out);
	if (status) return status;
	if (buf_reserve(&bytes, (size_t)n) != ERR_OK) return cli_fail(EXIT_REFUSED, "out of memory");
	bytes.len = (size_t)n;
	enum coffer_status st = coffer_random(cli->conn, bytes.ptr, bytes.len);
	if (st) return cli_fail_call(cli, st);
	if (raw) return output_write(&out, bytes.ptr, bytes.len);
	if (write_text(&text, buf_view(&bytes), cli->json) != ERR_OK) return cli_fail(EXIT_REFUSED, "out of memory");
	return output_write(&out, text.ptr, text.len);
}
