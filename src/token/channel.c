/* Frames of the token channel: requests and replies to bytes and back. */
#include "token/channel.h"

#include <string.h>

#include "base/fdio.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"
#include "token/login.h"
#include "token/channel_policy.h"

/* Error numbers on the channel: the place in this list, so that they do not move with err.def. What is not here travels as
 * ERR_TOKEN. */
static const enum coffer_err wire_errors[] = {
	ERR_OK, ERR_TOKEN, ERR_TOKEN_GONE, ERR_TOKEN_OTHER, ERR_TOKEN_LOCKED, ERR_TOKEN_REFUSED, ERR_TOKEN_KEY_MISSING, ERR_AUTH,
	ERR_USAGE, ERR_CORRUPT, ERR_UNSUPPORTED, ERR_STATE, ERR_EXISTS, ERR_TOO_LARGE, ERR_LIMIT, ERR_IO, ERR_TIMEOUT, ERR_CRYPTO,
	ERR_MEMORY, ERR_BUG, ERR_NOT_FOUND, ERR_DENIED, ERR_MISSING, ERR_FIELD, ERR_INPUT, ERR_BUSY,
	ERR_TOKEN_POLICY,
};
#define WIRE_ERROR_COUNT (sizeof wire_errors / sizeof wire_errors[0])

static uint16_t error_to_wire(enum coffer_err err)
{
	for (uint16_t i = 0; i < WIRE_ERROR_COUNT; i++)
		if (wire_errors[i] == err) return i;
	return 1;
}

void channel_write_binding(struct writer *w, const struct token_binding *b)
{
	writer_bytes(w, view_of(b->master_secret_id, sizeof b->master_secret_id));
	writer_view_u16(w, view_of(b->mechanism, strnlen(b->mechanism, sizeof b->mechanism - 1)));
	writer_view_u16(w, view_of(b->data, b->data_len <= sizeof b->data ? b->data_len : 0));
}

/* A counted text for a field of `cap` bytes with its NUL: printable, nothing cut off. */
enum coffer_err channel_read_text(struct reader *r, char *out, size_t cap)
{
	struct view text;
	TRY(reader_view_u16(r, cap - 1, &text));
	text_printable(text, out, cap);
	ENSURE(view_equal_str(text, out), ERR_INPUT);
	return ERR_OK;
}

enum coffer_err channel_read_binding(struct reader *r, struct token_binding *out)
{
	struct view data;
	TRY(reader_bytes(r, out->master_secret_id, sizeof out->master_secret_id));
	TRY(channel_read_text(r, out->mechanism, sizeof out->mechanism));
	TRY(reader_view_u16(r, sizeof out->data, &data));
	if (data.len) memcpy(out->data, data.ptr, data.len);
	out->data_len = data.len;
	return ERR_OK;
}

/* The texts of struct token_info in their order on the channel. */
static const struct { size_t offset, cap; } info_texts[] = {
#define TEXT(field) { offsetof(struct token_info, field), sizeof ((struct token_info *)NULL)->field }
	TEXT(kind), TEXT(manufacturer), TEXT(model), TEXT(serial), TEXT(label), TEXT(firmware), TEXT(master_secret), TEXT(mechanism),
	TEXT(warning),
#undef TEXT
};
#define INFO_TEXT_COUNT (sizeof info_texts / sizeof info_texts[0])

/* Made printable on the way: they come from the token. */
static void write_info(struct writer *w, const struct token_info *info)
{
	char text[sizeof info->warning];
	for (size_t i = 0; i < INFO_TEXT_COUNT; i++) {
		const char *from = (const char *)info + info_texts[i].offset;
		text_printable(view_of(from, strnlen(from, info_texts[i].cap)), text, info_texts[i].cap);
		writer_view_u16(w, view_str(text));
	}
	writer_u8(w, info->made_here ? 1 : 0);
}

enum coffer_err channel_read_field(struct reader *r, uint8_t *out, size_t cap, size_t *out_len)
{
	struct view bytes;
	TRY(reader_view_u16(r, cap, &bytes));
	if (bytes.len) memcpy(out, bytes.ptr, bytes.len);
	*out_len = bytes.len;
	return ERR_OK;
}

enum coffer_err channel_read_flag(struct reader *r, bool *out)
{
	uint8_t flag;
	TRY(reader_u8(r, &flag));
	ENSURE(flag <= 1, ERR_INPUT);
	*out = flag == 1;
	return ERR_OK;
}

static enum coffer_err read_info(struct reader *r, struct token_info *out)
{
	for (size_t i = 0; i < INFO_TEXT_COUNT; i++)
		TRY(channel_read_text(r, (char *)out + info_texts[i].offset, info_texts[i].cap));
	return channel_read_flag(r, &out->made_here);
}

static bool is_transport(enum channel_op op)
{
	return op >= CHANNEL_TRANSPORT_MAKE && op <= CHANNEL_TRANSPORT_REMOVE;
}

enum coffer_err channel_encode_request(const struct channel_request *request, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out, CHANNEL_FRAME_MAX);
	struct writer_mark length = writer_reserve_u32(&w);
	writer_u32(&w, request->sequence);
	writer_u16(&w, (uint16_t)request->op);
	switch (request->op) {
	case CHANNEL_OPEN:
		writer_bytes(&w, view_of(request->uri, strnlen(request->uri, TOKEN_URI_MAX)));
		break;
	case CHANNEL_ATTACH:
		channel_write_binding(&w, &request->binding);
		break;
	case CHANNEL_WRAP:
	case CHANNEL_UNWRAP:
	case CHANNEL_PIN:
		writer_bytes(&w, request->bytes);
		break;
	case CHANNEL_RANDOM:
		writer_u32(&w, request->random_len);
		break;
	case CHANNEL_COUNTER_MAKE:
	case CHANNEL_COUNTER_READ:
	case CHANNEL_COUNTER_RAISE:
	case CHANNEL_COUNTER_DROP:
		channel_write_wish(&w, &request->counter);
		break;
	case CHANNEL_SIGNER:
	case CHANNEL_SIGN:
		channel_write_signer_wish(&w, &request->signer);
		break;
	case CHANNEL_TRANSPORT_MAKE:
	case CHANNEL_TRANSPORT_PUBLIC:
	case CHANNEL_TRANSPORT_ECDH:
	case CHANNEL_TRANSPORT_REMOVE:
		channel_write_transport_wish(&w, &request->transport);
		break;
	case CHANNEL_ENDORSE:
	case CHANNEL_ACTIVATE:
		channel_write_endorse_wish(&w, &request->endorse);
		break;
	default:
		channel_policy_write_request(&w, request);
		break;
	}
	writer_fill_len(&w, length);
	return writer_done(&w);
}

enum coffer_err channel_encode_reply(const struct channel_reply *reply, enum channel_op op, struct buf *out)
{
	char text[REASON_MAX];
	struct writer w;
	writer_init_buf(&w, out, CHANNEL_FRAME_MAX);
	struct writer_mark length = writer_reserve_u32(&w);
	writer_u32(&w, reply->sequence);
	writer_u16(&w, error_to_wire(reply->err));
	text_printable(view_of(reply->reason.text, strnlen(reply->reason.text, REASON_MAX)), text, sizeof text);
	writer_view_u16(&w, view_str(reply->err == ERR_OK ? "" : text));
	if (reply->err == ERR_OK) {
		if (op == CHANNEL_PROVISION) channel_write_binding(&w, &reply->binding);
		if (op == CHANNEL_DESCRIBE) write_info(&w, &reply->info);
		if (op == CHANNEL_WRAP || op == CHANNEL_UNWRAP || op == CHANNEL_RANDOM) writer_bytes(&w, reply->bytes);
		channel_policy_write_reply(&w, reply, op);
		if ((op >= CHANNEL_COUNTER_MAKE && op <= CHANNEL_COUNTER_RAISE) || op == CHANNEL_COUNTER_DROP) channel_write_counter(&w, &reply->counter);
		if (op == CHANNEL_SIGNER || op == CHANNEL_SIGN) channel_write_signer(&w, &reply->signer);
		if (op == CHANNEL_ENDORSE || op == CHANNEL_ACTIVATE) channel_write_endorse(&w, &reply->endorse, op == CHANNEL_ACTIVATE ? reply->bytes : view_of(NULL, 0));
		if (is_transport(op)) channel_write_transport(&w, &reply->transport, op == CHANNEL_TRANSPORT_ECDH ? reply->bytes : view_of(NULL, 0));
	}
	writer_fill_len(&w, length);
	return writer_done(&w);
}

static enum coffer_err read_rest(struct reader *r, size_t min, size_t max, struct view *out)
{
	size_t left = reader_left(r);
	ENSURE(left >= min, ERR_INPUT);
	ENSURE(left <= max, ERR_TOO_LARGE);
	return reader_view(r, left, out);
}

static enum coffer_err read_uri(struct reader *r, char out[static TOKEN_URI_MAX + 1])
{
	struct view uri;
	TRY(read_rest(r, 1, TOKEN_URI_MAX, &uri));
	ENSURE(!memchr(uri.ptr, '\0', uri.len), ERR_INPUT);
	memcpy(out, uri.ptr, uri.len);
	out[uri.len] = '\0';
	return ERR_OK;
}

static enum coffer_err read_payload(struct reader *r, struct channel_request *q)
{
	switch (q->op) {
	case CHANNEL_OPEN:
		return read_uri(r, q->uri);
	case CHANNEL_ATTACH:
		return channel_read_binding(r, &q->binding);
	case CHANNEL_WRAP:
		return read_rest(r, TOKEN_SECRET_LEN, TOKEN_SECRET_LEN, &q->bytes);
	case CHANNEL_UNWRAP:
		return read_rest(r, 1, TOKEN_BLOB_MAX, &q->bytes);
	case CHANNEL_PIN:
		return read_rest(r, 1, TOKEN_PIN_MAX, &q->bytes);
	case CHANNEL_RANDOM:
		TRY(reader_u32(r, &q->random_len));
		ENSURE(q->random_len >= 1 && q->random_len <= CHANNEL_RANDOM_MAX, ERR_INPUT);
		return ERR_OK;
	case CHANNEL_COUNTER_MAKE:
	case CHANNEL_COUNTER_READ:
	case CHANNEL_COUNTER_RAISE:
	case CHANNEL_COUNTER_DROP:
		return channel_read_wish(r, &q->counter);
	case CHANNEL_SIGNER:
	case CHANNEL_SIGN:
		return channel_read_signer_wish(r, &q->signer);
	case CHANNEL_TRANSPORT_MAKE:
	case CHANNEL_TRANSPORT_PUBLIC:
	case CHANNEL_TRANSPORT_ECDH:
	case CHANNEL_TRANSPORT_REMOVE:
		return channel_read_transport_wish(r, &q->transport);
	case CHANNEL_ENDORSE:
	case CHANNEL_ACTIVATE:
		return channel_read_endorse_wish(r, &q->endorse);
	default:
		return channel_policy_read_request(r, q);
	}
}

static bool is_op(uint16_t op)
{
	return (op >= CHANNEL_OPEN && op <= CHANNEL_CLOSE) || (op >= CHANNEL_PIN && op <= CHANNEL_ACTIVATE) ||
		channel_is_policy((enum channel_op)op);
}

enum coffer_err channel_decode_request(struct view frame, struct channel_request *out)
{
	struct channel_request q = { .sequence = 0 };
	struct reader r;
	uint16_t op;
	reader_init(&r, frame);
	TRY(reader_u32(&r, &q.sequence));
	TRY(reader_u16(&r, &op));
	ENSURE(is_op(op), ERR_INPUT);
	q.op = (enum channel_op)op;
	TRY(read_payload(&r, &q));
	TRY(reader_end(&r));
	*out = q;
	return ERR_OK;
}

static enum coffer_err read_result(struct reader *r, enum channel_op op, struct channel_reply *out)
{
	switch (op) {
	case CHANNEL_PROVISION:
		return channel_read_binding(r, &out->binding);
	case CHANNEL_DESCRIBE:
		return read_info(r, &out->info);
	case CHANNEL_WRAP:
		return read_rest(r, 1, TOKEN_BLOB_MAX, &out->bytes);
	case CHANNEL_UNWRAP:
		return read_rest(r, TOKEN_SECRET_LEN, TOKEN_SECRET_LEN, &out->bytes);
	case CHANNEL_RANDOM:
		return read_rest(r, 1, CHANNEL_RANDOM_MAX, &out->bytes);
	case CHANNEL_COUNTER_MAKE:
	case CHANNEL_COUNTER_READ:
	case CHANNEL_COUNTER_RAISE:
	case CHANNEL_COUNTER_DROP:
		return channel_read_counter(r, &out->counter);
	case CHANNEL_SIGNER:
	case CHANNEL_SIGN:
		return channel_read_signer(r, &out->signer);
	case CHANNEL_TRANSPORT_MAKE:
	case CHANNEL_TRANSPORT_PUBLIC:
	case CHANNEL_TRANSPORT_ECDH:
	case CHANNEL_TRANSPORT_REMOVE:
		return channel_read_transport(r, op == CHANNEL_TRANSPORT_ECDH, &out->transport, &out->bytes);
	case CHANNEL_ENDORSE:
	case CHANNEL_ACTIVATE:
		return channel_read_endorse(r, op == CHANNEL_ACTIVATE, &out->endorse, &out->bytes);
	default:
		return channel_policy_read_reply(r, op, out);
	}
}

enum coffer_err channel_decode_reply(struct view frame, uint32_t sequence, enum channel_op op, struct channel_reply *out)
{
	struct channel_reply reply = { .sequence = 0 };
	struct reader r;
	uint16_t err;
	reader_init(&r, frame);
	TRY(reader_u32(&r, &reply.sequence));
	ENSURE(reply.sequence == sequence, ERR_INPUT);
	TRY(reader_u16(&r, &err));
	ENSURE(err < WIRE_ERROR_COUNT, ERR_INPUT);
	reply.err = wire_errors[err];
	TRY(channel_read_text(&r, reply.reason.text, sizeof reply.reason.text));
	if (reply.err == ERR_OK) {
		ENSURE(reply.reason.text[0] == '\0', ERR_INPUT);
		TRY(read_result(&r, op, &reply));
	}
	TRY(reader_end(&r));
	*out = reply;
	return ERR_OK;
}

enum coffer_err channel_read(int fd, struct buf *out, uint64_t deadline_mono_ms)
{
	uint8_t head[4];
	struct reader r;
	uint32_t len;
	buf_clear(out);
	TRY(fdio_read_exact(fd, head, sizeof head, deadline_mono_ms));
	reader_init(&r, view_of(head, sizeof head));
	TRY(reader_u32(&r, &len));
	ENSURE(len >= 1 && len <= CHANNEL_FRAME_MAX - sizeof head, ERR_TOO_LARGE);
	TRY(buf_reserve(out, len));
	TRY(fdio_read_exact(fd, out->ptr, len, deadline_mono_ms));
	out->len = len;
	return ERR_OK;
}
