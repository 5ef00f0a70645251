/* coffer encrypt, decrypt, rewrap: sealed messages up to 1 MiB, sealed streams beyond, at bounded memory. */
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/files.h"

#define MESSAGE_MAX COFFER_MESSAGE_MAX
#define SEGMENT (1024u * 1024u)

/* One run of a command: where bytes come from and go to. */
struct crypt {
	struct cli *cli;
	struct input in;
	struct output out;
	struct context_args context;
	struct progress progress;
	uint8_t *now, *next, *result; /* buffers of `cap` bytes */
	size_t cap;
};

static int open_crypt(struct cli *cli, const struct cmd_args *args, const char *what, struct crypt *c)
{
	*c = (struct crypt){ .cli = cli, .in = { .fd = -1 }, .out = { .fd = -1 } };
	int status = context_from_args(cli, args, &c->context);
	if (!status) status = input_open(args_get(cli->cmd, args, "input"), &c->in);
	if (!status) status = cli_connect(cli);
	if (!status) status = output_open(args_get(cli->cmd, args, "output"), &c->out);
	if (!status) progress_begin(&c->progress, cli, what, c->in.size);
	return status;
}

static int close_crypt(struct crypt *c, int status)
{
	if (!status) status = output_commit(&c->out);
	output_abandon(&c->out);
	input_close(&c->in);
	uint8_t *buffers[] = { c->now, c->next, c->result };
	for (size_t i = 0; i < 3; i++) {
		if (buffers[i]) wipe(buffers[i], c->cap);
		free(buffers[i]);
	}
	if (!status) progress_end(&c->progress);
	return status;
}

static int need_buffers(struct crypt *c, size_t cap)
{
	c->cap = cap;
	c->now = malloc(cap);
	c->next = malloc(cap);
	c->result = malloc(cap);
	return c->now && c->next && c->result ? EXIT_DONE : cli_fail(EXIT_REFUSED, "out of memory");
}

static void swap(struct crypt *c)
{
	uint8_t *t = c->now;
	c->now = c->next;
	c->next = t;
}

/* Collects segments until at most `leave` are under way. */
static int collect(struct crypt *c, struct coffer_stream *s, unsigned leave)
{
	while (coffer_stream_under_way(s) > leave) {
		size_t len;
		enum coffer_status st = coffer_stream_collect(s, c->result, c->cap, &len);
		if (st) return cli_fail_call(c->cli, st);
		int status = output_write(&c->out, c->result, len);
		if (status) return status;
	}
	return EXIT_DONE;
}

/* Sends c->now (len bytes), c->next (next_len bytes, read ahead) and everything behind them in pieces of `piece` bytes. A piece is the last
 * one when the input ends with it. */
static int pump(struct crypt *c, struct coffer_stream *s, size_t piece, size_t len, size_t next_len)
{
	for (;;) {
		bool last = next_len == 0;
		int status = collect(c, s, COFFER_STREAM_AHEAD - 1);
		if (status) return status;
		enum coffer_status st = coffer_stream_send(s, c->now, len, last);
		if (st) return cli_fail_call(c->cli, st);
		progress_add(&c->progress, len);
		if (last) return collect(c, s, 0);
		swap(c);
		len = next_len;
		next_len = 0;
		if (len == piece) status = input_read(&c->in, c->next, piece, &next_len);
		if (status) return status;
	}
}

static int encrypt_stream(struct crypt *c, const char *key, size_t next_len)
{
	uint8_t header[COFFER_STREAM_HEADER];
	struct coffer_stream *s = NULL;
	enum coffer_status st = coffer_stream_seal(c->cli->conn, key, c->context.pairs, c->context.count, SEGMENT, header, &s);
	if (st) return cli_fail_call(c->cli, st);
	int status = output_write(&c->out, header, sizeof header);
	if (!status) status = pump(c, s, SEGMENT, SEGMENT, next_len);
	coffer_stream_close(s);
	return status;
}

static int encrypt_message(struct crypt *c, const char *key, size_t len)
{
	size_t sealed_len;
	enum coffer_status st = coffer_encrypt(c->cli->conn, key, c->context.pairs, c->context.count, c->now, len, c->result, c->cap, &sealed_len);
	if (st) return cli_fail_call(c->cli, st);
	progress_add(&c->progress, len);
	return output_write(&c->out, c->result, sealed_len);
}

/* Up to 1 MiB is a message; more, or a pipe that has not ended by then, is a stream. */
static int encrypt(struct crypt *c, const char *key)
{
	size_t len, next_len = 0;
	int status = need_buffers(c, SEGMENT + COFFER_MESSAGE_OVERHEAD);
	if (!status) status = input_read(&c->in, c->now, SEGMENT, &len);
	if (!status && len == SEGMENT) status = input_read(&c->in, c->next, SEGMENT, &next_len);
	if (status) return status;
	return next_len ? encrypt_stream(c, key, next_len) : encrypt_message(c, key, len);
}

int cmd_encrypt(struct cli *cli, const struct cmd_args *args)
{
	struct crypt c;
	const char *key = args_get(cli->cmd, args, "key");
	if (!key) return cli_usage(cli, "--key NAME is needed");
	int status = open_crypt(cli, args, "encrypt", &c);
	if (!status) status = encrypt(&c, key);
	return close_crypt(&c, status);
}

static int decrypt_stream(struct crypt *c, const uint8_t *header)
{
	struct coffer_stream *s = NULL;
	size_t len, next_len = 0;
	enum coffer_status st = coffer_stream_open(c->cli->conn, c->context.pairs, c->context.count, header, &s);
	if (st) return cli_fail_call(c->cli, st);
	size_t piece = coffer_stream_segment_size(s) + COFFER_SEGMENT_OVERHEAD;
	int status = need_buffers(c, piece);
	if (!status) status = input_read(&c->in, c->now, piece, &len);
	if (!status && len == piece) status = input_read(&c->in, c->next, piece, &next_len);
	if (!status && len < COFFER_SEGMENT_OVERHEAD)
		status = cli_fail(EXIT_REFUSED, "%s ends too early: the stream was cut off; nothing was written", c->in.name);
	if (!status) status = pump(c, s, piece, len, next_len);
	coffer_stream_close(s);
	return status;
}

/* A whole sealed message into c->now; its first `have` bytes are in `head`. */
static int read_message(struct crypt *c, const uint8_t *head, size_t have, size_t *len)
{
	size_t more;
	int status = need_buffers(c, MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD + 1);
	if (status) return status;
	memcpy(c->now, head, have);
	status = input_read(&c->in, c->now + have, c->cap - have, &more);
	*len = have + more;
	return status;
}

typedef enum coffer_status message_fn(struct coffer *c, const struct coffer_pair *context, size_t context_count,
	const void *sealed, size_t sealed_len, void *out, size_t out_cap, size_t *out_len);

static int convert_message(struct crypt *c, message_fn *fn, const uint8_t *head, size_t have)
{
	size_t len, out_len;
	int status = read_message(c, head, have, &len);
	if (status) return status;
	enum coffer_status st = fn(c->cli->conn, c->context.pairs, c->context.count, c->now, len, c->result, c->cap, &out_len);
	if (st) return cli_fail_call(c->cli, st);
	progress_add(&c->progress, len);
	return output_write(&c->out, c->result, out_len);
}

static bool is_stream(const uint8_t *head, size_t have)
{
	return have >= 4 && memcmp(head, "CFRS", 4) == 0;
}

static int decrypt(struct crypt *c)
{
	uint8_t head[COFFER_STREAM_HEADER];
	size_t have;
	int status = input_read(&c->in, head, sizeof head, &have);
	if (status) return status;
	if (!is_stream(head, have)) return convert_message(c, coffer_decrypt, head, have);
	if (have < sizeof head)
		return cli_fail(EXIT_REFUSED, "%s ends too early: the stream was cut off in its header", c->in.name);
	return decrypt_stream(c, head);
}

int cmd_decrypt(struct cli *cli, const struct cmd_args *args)
{
	struct crypt c;
	int status = open_crypt(cli, args, "decrypt", &c);
	if (!status) status = decrypt(&c);
	return close_crypt(&c, status);
}

static int rewrap(struct crypt *c)
{
	uint8_t head[COFFER_STREAM_HEADER];
	size_t have;
	int status = input_read(&c->in, head, sizeof head, &have);
	if (status) return status;
	if (is_stream(head, have))
		return cli_fail(EXIT_REFUSED, "%s is a sealed stream; rewrap takes sealed messages up to 1 MiB: decrypt and encrypt it instead",
			c->in.name);
	return convert_message(c, coffer_rewrap, head, have);
}

int cmd_rewrap(struct cli *cli, const struct cmd_args *args)
{
	struct crypt c;
	int status = open_crypt(cli, args, "rewrap", &c);
	if (!status) status = rewrap(&c);
	return close_crypt(&c, status);
}
