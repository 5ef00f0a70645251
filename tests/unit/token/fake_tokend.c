/* A fake coffer-tokend. */
#include "fake_tokend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"

const struct token_binding fake_binding = { .master_secret_id = { 1, 2, 3 }, .mechanism = "fake-wrap", .data = "where", .data_len = 5 };

/* Wrapping is a byte in front: enough to tell blobs from what is none. */
static void wrap(const struct channel_request *q, struct channel_reply *reply, uint8_t bytes[static CHANNEL_RANDOM_MAX])
{
	bytes[0] = 'W';
	memcpy(bytes + 1, q->bytes.ptr, q->bytes.len);
	reply->bytes = view_of(bytes, q->bytes.len + 1);
}

static void unwrap(const struct channel_request *q, struct channel_reply *reply)
{
	if (q->bytes.len != TOKEN_SECRET_LEN + 1 || q->bytes.ptr[0] != 'W')
		reply->err = reason_fail(&reply->reason, ERR_CORRUPT, "not a blob of this token");
	else reply->bytes = view_of(q->bytes.ptr + 1, TOKEN_SECRET_LEN);
}

static void do_well(struct fake *f, const struct channel_request *q, struct channel_reply *reply,
	uint8_t bytes[static CHANNEL_RANDOM_MAX])
{
	switch (q->op) {
	case CHANNEL_OPEN:
		pthread_mutex_lock(&f->lock);
		memcpy(f->opened, q->uri, sizeof f->opened);
		pthread_mutex_unlock(&f->lock);
		break;
	case CHANNEL_PROVISION:
		reply->binding = fake_binding;
		break;
	case CHANNEL_ATTACH:
		pthread_mutex_lock(&f->lock);
		f->attached = q->binding;
		pthread_mutex_unlock(&f->lock);
		break;
	case CHANNEL_PIN:
		pthread_mutex_lock(&f->lock);
		memcpy(f->pin, q->bytes.ptr, q->bytes.len);
		f->pin[q->bytes.len] = '\0';
		pthread_mutex_unlock(&f->lock);
		break;
	case CHANNEL_POLICY_MAKE:
		reply->binding = fake_binding;
		pthread_mutex_lock(&f->lock);
		snprintf(reply->uri, sizeof reply->uri, "%s", f->makes_uri[0] ? f->makes_uri : "tpm2:fake");
		pthread_mutex_unlock(&f->lock);
		break;
	case CHANNEL_DESCRIBE:
		memcpy(reply->info.kind, "tpm2", 5);
		memcpy(reply->info.label, "fake", 5);
		break;
	case CHANNEL_WRAP:
		wrap(q, reply, bytes);
		break;
	case CHANNEL_UNWRAP:
		unwrap(q, reply);
		break;
	case CHANNEL_RANDOM:
		memset(bytes, 0xa5, q->random_len);
		reply->bytes = view_of(bytes, q->random_len);
		break;
	case CHANNEL_COUNTER_READ:
	case CHANNEL_COUNTER_RAISE:
		reply->counter = (struct token_counter_answer){ .state = TOKEN_COUNTER_WELL, .value = 7 };
		break;
	case CHANNEL_COUNTER_DROP:
		reply->counter.state = TOKEN_COUNTER_NONE;
		break;
	case CHANNEL_TRANSPORT_MAKE:
	case CHANNEL_TRANSPORT_PUBLIC:
		reply->transport = (struct token_transport_answer){ .there = true, .ref = { .data = { 'T' }, .len = 1 }, .public_key = { 4, q->transport.owner[0] } };
		break;
	case CHANNEL_TRANSPORT_ECDH: /* what is shared is the other side's point, as far as it goes */
		reply->transport.there = q->transport.ref.len == 1;
		if (reply->transport.there) reply->bytes = view_of(memcpy(bytes, q->transport.point, TOKEN_TRANSPORT_SHARED_LEN), TOKEN_TRANSPORT_SHARED_LEN);
		break;
	default:
		break;
	}
}

static void send_noise(int fd, uint32_t announced)
{
	uint8_t bytes[64] = { (uint8_t)(announced >> 24), (uint8_t)(announced >> 16), (uint8_t)(announced >> 8), (uint8_t)announced };
	(void)!fdio_write_exact(fd, bytes, sizeof bytes, clock_mono_ms() + 1000);
}

/* Until the other side is gone. */
static void hang(int fd)
{
	uint8_t byte;
	(void)!fdio_read_exact(fd, &byte, 1, FDIO_NO_DEADLINE);
}

static void say(struct fake_helper *h, uint32_t sequence, enum token_pin_step step)
{
	struct buf out = BUF_EMPTY;
	struct token_notice notice = { .step = step };
	pthread_mutex_lock(&h->fake->lock);
	memcpy(notice.mark, h->fake->pin, sizeof notice.mark);
	pthread_mutex_unlock(&h->fake->lock);
	if (channel_encode_notice(sequence, &notice, &out) == ERR_OK) (void)!fdio_write_exact(h->fd, out.ptr, out.len, clock_mono_ms() + 1000);
	buf_free(&out);
}

static bool answer(struct fake_helper *h, const struct channel_request *q)
{
	struct buf out = BUF_EMPTY;
	struct channel_reply reply = { .sequence = q->sequence };
	uint8_t bytes[CHANNEL_RANDOM_MAX];
	struct fake *f = h->fake;
	pthread_mutex_lock(&f->lock);
	enum fake_act act = f->act[q->op];
	reply.err = act == FAKE_FAIL ? f->err[q->op] : ERR_OK;
	f->count[q->op]++;
	enum token_pin_step step = f->says[q->op];
	pthread_mutex_unlock(&f->lock);
	if (step) say(h, q->sequence, step);
	if (step && act == FAKE_DO) say(h, q->sequence, TOKEN_PIN_TAKEN);
	if (act == FAKE_CRASH) return false;
	if (act == FAKE_HANG) hang(h->fd);
	if (act == FAKE_OVERSIZE) send_noise(h->fd, UINT32_MAX);
	if (act == FAKE_GARBAGE) send_noise(h->fd, 60);
	if (act == FAKE_HANG || act == FAKE_OVERSIZE || act == FAKE_GARBAGE) return true;
	if (act == FAKE_STALE) reply.sequence--;
	if (act == FAKE_FAIL) (void)reason_fail(&reply.reason, reply.err, "the fake says %s", err_name(reply.err));
	else do_well(f, q, &reply, bytes);
	bool sent = channel_encode_reply(&reply, q->op, &out) == ERR_OK &&
		fdio_write_exact(h->fd, out.ptr, out.len, clock_mono_ms() + 1000) == ERR_OK;
	buf_free(&out);
	return sent;
}

static void *helper_main(void *arg)
{
	struct fake_helper *h = arg;
	struct buf frame = BUF_EMPTY;
	struct channel_request q;
	while (channel_read(h->fd, &frame, FDIO_NO_DEADLINE) == ERR_OK)
		if (channel_decode_request(buf_view(&frame), &q) != ERR_OK || !answer(h, &q)) break;
	(void)shutdown(h->fd, SHUT_RDWR);
	buf_free(&frame);
	return NULL;
}

static enum coffer_err start(void *arg, enum token_kind kind, int *out_fd, uint32_t *out_instance, struct reason *reason)
{
	struct fake *f = arg;
	int pair[2];
	(void)kind;
	pthread_mutex_lock(&f->lock);
	unsigned n = f->starts++;
	bool fails = f->start_fails || n >= FAKE_HELPERS;
	pthread_mutex_unlock(&f->lock);
	if (fails) return reason_fail(reason, ERR_NOT_FOUND, "no helper today");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return ERR_IO;
	struct fake_helper *h = &f->helpers[n];
	*h = (struct fake_helper){ .fake = f, .fd = pair[1], .running = true };
	if (pthread_create(&h->thread, NULL, helper_main, h) != 0) abort();
	*out_fd = pair[0];
	*out_instance = n + 1;
	return ERR_OK;
}

static void kill_helper(void *arg, uint32_t instance)
{
	struct fake *f = arg;
	struct fake_helper *h = &f->helpers[instance - 1];
	pthread_mutex_lock(&f->lock);
	bool first = h->running && !h->killed;
	h->killed = true;
	f->kills++;
	pthread_mutex_unlock(&f->lock);
	if (!first) return;
	(void)shutdown(h->fd, SHUT_RDWR);
	pthread_join(h->thread, NULL);
	close(h->fd);
}

static void on_health(void *arg, enum token_state from, enum token_state to)
{
	struct fake *f = arg;
	(void)from;
	pthread_mutex_lock(&f->lock);
	if (f->seen_count < sizeof f->seen / sizeof f->seen[0]) f->seen[f->seen_count++] = to;
	pthread_mutex_unlock(&f->lock);
}

struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof *f);
	assert_non_null(f);
	pthread_mutex_init(&f->lock, NULL);
	f->spawner = (struct token_spawner){ start, kill_helper, f };
	return f;
}

void fake_free(struct fake *f)
{
	for (size_t i = 0; i < FAKE_HELPERS; i++)
		if (f->helpers[i].running) assert_true(f->helpers[i].killed);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void fake_set(struct fake *f, enum channel_op op, enum fake_act act, enum coffer_err err)
{
	pthread_mutex_lock(&f->lock);
	f->act[op] = act;
	f->err[op] = err;
	pthread_mutex_unlock(&f->lock);
}

void fake_says(struct fake *f, enum channel_op op, enum token_pin_step step)
{
	pthread_mutex_lock(&f->lock);
	f->says[op] = step;
	pthread_mutex_unlock(&f->lock);
}

unsigned fake_count(struct fake *f, enum channel_op op)
{
	pthread_mutex_lock(&f->lock);
	unsigned n = f->count[op];
	pthread_mutex_unlock(&f->lock);
	return n;
}

unsigned fake_starts(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	unsigned n = f->starts;
	pthread_mutex_unlock(&f->lock);
	return n;
}

void fake_crash(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	(void)shutdown(f->helpers[f->starts - 1].fd, SHUT_RDWR);
	pthread_mutex_unlock(&f->lock);
}

struct token_proxy *fake_proxy(struct fake *f, const struct token_binding *binding, uint64_t probe_interval_ms)
{
	struct token_proxy *p = NULL;
	struct token_proxy_config config = { .uri = "tpm2:fake", .binding = binding, .spawner = &f->spawner, .deadline_ms = 1000,
		.probe_interval_ms = probe_interval_ms, .on_health = on_health, .on_health_arg = f };
	assert_int_equal(token_proxy_new(&config, &p, NULL), ERR_OK);
	return p;
}

uint64_t fake_await(struct token_proxy *p, enum token_state state, uint64_t limit_ms)
{
	const struct timespec tick = { 0, 2000000 };
	uint64_t began = clock_mono_ms();
	struct token_health health;
	for (;;) {
		token_proxy_health(p, &health);
		if (health.state == state) return clock_mono_ms() - began;
		if (clock_mono_ms() - began > limit_ms)
			fail_msg("state is '%s' (%s), not '%s'", token_state_name(health.state), health.sentence, token_state_name(state));
		nanosleep(&tick, NULL);
	}
}
