/* Raw KMIP frames of the benchmark. */
#include "frames.h"

#include <string.h>
#include <sys/socket.h>

#include "common.h"
#include "kmip/message.h"

#define FRAME_MAX (512u * 1024u - 64u)

static void begin(struct writer *w, struct buf *out, uint32_t operation, const char *uuid, struct kmip_request_mark *request, struct kmip_item_mark *item)
{
	const struct kmip_item_id id = { .operation = operation };
	*out = BUF_EMPTY;
	writer_init_buf(w, out, FRAME_MAX);
	*request = kmip_request_begin(w, KMIP_VERSION_HIGHEST, 0, 1);
	*item = kmip_request_item_begin(w, &id);
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, uuid);
	struct ttlv_mark params = ttlv_begin(w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
	ttlv_put_bool(w, TAG_RANDOM_IV, true);
	ttlv_put_i32(w, TAG_TAG_LENGTH, FRAME_TAG_LEN);
	ttlv_end(w, params);
}

static void end(struct writer *w, struct kmip_request_mark request, struct kmip_item_mark item)
{
	kmip_request_item_end(w, item, NULL);
	kmip_request_end(w, request);
	bench_must(writer_done(w) == ERR_OK, "writing a request");
}

void frame_encrypt(const char *uuid, struct view text, struct buf *out)
{
	struct writer w;
	struct kmip_request_mark request;
	struct kmip_item_mark item;
	begin(&w, out, OPERATION_ENCRYPT, uuid, &request, &item);
	ttlv_put_bytes(&w, TAG_DATA, text);
	end(&w, request, item);
}

void frame_decrypt(const char *uuid, struct view ct, struct view iv, struct view tag, struct buf *out)
{
	struct writer w;
	struct kmip_request_mark request;
	struct kmip_item_mark item;
	begin(&w, out, OPERATION_DECRYPT, uuid, &request, &item);
	ttlv_put_bytes(&w, TAG_DATA, ct);
	ttlv_put_bytes(&w, TAG_IV_COUNTER_NONCE, iv);
	ttlv_put_bytes(&w, TAG_AUTHENTICATED_ENCRYPTION_TAG, tag);
	end(&w, request, item);
}

static void read_whole(int fd, struct buf *out)
{
	size_t want = TTLV_HEADER_LEN;
	bench_must(buf_reserve(out, FRAME_MAX) == ERR_OK, "memory for an answer");
	while (out->len < want) {
		ssize_t n = recv(fd, out->ptr + out->len, out->cap - out->len, 0);
		bench_must(n > 0, "reading an answer");
		out->len += (size_t)n;
		if (out->len >= TTLV_HEADER_LEN)
			bench_must(ttlv_frame_size(view_of(out->ptr, TTLV_HEADER_LEN), TAG_RESPONSE_MESSAGE, FRAME_MAX, &want) == ERR_OK, "reading an answer's length");
	}
	bench_must(out->len == want, "reading one answer");
}

static void parse(struct view answer, struct kmip_response *out)
{
	struct ttlv_limits limits = ttlv_limits_of(FRAME_MAX);
	bench_must(kmip_response_parse(answer, &limits, out, NULL) == ERR_OK && out->count == 1, "reading an answer");
}

void frame_ask(int fd, struct view request, struct buf *out)
{
	static struct kmip_response answer;
	*out = BUF_EMPTY;
	for (size_t at = 0; at < request.len;) {
		ssize_t n = send(fd, request.ptr + at, request.len - at, MSG_NOSIGNAL);
		bench_must(n > 0, "sending a request");
		at += (size_t)n;
	}
	read_whole(fd, out);
	parse(buf_view(out), &answer);
	const struct kmip_response_item *item = &answer.items[0];
	if (item->err != ERR_OK) bench_die("the server refused: %.*s", (int)item->message.len, (const char *)item->message.ptr);
}

void frame_parts(struct view frame, struct frame_parts *out)
{
	static struct kmip_response answer;
	struct ttlv_item field;
	*out = (struct frame_parts){ .data = { NULL, 0 } };
	parse(frame, &answer);
	struct ttlv_cursor cursor = answer.items[0].payload;
	while (ttlv_next(&cursor, &field)) {
		struct view bytes;
		if (ttlv_get_bytes(&field, &bytes) != ERR_OK) continue;
		if (field.tag == TAG_DATA) out->data = bytes;
		else if (field.tag == TAG_IV_COUNTER_NONCE) out->iv = bytes;
		else if (field.tag == TAG_AUTHENTICATED_ENCRYPTION_TAG) out->tag = bytes;
	}
}
