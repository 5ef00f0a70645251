/* The codec of the token channel: round trips and hostile frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "test_arena.h"
#include "token/channel.h"
#include "token/kind.h"

static const uint8_t key[TOKEN_SECRET_LEN] = { 7, 8, 9 };

/* A frame without its length field, which is checked. */
static struct view body(const struct buf *frame)
{
	assert_true(frame->len >= 4);
	uint32_t len = (uint32_t)frame->ptr[0] << 24 | (uint32_t)frame->ptr[1] << 16 | (uint32_t)frame->ptr[2] << 8 | frame->ptr[3];
	assert_int_equal(len, frame->len - 4);
	return view_of(frame->ptr + 4, len);
}

static struct channel_request sample_request(enum channel_op op)
{
	struct channel_request q = { .sequence = 0x01020304, .op = op, .uri = "tpm2:swtpm:path=/x", .random_len = 4096 };
	memset(q.binding.master_secret_id, 0x11, sizeof q.binding.master_secret_id);
	memcpy(q.binding.mechanism, "tpm2-seal", 10);
	memset(q.binding.data, 0x22, sizeof q.binding.data);
	q.binding.data_len = TOKEN_BINDING_MAX;
	if (op == CHANNEL_WRAP || op == CHANNEL_UNWRAP) q.bytes = view_of(key, sizeof key);
	return q;
}

static void channel_requests_come_back_as_they_went(void **state)
{
	(void)state;
	for (unsigned op = CHANNEL_OPEN; op <= CHANNEL_CLOSE; op++) {
		struct channel_request q = sample_request((enum channel_op)op), back;
		AUTO_BUF struct buf frame = BUF_EMPTY;
		assert_int_equal(channel_encode_request(&q, &frame), ERR_OK);
		assert_int_equal(channel_decode_request(body(&frame), &back), ERR_OK);
		assert_int_equal(back.sequence, 0x01020304);
		assert_int_equal(back.op, op);
		if (op == CHANNEL_OPEN) assert_string_equal(back.uri, q.uri);
		if (op == CHANNEL_ATTACH) assert_memory_equal(&back.binding, &q.binding, sizeof q.binding);
		if (op == CHANNEL_WRAP || op == CHANNEL_UNWRAP) assert_true(view_equal(back.bytes, q.bytes));
		if (op == CHANNEL_RANDOM) assert_int_equal(back.random_len, 4096);
	}
}

static void counter_calls_come_back_as_they_went(void **state)
{
	(void)state;
	static const enum channel_op ops[] = { CHANNEL_COUNTER_MAKE, CHANNEL_COUNTER_READ, CHANNEL_COUNTER_RAISE, CHANNEL_COUNTER_DROP };
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
		struct channel_request q = { .sequence = 5, .op = ops[i] }, back;
		struct channel_reply r = { .sequence = 5, .counter = { .state = TOKEN_COUNTER_OTHER, .value = UINT64_C(1) << 40 } }, answer;
		AUTO_BUF struct buf frame = BUF_EMPTY;
		AUTO_BUF struct buf reply = BUF_EMPTY;
		q.counter = (struct token_counter_wish){ .auth = view_of(key, sizeof key), .from = 7, .replace = true, .ref = { .data = { 1, 2 }, .len = 2 } };
		memset(q.counter.owner, 0x33, sizeof q.counter.owner);
		assert_int_equal(channel_encode_request(&q, &frame), ERR_OK);
		assert_int_equal(channel_decode_request(body(&frame), &back), ERR_OK);
		assert_memory_equal(back.counter.owner, q.counter.owner, sizeof q.counter.owner);
		assert_true(view_equal(back.counter.auth, q.counter.auth) && back.counter.from == 7 && back.counter.replace);
		assert_int_equal(back.counter.ref.len, 2);
		for (size_t cut = 4; cut < frame.len - 4; cut++)
			assert_int_not_equal(channel_decode_request(view_of(frame.ptr + 4, cut), &back), ERR_OK);
		memcpy(r.counter.ref.place, "NV index", 9);
		assert_int_equal(channel_encode_reply(&r, q.op, &reply), ERR_OK);
		assert_int_equal(channel_decode_reply(body(&reply), 5, q.op, &answer), ERR_OK);
		assert_true(answer.counter.state == TOKEN_COUNTER_OTHER && answer.counter.value == UINT64_C(1) << 40);
		assert_string_equal(answer.counter.ref.place, "NV index");
		reply.ptr[12] = 9; /* no state */
		assert_int_equal(channel_decode_reply(body(&reply), 5, q.op, &answer), ERR_INPUT);
	}
}

static void transport_calls_come_back_as_they_went(void **state)
{
	(void)state;
	for (unsigned op = CHANNEL_TRANSPORT_MAKE; op <= CHANNEL_TRANSPORT_REMOVE; op++) {
		struct channel_request q = { .sequence = 5, .op = (enum channel_op)op }, back;
		struct channel_reply r = { .sequence = 5, .transport = { .there = true, .ref = { .data = { 3 }, .len = 1 } }, .bytes = view_of(key, sizeof key) }, answer;
		AUTO_BUF struct buf frame = BUF_EMPTY;
		AUTO_BUF struct buf reply = BUF_EMPTY;
		q.transport = (struct token_transport_wish){ .auth = view_of(key, sizeof key), .ref = { .data = { 1, 2 }, .len = 2 } };
		memset(q.transport.owner, 0x33, sizeof q.transport.owner);
		memset(q.transport.point, 0x44, sizeof q.transport.point);
		assert_int_equal(channel_encode_request(&q, &frame), ERR_OK);
		assert_int_equal(channel_decode_request(body(&frame), &back), ERR_OK);
		assert_memory_equal(back.transport.owner, q.transport.owner, sizeof q.transport.owner);
		assert_memory_equal(back.transport.point, q.transport.point, sizeof q.transport.point);
		assert_true(view_equal(back.transport.auth, q.transport.auth) && back.transport.ref.len == 2);
		for (size_t cut = 4; cut < frame.len - 4; cut++)
			assert_int_not_equal(channel_decode_request(view_of(frame.ptr + 4, cut), &back), ERR_OK);
		assert_int_equal(channel_encode_reply(&r, q.op, &reply), ERR_OK);
		assert_int_equal(channel_decode_reply(body(&reply), 5, q.op, &answer), ERR_OK);
		assert_true(answer.transport.there && answer.transport.ref.len == 1 && !answer.transport.shared);
		assert_int_equal(answer.bytes.len, op == CHANNEL_TRANSPORT_ECDH ? sizeof key : 0);
		reply.ptr[12] = 0; /* not there, and yet a shared secret */
		assert_int_equal(channel_decode_reply(body(&reply), 5, q.op, &answer), op == CHANNEL_TRANSPORT_ECDH ? ERR_INPUT : ERR_OK);
		reply.ptr[12] = 2;
		assert_int_equal(channel_decode_reply(body(&reply), 5, q.op, &answer), ERR_INPUT);
	}
}

static void endorsement_calls_come_back_as_they_went(void **state)
{
	(void)state;
	for (unsigned op = CHANNEL_ENDORSE; op <= CHANNEL_ACTIVATE; op++) {
		bool activate = op == CHANNEL_ACTIVATE;
		struct channel_request q = { .sequence = 5, .op = (enum channel_op)op }, back;
		struct channel_reply r = { .sequence = 5, .endorse = { .there = true }, .bytes = view_of(key, sizeof key) }, answer;
		AUTO_BUF struct buf frame = BUF_EMPTY;
		AUTO_BUF struct buf reply = BUF_EMPTY;
		q.endorse = (struct token_endorse_wish){ .auth = view_of(key, sizeof key), .ref = { .data = { 1, 2 }, .len = 2 }, .blob = view_str("blob"), .seed = view_str("seeds") };
		assert_int_equal(channel_encode_request(&q, &frame), ERR_OK);
		assert_int_equal(channel_decode_request(body(&frame), &back), ERR_OK);
		assert_true(view_equal(back.endorse.auth, q.endorse.auth) && back.endorse.ref.len == 2);
		assert_true(view_equal_str(back.endorse.blob, "blob") && view_equal_str(back.endorse.seed, "seeds"));
		for (size_t cut = 4; cut < frame.len - 4; cut++)
			assert_int_not_equal(channel_decode_request(view_of(frame.ptr + 4, cut), &back), ERR_OK);
		if (!activate) r.endorse.certificate_len = TOKEN_ENDORSE_CERTIFICATE_MAX, r.endorse.area_len = TOKEN_ENDORSE_AREA_MAX;
		assert_int_equal(channel_encode_reply(&r, q.op, &reply), ERR_OK);
		assert_int_equal(channel_decode_reply(body(&reply), 5, q.op, &answer), ERR_OK);
		assert_true(answer.endorse.there && !answer.endorse.secret);
		assert_int_equal(answer.endorse.certificate_len, r.endorse.certificate_len);
		assert_int_equal(answer.endorse.area_len, r.endorse.area_len);
		assert_int_equal(answer.bytes.len, activate ? sizeof key : 0);
		reply.ptr[12] = 0; /* not there, and yet it says something */
		assert_int_equal(channel_decode_reply(body(&reply), 5, q.op, &answer), ERR_INPUT);
		reply.ptr[12] = 1; /* nor is the one call's answer the other's */
		assert_int_equal(channel_decode_reply(body(&reply), 5, activate ? CHANNEL_ENDORSE : CHANNEL_ACTIVATE, &answer), ERR_INPUT);
		reply.ptr[12] = 2;
		assert_int_equal(channel_decode_reply(body(&reply), 5, q.op, &answer), ERR_INPUT);
	}
}

/* What only one call may bring is no other's. */
static void a_shared_secret_comes_with_its_call_alone(void **state)
{
	(void)state;
	struct channel_reply r = { .sequence = 5, .transport = { .there = true }, .bytes = view_of(key, sizeof key) }, answer;
	AUTO_BUF struct buf reply = BUF_EMPTY;
	assert_int_equal(channel_encode_reply(&r, CHANNEL_TRANSPORT_ECDH, &reply), ERR_OK);
	assert_int_equal(channel_decode_reply(body(&reply), 5, CHANNEL_TRANSPORT_PUBLIC, &answer), ERR_INPUT);
	buf_clear(&reply);
	assert_int_equal(channel_encode_reply(&r, CHANNEL_TRANSPORT_PUBLIC, &reply), ERR_OK);
	assert_int_equal(channel_decode_reply(body(&reply), 5, CHANNEL_TRANSPORT_ECDH, &answer), ERR_INPUT);
	r.bytes.len--;
	buf_clear(&reply);
	assert_int_equal(channel_encode_reply(&r, CHANNEL_TRANSPORT_ECDH, &reply), ERR_OK);
	assert_int_equal(channel_decode_reply(body(&reply), 5, CHANNEL_TRANSPORT_ECDH, &answer), ERR_INPUT);
}

static struct channel_reply sample_reply(enum channel_op op)
{
	struct channel_reply r = { .sequence = 9, .info = { .kind = "pkcs11", .serial = "0815", .warning = "weak \xc3\xbc", .made_here = true } };
	r.binding = sample_request(CHANNEL_ATTACH).binding;
	if (op == CHANNEL_WRAP || op == CHANNEL_UNWRAP || op == CHANNEL_RANDOM) r.bytes = view_of(key, sizeof key);
	return r;
}

static void channel_replies_come_back_as_they_went(void **state)
{
	(void)state;
	for (unsigned op = CHANNEL_OPEN; op <= CHANNEL_CLOSE; op++) {
		struct channel_reply r = sample_reply((enum channel_op)op), back;
		AUTO_BUF struct buf frame = BUF_EMPTY;
		assert_int_equal(channel_encode_reply(&r, (enum channel_op)op, &frame), ERR_OK);
		assert_int_equal(channel_decode_reply(body(&frame), 9, (enum channel_op)op, &back), ERR_OK);
		assert_int_equal(back.err, ERR_OK);
		if (op == CHANNEL_PROVISION) assert_memory_equal(&back.binding, &r.binding, sizeof r.binding);
		if (op == CHANNEL_DESCRIBE) assert_memory_equal(&back.info, &r.info, sizeof r.info);
		assert_true(view_equal(back.bytes, r.bytes));
		assert_int_equal(channel_decode_reply(body(&frame), 10, (enum channel_op)op, &back), ERR_INPUT);
	}
}

static void channel_carries_errors_with_their_sentence(void **state)
{
	static const struct { enum coffer_err sent, got; } cases[] = {
		{ ERR_AUTH, ERR_AUTH }, { ERR_TOKEN_LOCKED, ERR_TOKEN_LOCKED }, { ERR_TOKEN_GONE, ERR_TOKEN_GONE },
		{ ERR_TOKEN_OTHER, ERR_TOKEN_OTHER }, { ERR_TOKEN_KEY_MISSING, ERR_TOKEN_KEY_MISSING },
		{ ERR_TOKEN_REFUSED, ERR_TOKEN_REFUSED }, { ERR_CORRUPT, ERR_CORRUPT }, { ERR_USAGE, ERR_USAGE },
		{ ERR_SCHEMA, ERR_TOKEN }, /* not a token's error */
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct channel_reply r = sample_reply(CHANNEL_UNWRAP), back;
		AUTO_BUF struct buf frame = BUF_EMPTY;
		r.err = reason_fail(&r.reason, cases[i].sent, "do this");
		assert_int_equal(channel_encode_reply(&r, CHANNEL_UNWRAP, &frame), ERR_OK);
		assert_int_equal(channel_decode_reply(body(&frame), 9, CHANNEL_UNWRAP, &back), ERR_OK);
		assert_int_equal(back.err, cases[i].got);
		assert_string_equal(back.reason.text, "do this");
		assert_int_equal(back.bytes.len, 0); /* a failure carries no key bytes */
	}
}

struct hostile {
	const char *what;
	size_t len;
	const char *bytes;
};

#define H(what, bytes) { what, sizeof bytes - 1, bytes }

static void channel_refuses_hostile_requests(void **state)
{
	static const struct hostile cases[] = {
		H("nothing", ""), H("half a sequence", "\0\0"), H("no op", "\0\0\0\1"), H("op 0", "\0\0\0\1\0\0"),
		H("op 10", "\0\0\0\1\0\12"), H("op 258", "\0\0\0\1\1\2"), H("open without a URI", "\0\0\0\1\0\1"),
		H("URI with NUL", "\0\0\0\1\0\1tpm2:\0x"), H("provision with payload", "\0\0\0\1\0\2x"),
		H("attach without a binding", "\0\0\0\1\0\3"), H("wrap of 31 bytes", "\0\0\0\1\0\5" "1234567890123456789012345678901"),
		H("wrap of 33 bytes", "\0\0\0\1\0\5" "123456789012345678901234567890123"), H("empty unwrap", "\0\0\0\1\0\6"),
		H("random 0", "\0\0\0\1\0\7\0\0\0\0"), H("random 4097", "\0\0\0\1\0\7\0\0\20\1"), H("random with rest", "\0\0\0\1\0\7\0\0\0\1x"),
		H("binding with a mechanism past the end", "\0\0\0\1\0\3" "12345678901234567890123456789012\0\60abc"),
		H("binding with data past the end", "\0\0\0\1\0\3" "12345678901234567890123456789012\0\0\0\7abc"),
		H("binding with a control byte", "\0\0\0\1\0\3" "12345678901234567890123456789012\0\1\33\0\0"),
		H("binding with rest", "\0\0\0\1\0\3" "12345678901234567890123456789012\0\1x\0\0y"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct channel_request q = { .random_len = 77 };
		if (channel_decode_request(view_of(cases[i].bytes, cases[i].len), &q) == ERR_OK) fail_msg("took %s", cases[i].what);
		assert_int_equal(q.random_len, 77);
	}
}

static void channel_refuses_hostile_replies(void **state)
{
	static const struct { enum channel_op op; struct hostile h; } cases[] = {
		{ CHANNEL_PROBE, H("nothing", "") }, { CHANNEL_PROBE, H("unknown error", "\0\0\0\1\0\377\0\0") },
		{ CHANNEL_PROBE, H("text past the end", "\0\0\0\1\0\1\0\5abc") }, { CHANNEL_PROBE, H("rest", "\0\0\0\1\0\0\0\0x") },
		{ CHANNEL_PROBE, H("success with a reason", "\0\0\0\1\0\0\0\1x") },
		{ CHANNEL_PROBE, H("control byte in a reason", "\0\0\0\1\0\1\0\1\33") },
		{ CHANNEL_UNWRAP, H("failure with payload", "\0\0\0\1\0\1\0\0" "12345678901234567890123456789012") },
		{ CHANNEL_UNWRAP, H("31 bytes", "\0\0\0\1\0\0\0\0" "1234567890123456789012345678901") },
		{ CHANNEL_UNWRAP, H("33 bytes", "\0\0\0\1\0\0\0\0" "123456789012345678901234567890123") },
		{ CHANNEL_WRAP, H("empty blob", "\0\0\0\1\0\0\0\0") }, { CHANNEL_RANDOM, H("no random", "\0\0\0\1\0\0\0\0") },
		{ CHANNEL_DESCRIBE, H("short info", "\0\0\0\1\0\0\0\0\0\4tpm2") },
		{ CHANNEL_DESCRIBE, H("long kind", "\0\0\0\1\0\0\0\0\0\20" "1234567890123456" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
		{ CHANNEL_DESCRIBE, H("made_here 2", "\0\0\0\1\0\0\0\0" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "\2") },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct channel_reply r = { .sequence = 77 };
		if (channel_decode_reply(view_of(cases[i].h.bytes, cases[i].h.len), 1, cases[i].op, &r) == ERR_OK)
			fail_msg("took %s", cases[i].h.what);
		assert_int_equal(r.sequence, 77);
	}
}

static void channel_refuses_to_send_a_blob_that_fits_no_frame(void **state)
{
	static const uint8_t big[CHANNEL_FRAME_MAX];
	struct channel_request q = { .op = CHANNEL_UNWRAP, .bytes = view_of(big, sizeof big) };
	AUTO_BUF struct buf frame = BUF_EMPTY;
	(void)state;
	assert_int_equal(channel_encode_request(&q, &frame), ERR_TOO_LARGE);
}

static void notices_come_back_as_they_went(void **state)
{
	(void)state;
	for (unsigned step = 0; step <= TOKEN_PIN_TAKEN + 1; step++) {
		AUTO_BUF struct buf frame = BUF_EMPTY;
		struct token_notice notice = { .step = (enum token_pin_step)step, .mark = { 1, 2, 3 } }, back = { .step = 0 };
		struct channel_reply reply;
		const bool is_step = step >= TOKEN_PIN_GOES && step <= TOKEN_PIN_TAKEN;
		assert_int_equal(channel_encode_notice(7, &notice, &frame), ERR_OK);
		assert_true(channel_is_notice(body(&frame)));
		assert_int_equal(channel_decode_notice(body(&frame), 7, &back), is_step ? ERR_OK : ERR_INPUT);
		if (is_step) assert_memory_equal(&back, &notice, sizeof back);
		assert_int_equal(channel_decode_notice(body(&frame), 8, &back), ERR_INPUT);
		assert_int_equal(channel_decode_reply(body(&frame), 7, CHANNEL_OPEN, &reply), ERR_INPUT);
		for (size_t cut = 0; cut < frame.len - 4; cut++) assert_int_not_equal(channel_decode_notice(view_of(frame.ptr + 4, cut), 7, &back), ERR_OK);
		assert_int_equal(buf_append(&frame, view_str("x")), ERR_OK);
		assert_int_equal(channel_decode_notice(view_of(frame.ptr + 4, frame.len - 4), 7, &back), ERR_INPUT);
	}
	AUTO_BUF struct buf frame = BUF_EMPTY;
	const struct channel_reply reply = { .sequence = 0xFFFFFFFFu };
	assert_int_equal(channel_encode_reply(&reply, CHANNEL_OPEN, &frame), ERR_OK);
	assert_false(channel_is_notice(body(&frame)));
	assert_false(channel_is_notice(view_of("\0\0\0\0\377", 5)));
}

static enum coffer_err read_of(const char *bytes, size_t len, struct buf *out)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], bytes, len), len);
	close(pair[1]);
	enum coffer_err err = channel_read(pair[0], out, clock_mono_ms() + 1000);
	close(pair[0]);
	return err;
}

static void channel_reads_one_bounded_frame(void **state)
{
	AUTO_BUF struct buf out = BUF_EMPTY;
	(void)state;
	assert_int_equal(read_of("\0\0\0\3abcd", 8, &out), ERR_OK);
	assert_true(view_equal_str(buf_view(&out), "abc"));
	assert_int_equal(read_of("\0\0\0\0", 4, &out), ERR_TOO_LARGE);
	assert_int_equal(read_of("\0\0\77\375x", 5, &out), ERR_TOO_LARGE); /* 16 KiB - 3 */
	assert_int_equal(read_of("\0\0\77\374x", 5, &out), ERR_TRUNCATED); /* 16 KiB - 4 */
	assert_int_equal(read_of("\377\377\377\377", 4, &out), ERR_TOO_LARGE);
	assert_int_equal(read_of("\0\0", 2, &out), ERR_TRUNCATED);
	assert_int_equal(read_of("", 0, &out), ERR_CLOSED);
}

static void token_uris_name_their_backend(void **state)
{
	static char long_uri[TOKEN_URI_MAX + 2] = "tpm2:";
	enum token_kind kind = TOKEN_KIND_PKCS11;
	(void)state;
	assert_int_equal(token_kind_of_uri("tpm2:device:/dev/tpmrm0", &kind, NULL), ERR_OK);
	assert_int_equal(kind, TOKEN_KIND_TPM2);
	assert_int_equal(token_kind_of_uri("pkcs11:token=a", &kind, NULL), ERR_OK);
	assert_string_equal(token_kind_name(kind), "pkcs11");
	assert_int_equal(token_kind_of_uri("tpm:x", &kind, NULL), ERR_USAGE);
	memset(long_uri + 5, 'x', sizeof long_uri - 6);
	assert_int_equal(token_kind_of_uri(long_uri, &kind, NULL), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(channel_requests_come_back_as_they_went),
		cmocka_unit_test(counter_calls_come_back_as_they_went),
		cmocka_unit_test(transport_calls_come_back_as_they_went),
		cmocka_unit_test(endorsement_calls_come_back_as_they_went),
		cmocka_unit_test(a_shared_secret_comes_with_its_call_alone),
		cmocka_unit_test(channel_replies_come_back_as_they_went),
		cmocka_unit_test(channel_carries_errors_with_their_sentence),
		cmocka_unit_test(channel_refuses_hostile_requests),
		cmocka_unit_test(channel_refuses_hostile_replies),
		cmocka_unit_test(channel_refuses_to_send_a_blob_that_fits_no_frame),
		cmocka_unit_test(notices_come_back_as_they_went),
		cmocka_unit_test(channel_reads_one_bounded_frame),
		cmocka_unit_test(token_uris_name_their_backend),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
