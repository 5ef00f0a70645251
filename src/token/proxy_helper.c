/* One helper process: started by the spawner, called with a deadline, killed when it breaks a rule. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ct.h"
#include "base/fdio.h"
#include "token/proxy_internal.h"

enum coffer_err proxy_helper_start(struct proxy_helper *h, struct reason *reason)
{
	uint32_t instance;
	int fd = -1;
	proxy_helper_end(h);
	h->lost = false;
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

/* What is in the buffer is a notice of this call. */
static enum coffer_err note(struct proxy_helper *h)
{
	struct token_notice notice;
	enum coffer_err err = channel_decode_notice(buf_view(&h->frame), h->sequence, &notice);
	if (err == ERR_OK) proxy_sent_note(&h->sent, &notice);
	wipe(&notice, sizeof notice);
	return err;
}

static enum coffer_err await_reply(struct proxy_helper *h, uint64_t deadline)
{
	TRY(channel_read(h->fd, &h->frame, deadline));
	while (channel_is_notice(buf_view(&h->frame))) {
		TRY(note(h));
		TRY(channel_read(h->fd, &h->frame, deadline));
	}
	return ERR_OK;
}

/* From here on nothing reaches this side, and a helper that cannot say that a PIN goes out does not send it; what it had said by then is read. */
static void hear_out(struct proxy_helper *h)
{
	(void)shutdown(h->fd, SHUT_RDWR);
	while (channel_read(h->fd, &h->frame, 0) == ERR_OK && note(h) == ERR_OK)
		;
}

static enum coffer_err exchange(struct proxy_helper *h, struct channel_request *request, uint64_t limit_ms,
	struct channel_reply *reply)
{
	uint64_t deadline = clock_mono_ms() + limit_ms;
	request->sequence = ++h->sequence;
	buf_clear(&h->frame);
	TRY(channel_encode_request(request, &h->frame));
	TRY(fdio_write_exact(h->fd, h->frame.ptr, h->frame.len, deadline));
	TRY(await_reply(h, deadline));
	return channel_decode_reply(buf_view(&h->frame), request->sequence, request->op, reply);
}

static enum coffer_err answered(struct proxy_helper *h, const struct channel_reply *reply, struct reason *reason)
{
	if (reply->err == ERR_OK) return ERR_OK;
	(void)reason_fail(reason, reply->err, "%s", reason_text(&reply->reason, reply->err));
	if (reply->err == ERR_TOKEN_GONE || reply->err == ERR_TIMEOUT) proxy_helper_end(h);
	return reply->err;
}

/* The helper was ended: what the call fails with. */
static enum coffer_err ended(enum coffer_err err, uint64_t limit_ms, struct reason *reason)
{
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

/* The same where a PIN was on its way. */
static enum coffer_err ended_with_pin(enum coffer_err err, enum proxy_lost lost, struct reason *reason)
{
	const char *what = err == ERR_TIMEOUT ? "the token did not answer in time" : err == ERR_TOKEN_GONE ? "the token was lost" : "coffer-tokend ended";
	if (lost == PROXY_LOST_LOGIN)
		return reason_fail(reason, ERR_AUTH, "%s after the PIN was sent: whether that cost a try is not known, so it is not sent again; look how many tries the token has left, "
			"then 'coffer unseal --token' (--pin where a person gives the PIN) or a reload makes one more", what);
	return reason_fail(reason, ERR_AUTH, "%s while its PIN was changed: the old one or the new one is in force, so none is sent; find out which with the token's own tool, put it where "
		"pin-source points, then 'coffer unseal --token' (--pin where a person gives the PIN) or a reload makes one try", what);
}

enum coffer_err proxy_helper_call(struct proxy_helper *h, struct channel_request *request, uint64_t limit_ms,
	struct channel_reply *reply, struct reason *reason)
{
	h->lost = false;
	if (h->fd < 0) return reason_fail(reason, ERR_TOKEN_GONE, "coffer-tokend is not running");
	enum coffer_err err = exchange(h, request, limit_ms, reply);
	if (err == ERR_OK && proxy_sent_answered(&h->sent, reply->err)) return answered(h, reply, reason);
	if (err == ERR_OK) err = reply->err;
	hear_out(h);
	proxy_helper_end(h);
	enum proxy_lost lost = proxy_sent_lost(&h->sent);
	h->lost = lost != PROXY_LOST_NOTHING;
	return h->lost ? ended_with_pin(err, lost, reason) : ended(err, limit_ms, reason);
}
