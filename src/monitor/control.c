/* The codec of the control channel: u8 op, then the op's fields, big-endian; text takes the rest of the message. */
#include "monitor/control.h"

#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/reader.h"
#include "base/text.h"

enum {
	HAS_REQUEST = 1, HAS_INSTANCE = 2, HAS_KIND = 4, HAS_PID = 8, HAS_WAIT_STATUS = 16, HAS_TEXT = 32, HAS_FD = 64
};

static const struct { enum control_op op; unsigned fields; } shapes[] = {
	{ CONTROL_READY, 0 },
	{ CONTROL_STATUS, HAS_TEXT },
	{ CONTROL_STOPPING, 0 },
	{ CONTROL_START_TOKEND, HAS_REQUEST | HAS_KIND },
	{ CONTROL_KILL_TOKEND, HAS_INSTANCE },
	{ CONTROL_START_NOTIFY, HAS_REQUEST },
	{ CONTROL_START_STORED, HAS_REQUEST },
	{ CONTROL_TOKEND_STARTED, HAS_REQUEST | HAS_INSTANCE | HAS_PID | HAS_FD },
	{ CONTROL_TOKEND_EXITED, HAS_INSTANCE | HAS_WAIT_STATUS },
	{ CONTROL_START_FAILED, HAS_REQUEST | HAS_TEXT },
	{ CONTROL_RELOAD, 0 },
	{ CONTROL_STOP, 0 },
};

/* -1 for an op that does not exist. */
static int fields_of(unsigned op)
{
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		if ((unsigned)shapes[i].op == op) return (int)shapes[i].fields;
	return -1;
}

void control_encode(const struct control_message *message, struct writer *w)
{
	int fields = fields_of(message->op);
	PRE(fields >= 0);
	writer_u8(w, (uint8_t)message->op);
	if (fields & HAS_REQUEST) writer_u32(w, message->request);
	if (fields & HAS_INSTANCE) writer_u32(w, message->instance);
	if (fields & HAS_KIND) writer_u8(w, (uint8_t)message->kind);
	if (fields & HAS_PID) writer_u32(w, (uint32_t)message->pid);
	if (fields & HAS_WAIT_STATUS) writer_u32(w, (uint32_t)message->wait_status);
	if (fields & HAS_TEXT) writer_bytes(w, view_of(message->text, strnlen(message->text, CONTROL_TEXT_MAX)));
}

static enum coffer_err decode_kind(struct reader *r, enum token_kind *out)
{
	uint8_t kind;
	TRY(reader_u8(r, &kind));
	ENSURE(kind == TOKEN_KIND_TPM2 || kind == TOKEN_KIND_PKCS11, ERR_INPUT);
	*out = (enum token_kind)kind;
	return ERR_OK;
}

static enum coffer_err decode_pid(struct reader *r, pid_t *out)
{
	uint32_t pid;
	TRY(reader_u32(r, &pid));
	ENSURE(pid > 0 && pid <= INT32_MAX, ERR_INPUT);
	*out = (pid_t)pid;
	return ERR_OK;
}

static enum coffer_err decode_text(struct reader *r, char out[static CONTROL_TEXT_MAX + 1])
{
	struct view text;
	ENSURE(reader_left(r) <= CONTROL_TEXT_MAX, ERR_TOO_LARGE);
	TRY(reader_view(r, reader_left(r), &text));
	text_printable(text, out, CONTROL_TEXT_MAX + 1);
	return ERR_OK;
}

static enum coffer_err decode_fields(struct reader *r, int fields, struct control_message *m)
{
	uint32_t wait_status;
	if (fields & HAS_REQUEST) TRY(reader_u32(r, &m->request));
	if (fields & HAS_INSTANCE) {
		TRY(reader_u32(r, &m->instance));
		ENSURE(m->instance != 0, ERR_INPUT);
	}
	if (fields & HAS_KIND) TRY(decode_kind(r, &m->kind));
	if (fields & HAS_PID) TRY(decode_pid(r, &m->pid));
	if (fields & HAS_WAIT_STATUS) {
		TRY(reader_u32(r, &wait_status));
		m->wait_status = (int)wait_status;
	}
	if (fields & HAS_TEXT) TRY(decode_text(r, m->text));
	return reader_end(r);
}

enum coffer_err control_decode(struct view bytes, struct control_message *out)
{
	struct control_message message = { .request = 0 };
	struct reader r;
	uint8_t op;
	reader_init(&r, bytes);
	ENSURE(reader_u8(&r, &op) == ERR_OK, ERR_INPUT);
	int fields = fields_of(op);
	ENSURE(fields >= 0, ERR_INPUT);
	message.op = (enum control_op)op;
	ENSURE(decode_fields(&r, fields, &message) == ERR_OK, ERR_INPUT);
	*out = message;
	return ERR_OK;
}

enum coffer_err control_send(int sock, const struct control_message *message, int fd, uint64_t deadline_mono_ms)
{
	uint8_t bytes[CONTROL_MESSAGE_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	control_encode(message, &w);
	TRY(writer_done(&w));
	return fdio_send_fd(sock, writer_view(&w), fd, deadline_mono_ms);
}

enum coffer_err control_recv(int sock, uint64_t deadline_mono_ms, struct control_message *out, int *out_fd)
{
	uint8_t bytes[CONTROL_MESSAGE_MAX];
	struct control_message message;
	size_t len;
	int fd = -1;
	TRY(fdio_recv_fd(sock, bytes, sizeof bytes, deadline_mono_ms, &len, &fd));
	enum coffer_err err = control_decode(view_of(bytes, len), &message);
	if (err == ERR_OK && (fd >= 0) != ((fields_of(message.op) & HAS_FD) != 0)) err = ERR_INPUT;
	if (err != ERR_OK) {
		if (fd >= 0) close(fd);
		return err;
	}
	*out = message;
	*out_fd = fd;
	return ERR_OK;
}
