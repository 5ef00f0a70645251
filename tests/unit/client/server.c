/* The server of the client's tests. */
#include "unit/client/server.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void *run(void *arg)
{
	struct server *s = arg;
	s->fd = accept(s->listener, NULL, NULL);
	if (s->fd < 0) return NULL;
	if (s->serve) s->serve(s);
	close(s->fd);
	return NULL;
}

struct server *server_start(server_fn *serve, void *arg)
{
	struct server *s = calloc(1, sizeof *s);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	assert_non_null(s);
	s->frame = malloc(SERVER_FRAME_MAX);
	s->out = malloc(SERVER_FRAME_MAX);
	assert_true(s->frame && s->out);
	s->serve = serve;
	s->arg = arg;
	snprintf(s->dir, sizeof s->dir, "/tmp/coffer-client-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof s->path, "%s/socket", s->dir);
	memcpy(address.sun_path, s->path, strlen(s->path) + 1);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(s->listener, 4), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
	return s;
}

void server_wait_end(struct server *s)
{
	if (!s->ended) pthread_join(s->thread, NULL);
	s->ended = true;
}

void server_stop(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR); /* wakes an accept that nobody came to */
	server_wait_end(s);
	close(s->listener);
	unlink(s->path);
	rmdir(s->dir);
	free(s->frame);
	free(s->out);
	free(s);
}

struct coffer *server_connect(struct server *s, uint32_t timeout_ms, size_t max_memory)
{
	struct coffer_options options = { .size = sizeof options, .timeout_ms = timeout_ms, .server_uid = -1, .max_memory = max_memory };
	struct coffer *c = NULL;
	assert_int_equal(coffer_connect(s->path, &options, &c), COFFER_OK);
	assert_non_null(c);
	assert_string_equal(coffer_error(c), "");
	return c;
}

static bool read_exactly(int fd, uint8_t *out, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(fd, out, len, 0);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return false;
		out += n;
		len -= (size_t)n;
	}
	return true;
}

bool server_read_batch(struct server *s)
{
	size_t size;
	struct ttlv_limits limits = ttlv_limits_of(SERVER_FRAME_MAX);
	if (!read_exactly(s->fd, s->frame, TTLV_HEADER_LEN)) return false;
	if (ttlv_frame_size(view_of(s->frame, TTLV_HEADER_LEN), TAG_REQUEST_MESSAGE, SERVER_FRAME_MAX, &size) != ERR_OK) return false;
	if (!read_exactly(s->fd, s->frame + TTLV_HEADER_LEN, size - TTLV_HEADER_LEN)) return false;
	if (kmip_request_parse(view_of(s->frame, size), &limits, &s->request, NULL) != ERR_OK) return false;
	for (size_t i = 0; i < s->request.count; i++)
		if (s->request.items[i].err != ERR_OK || !s->request.items[i].from_coffer) return false;
	return true;
}

bool server_read(struct server *s)
{
	return server_read_batch(s) && s->request.count == 1;
}

struct ttlv_cursor *server_fields(struct server *s)
{
	return &s->request.items[0].payload;
}

void server_begin_batch(struct server *s)
{
	struct view none = view_of(NULL, 0);
	writer_init(&s->w, s->out, SERVER_FRAME_MAX);
	s->mark = kmip_response_begin(&s->w, s->request.version, 1700000000, none, none);
}

void server_begin(struct server *s)
{
	server_begin_batch(s);
	s->item = kmip_item_begin(&s->w, &s->request.items[0].id);
}

struct view server_end(struct server *s)
{
	kmip_item_end(&s->w, s->item);
	kmip_response_end(&s->w, s->mark, 1);
	return writer_view(&s->w);
}

struct view server_end_batch(struct server *s, uint32_t items)
{
	kmip_response_end(&s->w, s->mark, items);
	return writer_view(&s->w);
}

struct view server_refuse(struct server *s, enum coffer_err err, const char *text)
{
	server_begin_batch(s);
	kmip_item_fail(&s->w, &s->request.items[0].id, err, text, true);
	kmip_response_end(&s->w, s->mark, 1);
	return writer_view(&s->w);
}

bool server_write(struct server *s, struct view bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(s->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return false;
		bytes = view_of(bytes.ptr + n, bytes.len - (size_t)n);
	}
	return true;
}

void server_wait_for_close(struct server *s)
{
	uint8_t rest[4096];
	while (recv(s->fd, rest, sizeof rest, 0) > 0) {}
}
