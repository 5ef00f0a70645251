/* The loop of coffer-tokend over a backend that the test provides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "test_arena.h"
#include "token/channel.h"
#include "token/erase.h"
#include "token/login.h"
#include "token/notice.h"
#include "tokend/serve.h"
#include "tokend/setup.h"
#include "tokend/watch.h"

struct token {
	int unused;
};

/* The filter of the real programs would hold for the whole test program. */
static unsigned confined;
enum coffer_err setup_confine(const char *uri, struct reason *reason)
{
	(void)uri;
	(void)reason;
	confined++;
	return ERR_OK;
}

/* So would its end; test_watch.c has the real one. */
enum coffer_err watch_start(int channel_fd)
{
	(void)channel_fd;
	return ERR_OK;
}

void watch_busy(bool busy)
{
	(void)busy;
}

static struct secret *fake_pin; /* what the last PIN message brought */
static struct token the_token;
static unsigned opened, closed;

static enum coffer_err fake_open(const char *uri, struct token **out, struct reason *reason)
{
	if (strcmp(uri, "tpm2:pin") == 0) TRY(token_notice(TOKEN_PIN_GOES, fake_pin, reason));
	else if (strcmp(uri, "tpm2:good") != 0) return reason_fail(reason, ERR_AUTH, "wrong PIN");
	opened++;
	*out = &the_token;
	return ERR_OK;
}

static enum coffer_err fake_provision(struct token *t, struct token_binding *out, struct reason *reason)
{
	(void)t; (void)reason;
	memset(out, 0, sizeof *out);
	memcpy(out->mechanism, "fake", 5);
	return ERR_OK;
}

static enum coffer_err fake_attach(struct token *t, const struct token_binding *binding, struct reason *reason)
{
	(void)t; (void)reason;
	return strcmp(binding->mechanism, "fake") == 0 ? ERR_OK : ERR_TOKEN_OTHER;
}

static enum coffer_err fake_describe(struct token *t, struct token_info *out, struct reason *reason)
{
	(void)t; (void)reason;
	memcpy(out->label, "a\nb", 4); /* must not forge a line of status */
	return ERR_OK;
}

static enum coffer_err fake_wrap(struct token *t, const struct secret *plain, struct buf *out, struct reason *reason)
{
	(void)t; (void)reason;
	return buf_append(out, secret_view(plain));
}

static enum coffer_err fake_unwrap(struct token *t, struct view blob, struct secret **out, struct reason *reason)
{
	(void)t; (void)reason;
	*out = secret_copy(blob.ptr, blob.len);
	return ERR_OK;
}

static enum coffer_err fake_random(struct token *t, uint8_t *out, size_t len, struct reason *reason)
{
	(void)t; (void)reason;
	memset(out, 0x77, len);
	return ERR_OK;
}

static enum coffer_err fake_probe(struct token *t, struct reason *reason)
{
	(void)t; (void)reason;
	return ERR_OK;
}

static void fake_close(struct token *t)
{
	if (t) closed++;
}

static void fake_take_pin(struct secret **pin)
{
	secret_free(fake_pin);
	fake_pin = TAKE(*pin);
}

const struct token_login_ops token_login_backend = { .take_pin = fake_take_pin };

const struct token_ops token_backend = { "fake", fake_open, fake_provision, fake_attach, fake_describe, fake_wrap, fake_unwrap,
	fake_random, fake_probe, fake_close };
const struct token_signer_ops token_signer_backend = { .make = NULL, .sign = NULL, .drop = NULL };

static enum coffer_err fake_ecdh(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	(void)t; (void)reason;
	*out = (struct token_transport_answer){ .there = wish->ref.len == 1 };
	if (out->there) out->shared = secret_copy(wish->point, TOKEN_TRANSPORT_SHARED_LEN);
	return ERR_OK;
}

const struct token_transport_ops token_transport_backend = { .make = NULL, .public_point = NULL, .ecdh = fake_ecdh, .remove = NULL };

static enum coffer_err fake_activate(struct token *t, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason)
{
	(void)t; (void)reason;
	*out = (struct token_endorse_answer){ .there = wish->seed.len == 3 };
	if (out->there) out->secret = secret_copy(wish->auth.ptr, TOKEN_ENDORSE_SECRET_LEN);
	return ERR_OK;
}

const struct token_endorse_ops token_endorse_backend = { .describe = NULL, .activate = fake_activate };
const struct token_counter_ops token_counter_backend = { .make = NULL, .read = NULL, .raise = NULL };

static enum coffer_err fake_erase(struct token *t, struct reason *reason)
{
	(void)t;
	(void)reason;
	return ERR_OK;
}

const struct token_erase_ops token_erase_backend = { .erase = fake_erase };

static enum coffer_err fake_policy_status(struct token *t, struct token_policy_status *out, struct reason *reason)
{
	(void)t; (void)reason;
	*out = (struct token_policy_status){ .boot = TOKEN_BOOT_CLOSED, .policy = "PCRs\nforged", .sentence = "PCR 7 differs" };
	return ERR_OK;
}

static enum coffer_err fake_policy_make(struct token *t, const char *changes, const struct secret *pin, struct token_policy_made *out,
	struct reason *reason)
{
	(void)t; (void)reason;
	*out = (struct token_policy_made){ .binding = { .mechanism = "fake", .data_len = pin ? secret_len(pin) : 0 } };
	memcpy(out->uri, changes, strlen(changes) + 1);
	return ERR_OK;
}

static enum coffer_err fake_policy_wrap(struct token *t, const struct token_binding *under, const struct secret *plain, struct buf *out,
	struct reason *reason)
{
	if (strcmp(under->mechanism, "fake") != 0) return ERR_TOKEN_OTHER;
	return fake_wrap(t, plain, out, reason);
}

static enum coffer_err fake_policy_adopt(struct token *t, const struct token_policy_made *made, struct reason *reason)
{
	(void)t; (void)reason;
	return strcmp(made->uri, "tpm2:new") == 0 && strcmp(made->binding.mechanism, "fake") == 0 ? ERR_OK : ERR_USAGE;
}

const struct token_policy_ops token_policy_backend = { fake_policy_status, fake_policy_make, fake_policy_wrap, fake_policy_adopt };

struct session {
	int ours, theirs;
	pthread_t thread;
	enum coffer_err err;
	uint32_t sequence;
	struct buf frame;
};

static void *serve(void *arg)
{
	struct session *s = arg;
	s->err = serve_channel(s->theirs);
	close(s->theirs);
	return NULL;
}

static void begin(struct session *s)
{
	int pair[2];
	opened = closed = 0;
	*s = (struct session){ .frame = BUF_EMPTY };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s->ours = pair[0];
	s->theirs = pair[1];
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static enum coffer_err finish(struct session *s)
{
	if (s->ours >= 0) close(s->ours);
	pthread_join(s->thread, NULL);
	buf_free(&s->frame);
	return s->err;
}

static enum coffer_err ask(struct session *s, struct channel_request q, struct channel_reply *reply)
{
	q.sequence = ++s->sequence;
	buf_clear(&s->frame);
	assert_int_equal(channel_encode_request(&q, &s->frame), ERR_OK);
	assert_int_equal(fdio_write_all(s->ours, buf_view(&s->frame)), ERR_OK);
	assert_int_equal(channel_read(s->ours, &s->frame, clock_mono_ms() + 5000), ERR_OK);
	assert_int_equal(channel_decode_reply(buf_view(&s->frame), q.sequence, q.op, reply), ERR_OK);
	return reply->err;
}

static void tokend_serves_policies_once_attached(void **state)
{
	(void)state;
	struct session s;
	struct channel_reply reply;
	uint8_t plain[TOKEN_SECRET_LEN] = { 7 };
	begin(&s);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:good" }, &reply), ERR_OK);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_POLICY_STATUS }, &reply), ERR_STATE);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROVISION }, &reply), ERR_OK);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_POLICY_STATUS }, &reply), ERR_OK);
	assert_int_equal(reply.policy.boot, TOKEN_BOOT_CLOSED);
	assert_string_equal(reply.policy.policy, "PCRs?forged");
	assert_string_equal(reply.policy.sentence, "PCR 7 differs");
	struct channel_request make = { .op = CHANNEL_POLICY_MAKE, .changes = "tpm2:new", .bytes = view_of(plain, 4) };
	assert_int_equal(ask(&s, make, &reply), ERR_OK);
	assert_string_equal(reply.uri, "tpm2:new");
	assert_int_equal(reply.binding.data_len, 4);
	struct channel_request wrap = { .op = CHANNEL_POLICY_WRAP, .binding = reply.binding, .bytes = view_of(plain, sizeof plain) };
	assert_int_equal(ask(&s, wrap, &reply), ERR_OK);
	assert_true(view_equal(reply.bytes, view_of(plain, sizeof plain)));
	wrap.binding.mechanism[0] = 'x';
	assert_int_equal(ask(&s, wrap, &reply), ERR_TOKEN_OTHER);
	struct channel_request adopt = { .op = CHANNEL_POLICY_ADOPT, .uri = "tpm2:new", .binding = { .mechanism = "fake" } };
	assert_int_equal(ask(&s, adopt, &reply), ERR_OK);
	adopt.uri[0] = 'T';
	assert_int_equal(ask(&s, adopt, &reply), ERR_USAGE);
	assert_int_equal(finish(&s), ERR_OK);
}

static void tokend_serves_every_call(void **state)
{
	static const uint8_t key[TOKEN_SECRET_LEN] = "a data key";
	struct channel_reply r;
	struct session s;
	(void)state;
	begin(&s);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:good" }, &r), ERR_OK);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROVISION }, &r), ERR_OK);
	assert_string_equal(r.binding.mechanism, "fake");
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_WRAP, .bytes = view_of(key, 32) }, &r), ERR_OK);
	assert_true(view_equal(r.bytes, view_of(key, 32)));
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_UNWRAP, .bytes = view_of(key, 32) }, &r), ERR_OK);
	assert_true(view_equal(r.bytes, view_of(key, 32)));
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_UNWRAP, .bytes = view_of(key, 31) }, &r), ERR_CORRUPT);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_RANDOM, .random_len = 4096 }, &r), ERR_OK);
	assert_int_equal(r.bytes.len, 4096);
	assert_int_equal(r.bytes.ptr[4095], 0x77);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_DESCRIBE }, &r), ERR_OK);
	assert_string_equal(r.info.label, "a?b");
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROBE }, &r), ERR_OK);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_CLOSE }, &r), ERR_OK);
	assert_int_equal(finish(&s), ERR_OK);
	assert_int_equal(opened, 1);
	assert_int_equal(closed, 1);
}

static void tokend_serves_agreements_once_attached(void **state)
{
	static const uint8_t auth[TOKEN_TRANSPORT_AUTH_LEN] = { 1 };
	struct channel_reply r;
	struct session s;
	struct channel_request q = { .op = CHANNEL_TRANSPORT_ECDH, .transport = { .auth = view_of(auth, sizeof auth), .point = { 4, 5 }, .ref = { .len = 1 } } };
	(void)state;
	begin(&s);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:good" }, &r), ERR_OK);
	assert_int_equal(ask(&s, q, &r), ERR_STATE);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROVISION }, &r), ERR_OK);
	assert_int_equal(ask(&s, q, &r), ERR_OK);
	assert_true(r.transport.there && view_equal(r.bytes, view_of(q.transport.point, TOKEN_TRANSPORT_SHARED_LEN)));
	q.transport.ref.len = 0;
	assert_int_equal(ask(&s, q, &r), ERR_OK);
	assert_true(!r.transport.there && r.bytes.len == 0);
	q.op = CHANNEL_TRANSPORT_MAKE;
	assert_int_equal(ask(&s, q, &r), ERR_UNSUPPORTED);
	assert_string_equal(r.reason.text, "this kind of token makes no transport key");
	assert_int_equal(finish(&s), ERR_OK);
}

static void tokend_activates_once_attached(void **state)
{
	static const uint8_t auth[TOKEN_TRANSPORT_AUTH_LEN] = { 1 };
	struct channel_reply r;
	struct session s;
	struct channel_request q = { .op = CHANNEL_ACTIVATE, .endorse = { .auth = view_of(auth, sizeof auth), .ref = { .len = 1 }, .blob = view_str("b"), .seed = view_str("123") } };
	(void)state;
	begin(&s);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:good" }, &r), ERR_OK);
	assert_int_equal(ask(&s, q, &r), ERR_STATE);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROVISION }, &r), ERR_OK);
	assert_int_equal(ask(&s, q, &r), ERR_OK);
	assert_true(r.endorse.there && view_equal(r.bytes, view_of(auth, sizeof auth)));
	q.endorse.seed.len = 2;
	assert_int_equal(ask(&s, q, &r), ERR_OK);
	assert_true(!r.endorse.there && r.bytes.len == 0);
	q.op = CHANNEL_ENDORSE;
	assert_int_equal(ask(&s, q, &r), ERR_UNSUPPORTED);
	assert_non_null(strstr(r.reason.text, "has no endorsement certificate"));
	assert_int_equal(finish(&s), ERR_OK);
}

static void tokend_refuses_calls_out_of_order(void **state)
{
	struct channel_reply r;
	struct session s;
	(void)state;
	begin(&s);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROBE }, &r), ERR_STATE);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:bad" }, &r), ERR_AUTH);
	assert_string_equal(r.reason.text, "wrong PIN");
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:good" }, &r), ERR_OK);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:good" }, &r), ERR_STATE);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROBE }, &r), ERR_STATE);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_ATTACH }, &r), ERR_TOKEN_OTHER);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROBE }, &r), ERR_STATE);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_ATTACH, .binding.mechanism = "fake" }, &r), ERR_OK);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROBE }, &r), ERR_OK);
	assert_int_equal(finish(&s), ERR_OK); /* cofferd ended */
	assert_int_equal(closed, 1);
}

/* Who asks once more, because the answer or what came behind it was lost, is told that it is done. */
static void tokend_says_what_it_destroyed(void **state)
{
	static const enum channel_op ops[] = { CHANNEL_ERASE, CHANNEL_PROBE };
	struct channel_reply r;
	struct session s;
	(void)state;
	begin(&s);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:good" }, &r), ERR_OK);
	assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_ERASE }, &r), ERR_STATE);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_PROVISION }, &r), ERR_OK);
		assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_ERASE }, &r), ERR_OK);
		assert_int_equal(ask(&s, (struct channel_request){ .op = ops[i] }, &r), ERR_TOKEN_KEY_MISSING);
	}
	assert_int_equal(finish(&s), ERR_OK);
}

/* What the backend tells goes out in front of the reply, with the number of its request; where it cannot go out the backend stops. */
static void tokend_tells_of_a_pin(void **state)
{
	const struct channel_request pin = { .sequence = 1, .op = CHANNEL_PIN, .bytes = view_str("1234") }, open = { .sequence = 9, .op = CHANNEL_OPEN, .uri = "tpm2:pin" };
	(void)state;
	for (unsigned deaf = 0; deaf < 2; deaf++) {
		struct session s;
		struct channel_reply r;
		struct token_notice notice;
		begin(&s);
		assert_int_equal(ask(&s, pin, &r), ERR_OK);
		if (deaf) assert_int_equal(shutdown(s.ours, SHUT_RD), 0);
		buf_clear(&s.frame);
		assert_int_equal(channel_encode_request(&open, &s.frame), ERR_OK);
		assert_int_equal(fdio_write_all(s.ours, buf_view(&s.frame)), ERR_OK);
		if (!deaf) {
			assert_int_equal(channel_read(s.ours, &s.frame, clock_mono_ms() + 5000), ERR_OK);
			assert_int_equal(channel_decode_notice(buf_view(&s.frame), 9, &notice), ERR_OK);
			assert_int_equal(notice.step, TOKEN_PIN_GOES);
			assert_int_equal(channel_read(s.ours, &s.frame, clock_mono_ms() + 5000), ERR_OK);
			assert_int_equal(channel_decode_reply(buf_view(&s.frame), 9, CHANNEL_OPEN, &r), ERR_OK);
			assert_int_equal(r.err, ERR_OK);
		}
		assert_int_equal(finish(&s), ERR_OK);
		assert_int_equal(opened, deaf ? 0 : 1);
	}
}

static void tokend_ends_when_the_protocol_is_broken(void **state)
{
	static const struct { const char *bytes; size_t len; enum coffer_err err; } cases[] = {
		{ "\377\377\377\377", 4, ERR_TOO_LARGE }, { "\0\0\0\6\0\0\0\1\0\0", 10, ERR_INPUT }, { "\0\0\0\6\0", 5, ERR_TRUNCATED },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct channel_reply r;
		struct session s;
		begin(&s);
		assert_int_equal(ask(&s, (struct channel_request){ .op = CHANNEL_OPEN, .uri = "tpm2:good" }, &r), ERR_OK);
		assert_int_equal(write(s.ours, cases[i].bytes, cases[i].len), cases[i].len);
		assert_int_equal(finish(&s), cases[i].err);
		assert_int_equal(closed, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokend_serves_every_call),
		cmocka_unit_test(tokend_serves_policies_once_attached),
		cmocka_unit_test(tokend_serves_agreements_once_attached),
		cmocka_unit_test(tokend_activates_once_attached),
		cmocka_unit_test(tokend_refuses_calls_out_of_order),
		cmocka_unit_test(tokend_says_what_it_destroyed),
		cmocka_unit_test(tokend_tells_of_a_pin),
		cmocka_unit_test(tokend_ends_when_the_protocol_is_broken),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
