/* syslog and the journal: one datagram a line, sent without waiting. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "audit/line.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/audit_sink.h"

#define TAG "coffer-audit"
#define FACILITY 10u              /* security and authorization, private (RFC 5424) */
#define MESSAGE_MAX (AUDIT_LINE_MAX + 256u)
#define POSITION_LEN 21           /* 20 digits and a newline */

struct audit_sink {
	struct sockaddr_un address;
	int fd;                   /* -1 */
	char position[4096];      /* path of the file that holds the number of the last record */
	bool header_sent;
	char message[MESSAGE_MAX];
};

static struct audit_sink *new_sink(const char *socket_path, const char *state_dir, const char *name)
{
	struct audit_sink *s = calloc(1, sizeof *s);
	if (!s || strlen(socket_path) >= sizeof s->address.sun_path) {
		free(s);
		return NULL;
	}
	s->fd = -1;
	s->address.sun_family = AF_UNIX;
	snprintf(s->address.sun_path, sizeof s->address.sun_path, "%s", socket_path);
	snprintf(s->position, sizeof s->position, "%s/audit.%s", state_dir, name);
	return s;
}

struct audit_sink *audit_sink_syslog_new(const char *socket_path, const char *state_dir)
{
	return new_sink(socket_path, state_dir, "syslog");
}

struct audit_sink *audit_sink_journal_new(const char *socket_path, const char *state_dir)
{
	return new_sink(socket_path, state_dir, "journal");
}

static void close_sink(struct audit_sink *s)
{
	if (s->fd >= 0) close(s->fd);
	free(s);
}

/* Only the number is kept: what the place is the store says. */
static enum coffer_err locate(struct audit_sink *s, const struct domain_id *domain, struct audit_place *out, uint64_t *out_signed_to, uint64_t *out_seq)
{
	char text[POSITION_LEN + 1] = "";
	(void)domain;
	(void)out;
	(void)out_signed_to;
	s->header_sent = false;
	*out_seq = UINT64_MAX;
	int fd = open(s->position, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) return ERR_NOT_FOUND;
	ssize_t n = read(fd, text, POSITION_LEN);
	close(fd);
	if (n == POSITION_LEN && text_parse_u64(view_of(text, POSITION_LEN - 1), out_seq) != ERR_OK) *out_seq = UINT64_MAX;
	return ERR_NOT_FOUND;
}

static enum coffer_err put_aside(struct audit_sink *s)
{
	(void)s;
	return ERR_OK;
}

static bool wants_header(const struct audit_sink *s)
{
	return !s->header_sent;
}

static bool wants_checkpoint(const struct audit_sink *s, const struct config *config, size_t more)
{
	(void)s;
	(void)config;
	(void)more;
	return false;
}

static enum coffer_err failed(void)
{
	switch (errno) {
	case EAGAIN: case ENOBUFS: return ERR_BUSY;
	case EMSGSIZE: return ERR_TOO_LARGE;
	case ENOMEM: return ERR_MEMORY;
	default: return ERR_CLOSED; /* nobody is there */
	}
}

/* With the address each time: who listens there may be started again. */
static enum coffer_err send_message(struct audit_sink *s, size_t len)
{
	if (s->fd < 0) s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ENSURE(s->fd >= 0, failed());
	ssize_t n = sendto(s->fd, s->message, len, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&s->address, sizeof s->address);
	return n >= 0 ? ERR_OK : failed();
}

static enum coffer_err send_syslog(struct audit_sink *s, unsigned severity, struct view line)
{
	char when[32] = "Jan  1 00:00:00";
	time_t now = (time_t)clock_wall_s();
	struct tm tm;
	if (localtime_r(&now, &tm)) strftime(when, sizeof when, "%b %e %H:%M:%S", &tm);
	int head = snprintf(s->message, sizeof s->message, "<%u>%s " TAG ": ", FACILITY << 3 | severity, when);
	ENSURE(head > 0 && (size_t)head + line.len <= sizeof s->message, ERR_TOO_LARGE);
	memcpy(s->message + head, line.ptr, line.len);
	return send_message(s, (size_t)head + line.len);
}

/* systemd's native protocol: NAME=value, each with a newline; no line of ours holds one. */
static enum coffer_err send_journal(struct audit_sink *s, unsigned severity, struct view line)
{
	uint64_t seq = 0;
	(void)sscanf((const char *)line.ptr, "{\"%*[a-z]\":%20" SCNu64, &seq);
	int head = snprintf(s->message, sizeof s->message, "PRIORITY=%u\nSYSLOG_FACILITY=%u\nSYSLOG_IDENTIFIER=" TAG "\nCOFFER_AUDIT_SEQ=%" PRIu64 "\nMESSAGE=", severity,
		FACILITY, seq);
	ENSURE(head > 0 && (size_t)head + line.len + 1 <= sizeof s->message, ERR_TOO_LARGE);
	memcpy(s->message + head, line.ptr, line.len);
	s->message[(size_t)head + line.len] = '\n';
	return send_message(s, (size_t)head + line.len + 1);
}

/* In place: it is one write of a block that the file has already. What a crash loses comes twice. */
static void note_position(const struct audit_sink *s, uint64_t seq)
{
	char text[POSITION_LEN + 1];
	snprintf(text, sizeof text, "%020" PRIu64 "\n", seq);
	int fd = open(s->position, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return;
	if (pwrite(fd, text, POSITION_LEN, 0) != POSITION_LEN) unlink(s->position); /* half a number is none */
	close(fd);
}

static enum coffer_err put_lines(struct audit_sink *s, struct audit_batch *batch, enum coffer_err (*send_line)(struct audit_sink *, unsigned, struct view))
{
	while (batch->len) {
		const uint8_t *end = memchr(batch->at, '\n', batch->len);
		size_t len = end ? (size_t)(end - batch->at) : batch->len;
		TRY(send_line(s, (unsigned)(batch->at[0] - '0'), view_of(batch->at + 1, len - 1)));
		size_t step = end ? len + 1 : len;
		batch->at += step;
		batch->len -= step;
	}
	s->header_sent = true;
	note_position(s, batch->place->seq);
	return ERR_OK;
}

static enum coffer_err put_syslog(struct audit_sink *s, const struct config *config, struct audit_batch *batch)
{
	(void)config;
	return put_lines(s, batch, send_syslog);
}

static enum coffer_err put_journal(struct audit_sink *s, const struct config *config, struct audit_batch *batch)
{
	(void)config;
	return put_lines(s, batch, send_journal);
}

const struct audit_sink_ops audit_sink_syslog = { "syslog", true, locate, NULL, put_aside, wants_header, wants_checkpoint, put_syslog, close_sink };
const struct audit_sink_ops audit_sink_journal = { "journal", true, locate, NULL, put_aside, wants_header, wants_checkpoint, put_journal, close_sink };
