/* What the counter calls carry on the token channel. */
#include <string.h>

#include "base/text.h"
#include "token/channel.h"

void channel_write_wish(struct writer *w, const struct token_counter_wish *wish)
{
	writer_bytes(w, view_of(wish->owner, sizeof wish->owner));
	writer_bytes(w, wish->auth);
	writer_u8(w, wish->replace ? 1 : 0);
	writer_u64(w, wish->from);
	writer_view_u16(w, view_of(wish->ref.data, wish->ref.len <= sizeof wish->ref.data ? wish->ref.len : 0));
}

static enum coffer_err read_ref(struct reader *r, struct token_counter_ref *out)
{
	struct view ref;
	TRY(reader_view_u16(r, sizeof out->data, &ref));
	if (ref.len) memcpy(out->data, ref.ptr, ref.len);
	out->len = ref.len;
	return ERR_OK;
}

enum coffer_err channel_read_wish(struct reader *r, struct token_counter_wish *out)
{
	uint8_t replace;
	TRY(reader_bytes(r, out->owner, sizeof out->owner));
	TRY(reader_view(r, TOKEN_COUNTER_AUTH_LEN, &out->auth));
	TRY(reader_u8(r, &replace));
	ENSURE(replace <= 1, ERR_INPUT);
	out->replace = replace == 1;
	TRY(reader_u64(r, &out->from));
	return read_ref(r, &out->ref);
}

void channel_write_counter(struct writer *w, const struct token_counter_answer *answer)
{
	writer_u8(w, (uint8_t)answer->state);
	writer_u64(w, answer->value);
	writer_view_u16(w, view_of(answer->ref.data, answer->ref.len <= sizeof answer->ref.data ? answer->ref.len : 0));
	writer_view_u16(w, view_of(answer->ref.place, strnlen(answer->ref.place, sizeof answer->ref.place - 1)));
}

enum coffer_err channel_read_counter(struct reader *r, struct token_counter_answer *out)
{
	uint8_t state;
	struct view place;
	TRY(reader_u8(r, &state));
	ENSURE(state >= TOKEN_COUNTER_WELL && state <= TOKEN_COUNTER_OTHER, ERR_INPUT);
	out->state = (enum token_counter_state)state;
	TRY(reader_u64(r, &out->value));
	TRY(read_ref(r, &out->ref));
	TRY(reader_view_u16(r, sizeof out->ref.place - 1, &place));
	text_printable(place, out->ref.place, sizeof out->ref.place);
	ENSURE(view_equal_str(place, out->ref.place), ERR_INPUT);
	return ERR_OK;
}
