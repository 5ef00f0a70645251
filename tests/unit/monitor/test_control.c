/* The codec of the control channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "monitor/control.h"

static const struct control_message samples[] = {
	{ .op = CONTROL_READY },
	{ .op = CONTROL_STATUS, .text = "open; token well" },
	{ .op = CONTROL_STATUS },
	{ .op = CONTROL_STOPPING },
	{ .op = CONTROL_START_TOKEND, .request = 7, .kind = TOKEN_KIND_PKCS11 },
	{ .op = CONTROL_KILL_TOKEND, .instance = 3 },
	{ .op = CONTROL_START_NOTIFY, .request = 9 },
	{ .op = CONTROL_TOKEND_STARTED, .request = 7, .instance = 3, .pid = 4711 },
	{ .op = CONTROL_TOKEND_EXITED, .instance = 3, .wait_status = 9 },
	{ .op = CONTROL_START_FAILED, .request = 8, .text = "not installed" },
	{ .op = CONTROL_RELOAD },
	{ .op = CONTROL_STOP },
};
#define SAMPLE_COUNT (sizeof samples / sizeof samples[0])

static void assert_same(const struct control_message *a, const struct control_message *b)
{
	assert_int_equal(a->op, b->op);
	assert_int_equal(a->request, b->request);
	assert_int_equal(a->instance, b->instance);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->wait_status, b->wait_status);
	assert_string_equal(a->text, b->text);
}

static void control_messages_come_back_as_they_went(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct control_message back;
		uint8_t bytes[CONTROL_MESSAGE_MAX];
		struct writer w;
		writer_init(&w, bytes, sizeof bytes);
		control_encode(&samples[i], &w);
		assert_int_equal(writer_done(&w), ERR_OK);
		assert_int_equal(control_decode(writer_view(&w), &back), ERR_OK);
		assert_same(&samples[i], &back);
	}
}

static void control_refuses_what_is_no_message(void **state)
{
	static char long_text[CONTROL_TEXT_MAX + 3] = "\2";
	static const struct { const char *bytes; size_t len; } cases[] = {
		{ "", 0 }, { "\0", 1 }, { "\6", 1 }, { "\77", 1 }, { "\377", 1 }, { "\1x", 2 }, { "\4\0\0\0\7", 5 }, { "\4\0\0\0\7\0", 6 },
		{ "\4\0\0\0\7\3", 6 }, { "\4\0\0\0\7\1x", 7 }, { "\5\0\0\0\0", 5 }, { "\5\0\0\0", 4 },
		{ "\100\0\0\0\7\0\0\0\1\0\0\0\0", 13 }, { "\100\0\0\0\7\0\0\0\1\200\0\0\0", 13 }, { "\103x", 2 },
		{ long_text, sizeof long_text - 1 },
	};
	(void)state;
	memset(long_text + 1, 'x', sizeof long_text - 2);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct control_message m = { .instance = 77 };
		assert_int_equal(control_decode(view_of(cases[i].bytes, cases[i].len), &m), ERR_INPUT);
		assert_int_equal(m.instance, 77);
	}
}

static void control_text_cannot_forge_lines(void **state)
{
	struct control_message m;
	(void)state;
	assert_int_equal(control_decode(view_str("\2open\nREADY=1\33[2J"), &m), ERR_OK);
	assert_string_equal(m.text, "open?READY=1?[2J");
}

static void control_passes_a_descriptor_with_a_started_helper_only(void **state)
{
	struct control_message m;
	int pair[2], fd = -1;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		bool wanted = samples[i].op == CONTROL_TOKEND_STARTED;
		for (int with = 0; with < 2; with++) {
			assert_int_equal(control_send(pair[0], &samples[i], with ? STDIN_FILENO : -1, clock_mono_ms() + 1000), ERR_OK);
			enum coffer_err err = control_recv(pair[1], clock_mono_ms() + 1000, &m, &fd);
			assert_int_equal(err, wanted == (with == 1) ? ERR_OK : ERR_INPUT);
			if (err == ERR_OK) assert_int_equal(fd >= 0, wanted);
			if (err == ERR_OK && wanted) assert_int_equal(close(fd), 0);
		}
	}
	close(pair[0]);
	assert_int_equal(control_recv(pair[1], clock_mono_ms() + 1000, &m, &fd), ERR_CLOSED);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_messages_come_back_as_they_went),
		cmocka_unit_test(control_refuses_what_is_no_message),
		cmocka_unit_test(control_text_cannot_forge_lines),
		cmocka_unit_test(control_passes_a_descriptor_with_a_started_helper_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
