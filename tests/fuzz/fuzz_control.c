/* Fuzzes control_decode and control_encode (src/monitor/control.h). Every message but its text has one form; text comes back printable. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "monitor/control.h"

static bool has_text(const struct control_message *m)
{
	return m->op == CONTROL_STATUS || m->op == CONTROL_START_FAILED;
}

static void check_same(const struct control_message *a, const struct control_message *b)
{
	REQUIRE(a->op == b->op && a->request == b->request && a->instance == b->instance && a->pid == b->pid);
	REQUIRE(a->kind == b->kind && a->wait_status == b->wait_status && strcmp(a->text, b->text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_message m, again;
	uint8_t bytes[CONTROL_MESSAGE_MAX];
	struct writer w;
	if (control_decode(view_of(data, size), &m) != ERR_OK) return 0;
	REQUIRE(size <= CONTROL_MESSAGE_MAX && text_is_utf8(view_str(m.text)));
	writer_init(&w, bytes, sizeof bytes);
	control_encode(&m, &w);
	REQUIRE(writer_done(&w) == ERR_OK);
	if (!has_text(&m)) REQUIRE(view_equal(writer_view(&w), view_of(data, size)));
	REQUIRE(control_decode(writer_view(&w), &again) == ERR_OK);
	check_same(&m, &again);
	return 0;
}
