/* What the endorsement calls carry on the token channel. */
#include <string.h>

#include "token/channel.h"

static struct view at_most(struct view bytes, size_t max)
{
	return bytes.len <= max ? bytes : view_of(NULL, 0);
}

/* ENDORSE has no authorization value: zeros stand for it. */
void channel_write_endorse_wish(struct writer *w, const struct token_endorse_wish *wish)
{
	static const uint8_t none[TOKEN_TRANSPORT_AUTH_LEN];
	writer_bytes(w, wish->auth.len == TOKEN_TRANSPORT_AUTH_LEN ? wish->auth : view_of(none, sizeof none));
	writer_view_u16(w, at_most(view_of(wish->ref.data, wish->ref.len), sizeof wish->ref.data));
	writer_view_u16(w, at_most(wish->blob, TOKEN_ENDORSE_BLOB_MAX));
	writer_view_u16(w, at_most(wish->seed, TOKEN_ENDORSE_SEED_MAX));
}

enum coffer_err channel_read_endorse_wish(struct reader *r, struct token_endorse_wish *out)
{
	TRY(reader_view(r, TOKEN_TRANSPORT_AUTH_LEN, &out->auth));
	TRY(channel_read_field(r, out->ref.data, sizeof out->ref.data, &out->ref.len));
	TRY(reader_view_u16(r, TOKEN_ENDORSE_BLOB_MAX, &out->blob));
	return reader_view_u16(r, TOKEN_ENDORSE_SEED_MAX, &out->seed);
}

void channel_write_endorse(struct writer *w, const struct token_endorse_answer *answer, struct view secret)
{
	writer_u8(w, answer->there ? 1 : 0);
	writer_view_u16(w, at_most(view_of(answer->certificate, answer->certificate_len), sizeof answer->certificate));
	writer_view_u16(w, at_most(view_of(answer->area, answer->area_len), sizeof answer->area));
	writer_view_u16(w, secret);
}

/* Certificate and public area come without a secret, and the other way round. */
enum coffer_err channel_read_endorse(struct reader *r, bool activate, struct token_endorse_answer *out, struct view *out_secret)
{
	TRY(channel_read_flag(r, &out->there));
	TRY(channel_read_field(r, out->certificate, sizeof out->certificate, &out->certificate_len));
	TRY(channel_read_field(r, out->area, sizeof out->area, &out->area_len));
	TRY(reader_view_u16(r, TOKEN_ENDORSE_SECRET_LEN, out_secret));
	bool shown = out->there && !activate;
	ENSURE((out->certificate_len != 0) == shown && (out->area_len != 0) == shown, ERR_INPUT);
	ENSURE(out_secret->len == (out->there && activate ? TOKEN_ENDORSE_SECRET_LEN : 0), ERR_INPUT);
	return ERR_OK;
}
