/* One helper process: started by the spawner, called with a deadline, killed when it breaks a rule. */
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "token/proxy_internal.h"

enum coffer_err proxy_helper_start(struct proxy_helper *h, struct reason *reason)
{
	uint32_t instance;
	int fd = -1;
	proxy_helper_end(h);
	enum coffer_err err = h->spawner->start(h->spawner->arg, h->kind, &fd, &instance, reason);
	if (err != ERR_OK) return reason_default(reason, ERR_TOKEN_GONE, "coffer-tokend cannot be started");
	pthread_mutex_lock(h->lock);
	h->fd = fd;
	h->instance = instance;
	pthread_mutex_unlock(h->lock);
	return ERR_OK;
}

void proxy_helper_end(struct proxy_helper *h)
{
	buf_clear(&h->frame);
	if (h->fd < 0) return;
	h->spawner->kill(h->spawner->arg, h->instance);
	pthread_mutex_lock(h->lock);
	close(h->fd);
	h->fd = -1;
	pthread_mutex_unlock(h->lock);
}

static enum coffer_err exchange(struct proxy_helper *h, struct channel_request *request, uint64_t limit_ms,
	struct channel_reply *reply)
{
	uint64_t deadline = clock_mono_ms() + limit_ms;
	request->sequence = ++h->sequence;
	buf_clear(&h->frame);
	TRY(channel_encode_request(request, &h->frame));
	TRY(fdio_write_exact(h->fd, h->frame.ptr, h->frame.len, deadline));
	TRY(channel_read(h->fd, &h->frame, deadline));
	return channel_decode_reply(buf_view(&h->frame), request->sequence, request->op, reply);
}

enum coffer_err proxy_helper_call(struct proxy_helper *h, struct channel_request *request, uint64_t limit_ms,
	struct channel_reply *reply, struct reason *reason)
{
	if (h->fd < 0) return reason_fail(reason, ERR_TOKEN_GONE, "coffer-tokend is not running");
	enum coffer_err err = exchange(h, request, limit_ms, reply);
	if (err == ERR_OK && reply->err == ERR_OK) return ERR_OK;
	if (err == ERR_OK) {
		(void)reason_fail(reason, reply->err, "%s", reason_text(&reply->reason, reply->err));
		if (reply->err == ERR_TOKEN_GONE || reply->err == ERR_TIMEOUT) proxy_helper_end(h);
		return reply->err;
	}
	proxy_helper_end(h);
	switch (err) {
	case ERR_TIMEOUT:
		return reason_fail(reason, err, "the token did not answer within %llu ms; its helper was ended and is started again",
			(unsigned long long)limit_ms);
	case ERR_CLOSED:
		return reason_fail(reason, ERR_TOKEN_GONE, "coffer-tokend ended during a call; it is started again");
	case ERR_MEMORY:
		return reason_fail(reason, ERR_TOKEN_GONE, "there is no secret memory for a call of the token; raise secret_memory");
	default:
		return reason_fail(reason, ERR_TOKEN_GONE, "coffer-tokend gave an answer that is not one (%s); it is started again",
			err_name(err));
	}
}
