/* The connection. */
#include "crash/peer.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "crash/node.h"
#include "kmip/tags.h"

#define ANSWER_MS 15000u /* a daemon that is alive answers by then */
#define OPERATOR_MS 200u
#define REFUSED_MAX 2u
#define UNSEAL_BY_TOKEN 1
#define PAUSE_NS 2000000L
#define FRAME_MAX (1u << 20)

void peer_close(struct peer *p)
{
	if (p->fd >= 0) close(p->fd);
	p->fd = -1;
}

static bool connect_now(struct peer *p)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(p->path) >= sizeof address.sun_path) node_die("the path %s is too long", p->path);
	memcpy(address.sun_path, p->path, strlen(p->path) + 1);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd >= 0 && connect(p->fd, (const struct sockaddr *)&address, sizeof address) == 0) return true;
	peer_close(p);
	return false;
}

static enum coffer_err receive(struct peer *p)
{
	uint8_t head[8];
	uint64_t deadline = clock_mono_ms() + ANSWER_MS;
	TRY(fdio_read_exact(p->fd, head, sizeof head, deadline));
	size_t len = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
	if (len > FRAME_MAX) node_die("an answer of %zu bytes", len);
	buf_clear(&p->in);
	TRY(buf_append(&p->in, view_of(head, sizeof head)));
	TRY(buf_reserve(&p->in, sizeof head + len));
	TRY(fdio_read_exact(p->fd, p->in.ptr + sizeof head, len, deadline));
	p->in.len = sizeof head + len;
	return kmip_response_parse(buf_view(&p->in), NULL, &p->response, NULL);
}

/* ERR_OK: answered. */
static enum coffer_err exchange(struct peer *p, struct view frame)
{
	if (p->fd < 0 && !connect_now(p)) return ERR_CLOSED;
	enum coffer_err err = fdio_write_exact(p->fd, frame.ptr, frame.len, clock_mono_ms() + ANSWER_MS);
	if (!err) err = receive(p);
	if (err) peer_close(p);
	if (err == ERR_TIMEOUT) node_die("the daemon has the request and does not answer");
	return err;
}

/* What a daemon says that was just started, or whose token or store is just away. */
static bool passes(enum coffer_err err)
{
	enum err_class class = err_class(err);
	return err == ERR_SEALED || err == ERR_BUSY || err == ERR_NOT_CACHED || class == ERR_CLASS_io || class == ERR_CLASS_token;
}

/* ---- as an operator ---- */

static enum coffer_err ask_plainly(struct peer *p, uint32_t operation, bool unseal)
{
	const struct kmip_item_id id = { .operation = operation };
	AUTO_BUF struct buf frame = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &frame, 4096);
	struct kmip_request_mark request = kmip_request_begin(&w, KMIP_VERSION_HIGHEST, 0, 1);
	struct kmip_item_mark item = kmip_request_item_begin(&w, &id);
	if (unseal) ttlv_put_i32(&w, TAG_COFFER_UNSEAL_WAY, UNSEAL_BY_TOKEN);
	kmip_request_item_end(&w, item, NULL);
	kmip_request_end(&w, request);
	if (writer_done(&w) != ERR_OK) node_die("the request does not fit");
	return exchange(p, buf_view(&frame));
}

/* A login that the kill cut off is not sent again before an operator asks (docs/tokens.md): that is done here, and for nothing else that keeps a node from serving. */
static void be_operator(struct peer *p)
{
	static const char says[] = "whether that cost a try is not known";
	if (ask_plainly(p, OPERATION_COFFER_TOKEN_TEST, false) != ERR_OK) return;
	struct view message = p->response.items[0].message;
	if (message.len && memmem(message.ptr, message.len, says, sizeof says - 1)) (void)!ask_plainly(p, OPERATION_COFFER_UNSEAL, true);
}

enum coffer_err peer_ask(struct peer *p, struct view frame, const struct kmip_response_item **out)
{
	const struct timespec pause = { 0, PAUSE_NS };
	uint64_t since = 0, next = 0;
	unsigned refused = 0;
	for (;;) {
		enum coffer_err err = exchange(p, frame);
		*out = err ? NULL : &p->response.items[0];
		if (!err) err = (*out)->err;
		if (*out && ((err == ERR_AUTH && refused++ < REFUSED_MAX) || (err == ERR_SEALED && clock_mono_ms() >= next))) {
			be_operator(p);
			if (!since) since = clock_mono_ms();
			next = clock_mono_ms() + OPERATOR_MS;
			continue;
		}
		if (*out && !passes(err)) {
			uint64_t took = since ? clock_mono_ms() - since : 0;
			if (since) p->outages++;
			if (took > p->longest_ms) p->longest_ms = took;
			return err;
		}
		if (!since) since = clock_mono_ms();
		if (clock_mono_ms() - since > PEER_PATIENCE_MS) node_die("not serving again after %u ms: %s", PEER_PATIENCE_MS, err_name(err));
		nanosleep(&pause, NULL);
	}
}
