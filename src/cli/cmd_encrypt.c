/* coffer encrypt, decrypt, rewrap: sealed messages up to 1 MiB, sealed streams beyond, at bounded memory. */
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "base/view.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/files.h"

#define MESSAGE_MAX COFFER_MESSAGE_MAX
#define SEGMENT (1024u * 1024u)
/* Segments at the daemon: of the pieces that a stream lends, one is sent next and one is read. */
#define UNDER_WAY_MAX (COFFER_STREAM_AHEAD < COFFER_STREAM_SLOTS - 2 ? COFFER_STREAM_AHEAD : COFFER_STREAM_SLOTS - 2)

/* One run of a command: where bytes come from and go to. */
struct crypt {
	struct cli *cli;
	struct input in;
	struct output out;
	struct context_args context;
	struct progress progress;
	uint8_t *now, *result; /* buffers of `cap` bytes for messages */
	size_t cap;
};

static int open_crypt(struct cli *cli, const struct cmd_args *args, const char *what, struct crypt *c)
{
	*c = (struct crypt){ .cli = cli, .in = { .fd = -1 }, .out = { .fd = -1 } };
	int status = context_from_args(cli, args, &c->context);
	if (!status) status = input_open(args_get(cli->cmd, args, "input"), &c->in);
	cli->no_ring = args_count(cli->cmd, args, "no-ring") > 0;
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
	uint8_t *buffers[] = { c->now, c->result };
	for (size_t i = 0; i < 2; i++) {
		if (buffers[i]) wipe(buffers[i], c->cap);
		free(buffers[i]);
	}
	if (!status) progress_end(&c->progress);
	return status;
}

static int need_buffer(struct crypt *c, uint8_t **buffer, size_t cap)
{
	c->cap = cap;
	*buffer = malloc(cap);
	return *buffer ? EXIT_DONE : cli_fail(EXIT_REFUSED, "out of memory");
}

/* Writes the oldest segment from where it lies. */
static int write_oldest(struct crypt *c, struct coffer_stream *s)
{
	const void *at;
	size_t len;
	enum coffer_status st = coffer_stream_collect_lent(s, &at, &len);
	if (st) return cli_fail_call(c->cli, st);
	int status = output_write(&c->out, at, len);
	st = coffer_stream_give_back(s, at);
	return !status && st ? cli_fail_call(c->cli, st) : status;
}

/* A segment of the input, in memory that the stream lent. */
struct piece {
	uint8_t *at;
	size_t len;
};

/* Reads the next piece of at most `size` bytes behind `have` bytes that were read before. */
static int read_piece(struct crypt *c, struct coffer_stream *s, size_t size, struct view have, struct piece *out)
{
	void *at;
	size_t cap, len = 0;
	enum coffer_status st = coffer_stream_lend(s, &at, &cap);
	if (st) return cli_fail_call(c->cli, st);
	if (have.len) memcpy(at, have.ptr, have.len);
	int status = have.len < size ? input_read(&c->in, (uint8_t *)at + have.len, size - have.len, &len) : EXIT_DONE;
	*out = (struct piece){ at, have.len + len };
	return status;
}

/* Sends a segment; when no more may be under way (large ones, in messages), after those that are. */
static int send_piece(struct crypt *c, struct coffer_stream *s, const struct piece *p, bool last)
{
	enum coffer_status st = coffer_stream_send_lent(s, p->at, p->len, last);
	while (st == COFFER_EBUSY && coffer_stream_under_way(s)) {
		int status = write_oldest(c, s);
		if (status) return status;
		st = coffer_stream_send_lent(s, p->at, p->len, last);
	}
	return st ? cli_fail_call(c->cli, st) : EXIT_DONE;
}

/* Sends `now` and everything behind it in pieces of `size` bytes, the first of which begins with what was read ahead. A piece is the last one when the
 * input ends with it. While the daemon works on some, the next is read and those that are done are written. */
static int pump(struct crypt *c, struct coffer_stream *s, size_t size, struct piece now, struct view ahead)
{
	for (bool last = false; !last;) {
		struct piece next = { NULL, 0 };
		int status = now.len == size ? read_piece(c, s, size, ahead, &next) : EXIT_DONE;
		if (status) return status;
		last = next.len == 0;
		status = send_piece(c, s, &now, last);
		if (status) return status;
		progress_add(&c->progress, now.len);
		while (!status && (coffer_stream_ready(s) || coffer_stream_under_way(s) == UNDER_WAY_MAX)) status = write_oldest(c, s);
		if (status) return status;
		now = next;
		ahead = view_of(NULL, 0);
	}
	int status = EXIT_DONE;
	while (!status && coffer_stream_under_way(s)) status = write_oldest(c, s);
	return status;
}

/* c->now holds the first segment, and a byte of the second. */
static int encrypt_stream(struct crypt *c, const char *key)
{
	uint8_t header[COFFER_STREAM_HEADER];
	struct coffer_stream *s = NULL;
	struct piece first;
	enum coffer_status st = coffer_stream_seal(c->cli->conn, key, c->context.pairs, c->context.count, SEGMENT, header, &s);
	if (st) return cli_fail_call(c->cli, st);
	int status = output_write(&c->out, header, sizeof header);
	if (!status) status = read_piece(c, s, SEGMENT, view_of(c->now, SEGMENT), &first);
	if (!status) status = pump(c, s, SEGMENT, first, view_of(c->now + SEGMENT, 1));
	coffer_stream_close(s);
	return status;
}

static int encrypt_message(struct crypt *c, const char *key, size_t len)
{
	size_t sealed_len;
	int status = need_buffer(c, &c->result, c->cap);
	if (status) return status;
	enum coffer_status st = coffer_encrypt(c->cli->conn, key, c->context.pairs, c->context.count, c->now, len, c->result, c->cap, &sealed_len);
	if (st) return cli_fail_call(c->cli, st);
	progress_add(&c->progress, len);
	return output_write(&c->out, c->result, sealed_len);
}

/* Up to 1 MiB is a message; more, or a pipe that has not ended by then, is a stream. */
static int encrypt(struct crypt *c, const char *key)
{
	size_t len;
	int status = need_buffer(c, &c->now, SEGMENT + COFFER_MESSAGE_OVERHEAD);
	if (!status) status = input_read(&c->in, c->now, SEGMENT + 1, &len);
	if (status) return status;
	return len > SEGMENT ? encrypt_stream(c, key) : encrypt_message(c, key, len);
}

int cmd_encrypt(struct cli *cli, const struct cmd_args *args)
{
	struct crypt c;
	const char *key = args_get(cli->cmd, args, "key");
	if (!key) return cli_usage(cli, "--key NAME is needed");
	int status = open_crypt(cli, args, "encrypt", &c);
	if (!status) status = encrypt(&c, key);
	bool shrank = !status && input_shrank(&c.in);
	struct input in = c.in; /* its name and numbers outlive it */
	status = close_crypt(&c, status);
	if (!status && shrank)
		fprintf(stderr, "coffer: warning: %s shrank while it was read: %llu bytes are sealed, it had %llu\n", in.name, (unsigned long long)in.got,
			(unsigned long long)in.size);
	return status;
}

static int decrypt_stream(struct crypt *c, const uint8_t *header)
{
	struct coffer_stream *s = NULL;
	struct piece first;
	enum coffer_status st = coffer_stream_open(c->cli->conn, c->context.pairs, c->context.count, header, &s);
	if (st) return cli_fail_call(c->cli, st);
	size_t size = coffer_stream_segment_size(s) + COFFER_SEGMENT_OVERHEAD;
	int status = read_piece(c, s, size, view_of(NULL, 0), &first);
	if (!status && first.len < COFFER_SEGMENT_OVERHEAD)
		status = cli_fail(EXIT_REFUSED, "%s ends too early: the stream was cut off; nothing was written", c->in.name);
	if (!status) status = pump(c, s, size, first, view_of(NULL, 0));
	coffer_stream_close(s);
	return status;
}

/* A whole sealed message into c->now; its first `have` bytes are in `head`. */
static int read_message(struct crypt *c, const uint8_t *head, size_t have, size_t *len)
{
	size_t more;
	int status = need_buffer(c, &c->now, MESSAGE_MAX + COFFER_MESSAGE_OVERHEAD + 1);
	if (!status) status = need_buffer(c, &c->result, c->cap);
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
