/* Policy requests and replies as bytes. */
#include "token/channel_policy.h"

#include <string.h>

#include "base/text.h"

bool channel_is_policy(enum channel_op op)
{
	return op >= CHANNEL_POLICY_STATUS && op <= CHANNEL_POLICY_ADOPT;
}

static void write_text(struct writer *w, const char *text, size_t cap)
{
	writer_view_u16(w, view_of(text, strnlen(text, cap)));
}

void channel_policy_write_request(struct writer *w, const struct channel_request *request)
{
	switch (request->op) {
	case CHANNEL_POLICY_MAKE:
		write_text(w, request->changes, TOKEN_CHANGES_MAX);
		writer_view_u16(w, request->bytes);
		return;
	case CHANNEL_POLICY_WRAP:
		channel_write_binding(w, &request->binding);
		writer_bytes(w, request->bytes);
		return;
	case CHANNEL_POLICY_ADOPT:
		channel_write_binding(w, &request->binding);
		write_text(w, request->uri, TOKEN_URI_MAX);
		return;
	default:
		return;
	}
}

enum coffer_err channel_policy_read_request(struct reader *r, struct channel_request *q)
{
	switch (q->op) {
	case CHANNEL_POLICY_MAKE:
		TRY(channel_read_text(r, q->changes, sizeof q->changes));
		return reader_view_u16(r, TOKEN_PIN_MAX_LEN, &q->bytes);
	case CHANNEL_POLICY_WRAP:
		TRY(channel_read_binding(r, &q->binding));
		return reader_view(r, TOKEN_SECRET_LEN, &q->bytes);
	case CHANNEL_POLICY_ADOPT:
		TRY(channel_read_binding(r, &q->binding));
		return channel_read_text(r, q->uri, sizeof q->uri);
	default:
		return ERR_OK;
	}
}

static const struct { size_t offset, cap; } status_texts[] = {
#define TEXT(field) { offsetof(struct token_policy_status, field), sizeof ((struct token_policy_status *)NULL)->field }
	TEXT(policy), TEXT(pcrs), TEXT(sentence), TEXT(warning),
#undef TEXT
};
#define STATUS_TEXTS (sizeof status_texts / sizeof status_texts[0])

/* Made printable on the way: parts of it come from files. */
static void write_status(struct writer *w, const struct token_policy_status *status)
{
	char text[sizeof status->sentence];
	writer_u8(w, (uint8_t)status->boot);
	for (size_t i = 0; i < STATUS_TEXTS; i++) {
		const char *from = (const char *)status + status_texts[i].offset;
		text_printable(view_of(from, strnlen(from, status_texts[i].cap)), text, status_texts[i].cap);
		writer_view_u16(w, view_str(text));
	}
}

static enum coffer_err read_status(struct reader *r, struct token_policy_status *out)
{
	uint8_t boot;
	TRY(reader_u8(r, &boot));
	ENSURE(boot <= TOKEN_BOOT_UNKNOWN, ERR_INPUT);
	out->boot = (enum token_boot)boot;
	for (size_t i = 0; i < STATUS_TEXTS; i++) TRY(channel_read_text(r, (char *)out + status_texts[i].offset, status_texts[i].cap));
	return ERR_OK;
}

void channel_policy_write_reply(struct writer *w, const struct channel_reply *reply, enum channel_op op)
{
	if (op == CHANNEL_POLICY_STATUS) write_status(w, &reply->policy);
	if (op == CHANNEL_POLICY_WRAP) writer_bytes(w, reply->bytes);
	if (op != CHANNEL_POLICY_MAKE) return;
	channel_write_binding(w, &reply->binding);
	write_text(w, reply->uri, TOKEN_URI_MAX);
}

enum coffer_err channel_policy_read_reply(struct reader *r, enum channel_op op, struct channel_reply *out)
{
	size_t left = reader_left(r);
	switch (op) {
	case CHANNEL_POLICY_STATUS:
		return read_status(r, &out->policy);
	case CHANNEL_POLICY_WRAP:
		ENSURE(left >= 1, ERR_INPUT);
		ENSURE(left <= TOKEN_BLOB_MAX, ERR_TOO_LARGE);
		return reader_view(r, left, &out->bytes);
	case CHANNEL_POLICY_MAKE:
		TRY(channel_read_binding(r, &out->binding));
		return channel_read_text(r, out->uri, sizeof out->uri);
	default:
		return ERR_OK;
	}
}
