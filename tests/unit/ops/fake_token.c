/* The helper's side of the channel, without any token behind it. */
#include "unit/ops/fake_token.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "crypto/p256.h"

#define MASK 0xa5u
#define LONG_MS 60000u
#define HEAD_LEN 10u /* of a reply: length, number, error */

static void xor_into(struct buf *out, struct view in, uint8_t mask)
{
	for (size_t i = 0; i < in.len; i++) {
		uint8_t b = in.ptr[i] ^ mask;
		if (buf_append(out, view_of(&b, 1)) != ERR_OK) return;
	}
}

uint8_t fake_token_mask(const struct token_binding *binding)
{
	return binding->data_len == 3 ? (uint8_t)(MASK ^ 0x10u ^ binding->data[2]) : MASK;
}

/* One key, for whoever asked for it first; it answers nobody without what it was made with. */
static enum coffer_err transport(struct fake_token *t, const struct channel_request *q, struct token_transport_answer *out, struct buf *bytes)
{
	const struct token_transport_wish *w = &q->transport;
	uint8_t shared[TOKEN_TRANSPORT_SHARED_LEN];
	if (q->op == CHANNEL_TRANSPORT_REMOVE) secret_free(TAKE(t->transport));
	if (q->op == CHANNEL_TRANSPORT_MAKE && !t->transport) {
		TRY(p256_generate(&t->transport));
		t->transports++;
		memcpy(t->transport_owner, w->owner, sizeof t->transport_owner);
	}
	if (q->op == CHANNEL_TRANSPORT_MAKE) { /* as a TPM: what is made again has a new authorization value */
		ENSURE(memcmp(t->transport_owner, w->owner, sizeof t->transport_owner) == 0, ERR_LIMIT);
		memcpy(t->transport_auth, w->auth.ptr, sizeof t->transport_auth);
	}
	out->there = t->transport != NULL;
	if (!out->there) return ERR_OK;
	out->ref = (struct token_transport_ref){ .data = { 7 }, .len = 1 };
	TRY(p256_public_of(t->transport, out->public_key));
	if (q->op != CHANNEL_TRANSPORT_ECDH) return ERR_OK;
	ENSURE(memcmp(t->transport_auth, w->auth.ptr, sizeof t->transport_auth) == 0, ERR_AUTH);
	TRY(p256_ecdh(t->transport, w->point, shared));
	return buf_append(bytes, view_of(shared, sizeof shared));
}

static void fill(struct fake_token *t, const struct channel_request *q, struct channel_reply *r, struct buf *bytes)
{
	switch (q->op) {
	case CHANNEL_PROVISION:
		t->provisions++;
		memset(r->binding.master_secret_id, 9, sizeof r->binding.master_secret_id);
		memcpy(r->binding.mechanism, "fake-xor", sizeof "fake-xor");
		r->binding.data[0] = 1;
		r->binding.data_len = 1;
		break;
	case CHANNEL_DESCRIBE:
		memcpy(r->info.kind, "tpm2", sizeof "tpm2");
		memcpy(r->info.model, "Model", sizeof "Model");
		memcpy(r->info.master_secret, "ECC P-256", sizeof "ECC P-256");
		memcpy(r->info.mechanism, "fake-xor", sizeof "fake-xor");
		r->info.made_here = true;
		break;
	case CHANNEL_WRAP: xor_into(bytes, q->bytes, MASK); break;
	case CHANNEL_UNWRAP: xor_into(bytes, q->bytes, t->other_key_comes_back ? MASK ^ 1u : MASK); break;
	case CHANNEL_RANDOM:
		if (t->no_random) r->err = ERR_UNSUPPORTED;
		for (uint32_t i = 0; i < q->random_len && !r->err; i++) xor_into(bytes, view_of("r", 1), (uint8_t)i);
		break;
	case CHANNEL_POLICY_MAKE: /* another binding each time */
		r->binding = (struct token_binding){ .mechanism = "fake-xor", .data_len = 3 };
		memset(r->binding.master_secret_id, 9, sizeof r->binding.master_secret_id);
		t->policies++;
		memcpy(r->binding.data, (const uint8_t[]){ 1, (uint8_t)(t->policies >> 8), (uint8_t)t->policies }, 3);
		memcpy(r->uri, "tpm2:device", sizeof "tpm2:device");
		break;
	case CHANNEL_POLICY_WRAP: xor_into(bytes, q->bytes, fake_token_mask(&q->binding)); break;
	case CHANNEL_COUNTER_MAKE:
	case CHANNEL_COUNTER_READ:
	case CHANNEL_COUNTER_RAISE:
		r->counter.state = TOKEN_COUNTER_WELL;
		r->err = t->on_counter ? t->on_counter(q->op, &q->counter, &r->counter) : ERR_UNSUPPORTED;
		break;
	case CHANNEL_SIGNER:
	case CHANNEL_SIGN:
		if (t->on_signer) r->err = t->on_signer(q->op, &q->signer, &r->signer);
		break;
	case CHANNEL_TRANSPORT_MAKE:
	case CHANNEL_TRANSPORT_PUBLIC:
	case CHANNEL_TRANSPORT_ECDH:
	case CHANNEL_TRANSPORT_REMOVE: r->err = transport(t, q, &r->transport, bytes); break;
	case CHANNEL_ENDORSE:
	case CHANNEL_ACTIVATE: r->err = t->on_endorse ? t->on_endorse(q, t->transport, &r->endorse, bytes) : ERR_UNSUPPORTED; break;
	default: break;
	}
}

static enum coffer_err send_reply(struct fake_helper *h, enum fake_wire wire, struct buf *reply)
{
	static _Atomic unsigned turns;
	size_t len = reply->len, step = wire == FAKE_WIRE_SLOW ? 1 : len;
	if (wire == FAKE_WIRE_CUT) len = step = len / 2;
	if (wire == FAKE_WIRE_GARBLED) reply->ptr[turns++ % HEAD_LEN] ^= 0x80u;
	for (size_t at = 0; at < len; at += step) TRY(fdio_write_exact(h->theirs, reply->ptr + at, step, clock_mono_ms() + LONG_MS));
	return wire == FAKE_WIRE_CUT || wire == FAKE_WIRE_GARBLED ? ERR_CLOSED : ERR_OK;
}

static enum coffer_err serve_one(struct fake_helper *h)
{
	AUTO_BUF struct buf in = BUF_EMPTY;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	AUTO_BUF struct buf out = BUF_EMPTY;
	struct channel_request q;
	TRY(channel_read(h->theirs, &in, clock_mono_ms() + LONG_MS));
	TRY(channel_decode_request(buf_view(&in), &q));
	if (h->token->silent) return ERR_OK;
	struct channel_reply r = { .sequence = q.sequence };
	const enum fake_wire wire = h->token->on_wire ? h->token->on_wire() : FAKE_WIRE_WELL;
	if (wire == FAKE_WIRE_LOST) return ERR_CLOSED;
	if (h->token->on_request) h->token->on_request((unsigned)(h - h->token->helpers), &q, &r, &bytes);
	else fill(h->token, &q, &r, &bytes);
	r.bytes = buf_view(&bytes);
	enum coffer_err err = h->token->on_call ? h->token->on_call() : h->token->on_ask ? h->token->on_ask(&q) : ERR_OK;
	if (err) r = (struct channel_reply){ .sequence = q.sequence, .err = err };
	TRY(channel_encode_reply(&r, q.op, &out));
	return send_reply(h, wire, &out);
}

static void *serve(void *arg)
{
	struct fake_helper *h = arg;
	if (h->token->on_thread) h->token->on_thread();
	while (serve_one(h) == ERR_OK) {}
	(void)shutdown(h->theirs, SHUT_RDWR);
	return NULL;
}

static void join(struct fake_helper *h)
{
	shutdown(h->theirs, SHUT_RDWR);
	pthread_join(h->thread, NULL);
	close(h->theirs);
}

/* A new place, or that of a helper that was ended. */
static struct fake_helper *place(struct fake_token *t)
{
	if (t->count < FAKE_HELPERS_MAX) return &t->helpers[t->count++];
	for (unsigned i = 0; i < t->count; i++) {
		if (!t->helpers[i].ended) continue;
		join(&t->helpers[i]);
		return &t->helpers[i];
	}
	return NULL;
}

static enum coffer_err start(void *arg, enum token_kind kind, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	struct fake_token *t = arg;
	int fds[2];
	(void)kind;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return reason_fail(reason, ERR_IO, "no more sockets");
	struct fake_helper *h = place(t);
	if (!h) {
		close(fds[0]);
		close(fds[1]);
		return reason_fail(reason, ERR_IO, "no more fake helpers");
	}
	*h = (struct fake_helper){ .token = t, .ours = fds[0], .theirs = fds[1] };
	int failed = pthread_create(&h->thread, NULL, serve, h);
	if (failed) abort();
	*out_fd = h->ours;
	*out_instance = (uint32_t)(h - t->helpers);
	return ERR_OK;
}

static void end(void *arg, uint32_t instance)
{
	struct fake_token *t = arg;
	shutdown(t->helpers[instance].theirs, SHUT_RDWR);
	t->helpers[instance].ended = true;
}

void fake_token_init(struct fake_token *t)
{
	memset(t, 0, sizeof *t);
	t->spawner = (struct token_spawner){ start, end, t };
}

void fake_token_done(struct fake_token *t)
{
	for (unsigned i = 0; i < t->count; i++) join(&t->helpers[i]);
	secret_free(TAKE(t->transport));
}
