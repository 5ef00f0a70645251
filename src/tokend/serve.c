/* Requests of the token channel, one at a time. */
#include "tokend/serve.h"

#include <stdbool.h>

#include "base/clock.h"
#include "base/ct.h"
#include "base/fdio.h"
#include "token/channel.h"
#include "token/erase.h"
#include "token/login.h"
#include "token/notice.h"
#include "tokend/serve_counter.h"
#include "tokend/serve_endorse.h"
#include "tokend/serve_policy.h"
#include "tokend/serve_signer.h"
#include "tokend/serve_transport.h"
#include "tokend/setup.h"
#include "tokend/watch.h"

#define WRITE_LIMIT_MS 10000u /* cofferd reads at once or is broken */

struct service {
	int fd;               /* the channel */
	uint32_t sequence;    /* of the request under way */
	struct token *token;  /* NULL before OPEN */
	bool attached;
	bool erased;          /* what it was attached to */
	bool confined;
	struct buf bytes;     /* result of WRAP and RANDOM */
	struct secret *plain; /* result of UNWRAP, TRANSPORT_ECDH and ACTIVATE */
};

static enum coffer_err confine(struct service *s, const char *uri, struct reason *reason)
{
	TRY(setup_confine(uri, reason));
	s->confined = true;
	return watch_start(s->fd);
}

static enum coffer_err open_token(struct service *s, const struct channel_request *request, struct reason *reason)
{
	if (s->token) return reason_fail(reason, ERR_STATE, "the token is open already");
	if (!s->confined) TRY(confine(s, request->uri, reason));
	return token_backend.open(request->uri, &s->token, reason);
}

/* For the token that is opened next. */
static enum coffer_err take_pin(struct service *s, struct view bytes, struct reason *reason)
{
	if (s->token) return reason_fail(reason, ERR_STATE, "the token is open already");
	if (!token_login_backend.take_pin) return reason_fail(reason, ERR_UNSUPPORTED, "this kind of token takes no PIN; unseal with the token alone, or with recovery shares");
	AUTO_SECRET struct secret *pin = secret_copy(bytes.ptr, bytes.len);
	ENSURE(pin, ERR_MEMORY);
	token_login_backend.take_pin(&pin);
	return ERR_OK;
}

static enum coffer_err wrap(struct service *s, struct view plain, struct reason *reason)
{
	AUTO_SECRET struct secret *secret = secret_copy(plain.ptr, plain.len);
	ENSURE(secret, ERR_MEMORY);
	return token_backend.wrap(s->token, secret, &s->bytes, reason);
}

static enum coffer_err make_random(struct service *s, size_t len, struct reason *reason)
{
	TRY(buf_reserve(&s->bytes, len));
	TRY(token_backend.random(s->token, s->bytes.ptr, len, reason));
	s->bytes.len = len;
	return ERR_OK;
}

static enum coffer_err unwrap(struct service *s, struct view blob, struct reason *reason)
{
	TRY(token_backend.unwrap(s->token, blob, &s->plain, reason));
	if (secret_len(s->plain) == TOKEN_SECRET_LEN) return ERR_OK;
	secret_free(TAKE(s->plain));
	return reason_fail(reason, ERR_CORRUPT, "the wrapped data key holds something else than a data key");
}

/* Calls for which the master secret must have been found. */
static enum coffer_err run_attached(struct service *s, const struct channel_request *request, struct channel_reply *reply)
{
	struct reason *reason = &reply->reason;
	if (s->erased) return reason_fail(reason, ERR_TOKEN_KEY_MISSING, "the master secret was destroyed");
	if (!s->attached) return reason_fail(reason, ERR_STATE, "the master secret was not looked up yet");
	switch (request->op) {
	case CHANNEL_WRAP:
		return wrap(s, request->bytes, reason);
	case CHANNEL_UNWRAP:
		return unwrap(s, request->bytes, reason);
	case CHANNEL_ERASE:
		TRY(token_erase_backend.erase(s->token, &reply->reason));
		s->erased = true;
		return ERR_OK;
	case CHANNEL_SIGNER:
	case CHANNEL_SIGN:
		return serve_signer(s->token, request, reply);
	case CHANNEL_TRANSPORT_MAKE:
	case CHANNEL_TRANSPORT_PUBLIC:
	case CHANNEL_TRANSPORT_ECDH:
	case CHANNEL_TRANSPORT_REMOVE:
		return serve_transport(s->token, request, reply, &s->plain);
	case CHANNEL_ENDORSE:
	case CHANNEL_ACTIVATE:
		return serve_endorse(s->token, request, reply, &s->plain);
	case CHANNEL_PROBE:
		return token_backend.probe(s->token, reason);
	default:
		return serve_policy(s->token, request, &s->bytes, reply);
	}
}

static enum coffer_err attached(struct service *s)
{
	s->attached = true;
	s->erased = false;
	return ERR_OK;
}

static enum coffer_err run(struct service *s, const struct channel_request *request, struct channel_reply *reply)
{
	if (request->op == CHANNEL_OPEN) return open_token(s, request, &reply->reason);
	if (request->op == CHANNEL_CLOSE) return ERR_OK;
	if (request->op == CHANNEL_PIN) return take_pin(s, request->bytes, &reply->reason);
	if (!s->token) return reason_fail(&reply->reason, ERR_STATE, "the token is not open yet");
	switch (request->op) {
	case CHANNEL_PROVISION:
		TRY(token_backend.provision(s->token, &reply->binding, &reply->reason));
		return attached(s);
	case CHANNEL_ATTACH:
		TRY(token_backend.attach(s->token, &request->binding, &reply->reason));
		return attached(s);
	case CHANNEL_DESCRIBE:
		return token_backend.describe(s->token, &reply->info, &reply->reason);
	case CHANNEL_RANDOM:
		return make_random(s, request->random_len, &reply->reason);
	case CHANNEL_COUNTER_MAKE:
	case CHANNEL_COUNTER_READ:
	case CHANNEL_COUNTER_RAISE:
	case CHANNEL_COUNTER_DROP:
		return serve_counter(s->token, request, reply); /* which says by itself what it wants */
	default:
		return run_attached(s, request, reply);
	}
}

/* Before the backend goes on: when cofferd does not read it, it does not count on it. */
static enum coffer_err tell(void *arg, const struct token_notice *notice)
{
	const struct service *s = arg;
	AUTO_BUF struct buf out = BUF_EMPTY;
	TRY(channel_encode_notice(s->sequence, notice, &out));
	return fdio_write_exact(s->fd, out.ptr, out.len, clock_mono_ms() + WRITE_LIMIT_MS);
}

static enum coffer_err answer(struct service *s, int fd, struct view frame, bool *out_closed)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	struct channel_request request;
	struct channel_reply reply = { .sequence = 0 };
	TRY(channel_decode_request(frame, &request));
	reply.sequence = s->sequence = request.sequence;
	watch_busy(true);
	reply.err = run(s, &request, &reply);
	watch_busy(false);
	reply.bytes = s->plain ? secret_view(s->plain) : buf_view(&s->bytes);
	enum coffer_err err = channel_encode_reply(&reply, request.op, &out);
	buf_clear(&s->bytes);
	secret_free(TAKE(s->plain));
	TRY(err);
	*out_closed = request.op == CHANNEL_CLOSE;
	if (*out_closed) token_backend.close(TAKE(s->token));
	return fdio_write_exact(fd, out.ptr, out.len, clock_mono_ms() + WRITE_LIMIT_MS);
}

enum coffer_err serve_channel(int fd)
{
	AUTO_BUF struct buf frame = BUF_EMPTY;
	struct service s = { .fd = fd, .bytes = BUF_EMPTY };
	enum coffer_err err = ERR_OK;
	token_notice_to(tell, &s);
	for (bool closed = false; err == ERR_OK && !closed;) {
		wipe_registers();
		err = channel_read(fd, &frame, FDIO_NO_DEADLINE);
		if (err == ERR_OK) err = answer(&s, fd, buf_view(&frame), &closed);
	}
	token_backend.close(s.token);
	token_notice_to(NULL, NULL);
	buf_free(&s.bytes);
	return err == ERR_CLOSED ? ERR_OK : err;
}
