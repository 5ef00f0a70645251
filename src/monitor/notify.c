/* The codec between cofferd and the helper of notify_command: u8 outcome, u32 number, text. */
#include "monitor/notify.h"

#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"

bool notify_is_event(struct view bytes)
{
	if (bytes.len < NOTIFY_EVENT_MIN || bytes.len > NOTIFY_EVENT_MAX || bytes.ptr[bytes.len - 1] != '\n') return false;
	for (size_t i = 0; i + 1 < bytes.len; i++)
		if (bytes.ptr[i] < 0x20) return false;
	return true;
}

size_t notify_encode(const struct notify_answer *answer, uint8_t out[static NOTIFY_ANSWER_MAX])
{
	struct writer w;
	writer_init(&w, out, NOTIFY_ANSWER_MAX);
	writer_u8(&w, (uint8_t)answer->outcome);
	writer_u32(&w, answer->number);
	writer_bytes(&w, view_of(answer->text, strnlen(answer->text, NOTIFY_TEXT_MAX)));
	return writer_len(&w);
}

enum coffer_err notify_decode(struct view bytes, struct notify_answer *out)
{
	struct notify_answer answer = { .number = 0 };
	struct reader r;
	struct view text;
	uint8_t outcome;
	reader_init(&r, bytes);
	ENSURE(reader_u8(&r, &outcome) == ERR_OK && reader_u32(&r, &answer.number) == ERR_OK, ERR_INPUT);
	ENSURE(outcome >= NOTIFY_TOLD && outcome <= NOTIFY_NOT_STARTED && reader_left(&r) <= NOTIFY_TEXT_MAX, ERR_INPUT);
	ENSURE((answer.number != 0) == (outcome == NOTIFY_EXIT || outcome == NOTIFY_SIGNAL), ERR_INPUT);
	answer.outcome = (enum notify_outcome)outcome;
	ENSURE(reader_view(&r, reader_left(&r), &text) == ERR_OK, ERR_INPUT);
	text_printable(text, answer.text, sizeof answer.text);
	*out = answer;
	return ERR_OK;
}
