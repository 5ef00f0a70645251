/* Fuzz target of the token channel (src/token/channel.h): channel_decode_request, channel_decode_reply, channel_decode_notice and, on what they take, their
 * encoders. The first byte chooses: 0 a request, 255 a notice, else the op that a reply answers. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "token/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(struct view frame, const struct buf *encoded)
{
	/* Decoding is strict, so each message has one form. */
	if (!view_equal(frame, view_of(encoded->ptr + 4, encoded->len - 4))) abort();
}

static void try_request(struct view frame)
{
	struct channel_request q;
	AUTO_BUF struct buf out = BUF_EMPTY;
	if (channel_decode_request(frame, &q) != ERR_OK) return;
	if (channel_encode_request(&q, &out) != ERR_OK) abort();
	check_same(frame, &out);
}

static uint32_t sequence_of(struct view frame)
{
	uint32_t sequence = 0;
	for (size_t i = 0; i < 4 && i < frame.len; i++)
		sequence = sequence << 8 | frame.ptr[i];
	return sequence;
}

static void try_notice(struct view frame)
{
	struct token_notice notice;
	AUTO_BUF struct buf out = BUF_EMPTY;
	const bool is_one = channel_is_notice(frame);
	if (channel_decode_notice(frame, sequence_of(frame), &notice) != ERR_OK) return;
	if (!is_one || channel_encode_notice(sequence_of(frame), &notice, &out) != ERR_OK) abort();
	check_same(frame, &out);
}

static void try_reply(struct view frame, enum channel_op op)
{
	struct channel_reply r;
	AUTO_BUF struct buf out = BUF_EMPTY;
	if (channel_decode_reply(frame, sequence_of(frame), op, &r) != ERR_OK) return;
	if (channel_encode_reply(&r, op, &out) != ERR_OK) abort();
	check_same(frame, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (arena_level() == ARENA_NONE && arena_init((size_t)1 << 20, false, NULL) != ERR_OK) abort();
	if (size < 1 || size > CHANNEL_FRAME_MAX) return 0;
	if (data[0] == 0) try_request(view_of(data + 1, size - 1));
	else if (data[0] == 255) try_notice(view_of(data + 1, size - 1));
	else if (data[0] <= CHANNEL_ACTIVATE) try_reply(view_of(data + 1, size - 1), (enum channel_op)data[0]);
	return 0;
}
