/* Both ends of a connection. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/client/pair.h"

struct pair pair_open(uint32_t batch)
{
	int fds[2];
	struct coffer *c = calloc(1, sizeof *c);
	assert_non_null(c);
	assert_int_equal(pthread_mutex_init(&c->lock, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	c->fd = fds[0];
	c->path = strdup("/nonexistent");
	c->timeout_ms = 5000;
	c->max_memory = CONN_MEMORY_DEFAULT;
	c->batch = batch;
	return (struct pair){ c, fds[1] };
}

void pair_say(const struct pair *p, struct view answers, bool end)
{
	assert_int_equal(send(p->peer, answers.ptr, answers.len, MSG_NOSIGNAL), answers.len);
	if (end) assert_int_equal(shutdown(p->peer, SHUT_WR), 0);
}

void pair_say_sealed(const struct pair *p, unsigned count, bool numbered, uint8_t first, size_t len)
{
	static uint8_t answer[128u * 1024u];
	struct writer w;
	writer_init(&w, answer, sizeof answer);
	struct kmip_response_mark message = kmip_response_begin(&w, KMIP_VERSION_HIGHEST, 1700000000, view_of(NULL, 0), view_of(NULL, 0));
	for (uint8_t i = 0; i < count; i++) {
		struct kmip_item_id id = { .operation = OPERATION_COFFER_SEAL, .has_unique_id = numbered, .unique_id = view_of(&i, 1) };
		struct kmip_item_mark item = kmip_item_begin(&w, &id);
		struct ttlv_space sealed = ttlv_reserve_bytes(&w, TAG_COFFER_SEALED_DATA, len);
		assert_non_null(sealed.ptr);
		memset(sealed.ptr, first + i, len);
		ttlv_commit_bytes(&w, sealed, len);
		kmip_item_end(&w, item);
	}
	kmip_response_end(&w, message, count);
	assert_int_equal(writer_done(&w), ERR_OK);
	pair_say(p, writer_view(&w), false);
}

void pair_close(struct pair *p)
{
	coffer_close(p->c);
	close(p->peer);
}
