/* Notices of the token channel (token/notice.h). */
#include "token/channel.h"

#include "base/reader.h"
#include "base/writer.h"

#define NOTICE 0xFFFFu /* where a reply has its error */

enum coffer_err channel_encode_notice(uint32_t sequence, const struct token_notice *notice, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out, CHANNEL_FRAME_MAX);
	struct writer_mark length = writer_reserve_u32(&w);
	writer_u32(&w, sequence);
	writer_u16(&w, NOTICE);
	writer_u8(&w, (uint8_t)notice->step);
	writer_bytes(&w, view_of(notice->mark, sizeof notice->mark));
	writer_fill_len(&w, length);
	return writer_done(&w);
}

bool channel_is_notice(struct view frame)
{
	return frame.len >= 6 && frame.ptr[4] == NOTICE >> 8 && frame.ptr[5] == (NOTICE & 0xFF);
}

enum coffer_err channel_decode_notice(struct view frame, uint32_t sequence, struct token_notice *out)
{
	struct reader r;
	uint32_t number;
	uint16_t notice;
	uint8_t step;
	reader_init(&r, frame);
	TRY(reader_u32(&r, &number));
	TRY(reader_u16(&r, &notice));
	TRY(reader_u8(&r, &step));
	ENSURE(number == sequence && notice == NOTICE && step >= TOKEN_PIN_GOES && step <= TOKEN_PIN_TAKEN, ERR_INPUT);
	TRY(reader_bytes(&r, out->mark, sizeof out->mark));
	out->step = (enum token_pin_step)step;
	return reader_end(&r);
}
