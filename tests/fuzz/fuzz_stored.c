/* Fuzz target of the channel between cofferd and coffer-stored (src/store/remote_wire.h, src/stored/serve.h). The first byte chooses: 0 one request, below REMOTE_OP_END an answer
 * to that op, above them frames for a whole coffer-stored in front of a store in memory. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "store/remote_wire.h"
#include "stored/serve.h"

#define SERVED_MAX 65536u /* bytes that a socket takes while nobody reads */

static uint8_t space[REMOTE_FRAME_MAX];

/* Decoding is strict, so each message has one form. */
static void try_request(struct view frame)
{
	struct remote_request q;
	struct writer w;
	if (remote_decode_request(frame, &q) != ERR_OK) return;
	REQUIRE(frame.len <= remote_request_size(&q));
	writer_init(&w, space, sizeof space);
	remote_encode_request(&q, &w);
	REQUIRE(writer_done(&w) == ERR_OK && view_equal(writer_view(&w), frame));
}

static void try_answer(struct view frame, enum remote_op op)
{
	struct remote_answer a;
	struct writer w;
	if (remote_decode_answer(frame, op, &a) != ERR_OK) return;
	writer_init(&w, space, sizeof space);
	remote_encode_answer(&a, &w);
	REQUIRE(writer_done(&w) == ERR_OK && view_equal(writer_view(&w), frame));
}

static enum coffer_err open_memory(void *arg, const struct remote_request *q, struct store **out, struct stored_server *server, struct reason *reason)
{
	(void)arg;
	(void)reason;
	server->version = 1;
	return q->open.writer == 13 ? ERR_BUSY : store_open_memory(out);
}

/* Whatever comes, it ends in order. Answers go nowhere: the other end is read no more. */
static void try_serving(struct view frames)
{
	const struct stored_opener opener = { open_memory, NULL };
	int pair[2];
	if (frames.len > SERVED_MAX) return;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	REQUIRE(frames.len == 0 || write(pair[1], frames.ptr, frames.len) == (ssize_t)frames.len);
	close(pair[1]);
	(void)!stored_serve(pair[0], &opener);
	close(pair[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > REMOTE_FRAME_MAX) return 0;
	struct view rest = view_of(data + 1, size - 1);
	if (data[0] == 0) try_request(rest);
	else if (data[0] < REMOTE_OP_END) try_answer(rest, (enum remote_op)data[0]);
	else try_serving(rest);
	return 0;
}
