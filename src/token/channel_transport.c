/* What the transport calls carry on the token channel. */
#include <string.h>

#include "token/channel.h"

void channel_write_transport_wish(struct writer *w, const struct token_transport_wish *wish)
{
	writer_bytes(w, view_of(wish->owner, sizeof wish->owner));
	writer_bytes(w, wish->auth);
	writer_bytes(w, view_of(wish->point, sizeof wish->point));
	writer_view_u16(w, view_of(wish->ref.data, wish->ref.len <= sizeof wish->ref.data ? wish->ref.len : 0));
}

enum coffer_err channel_read_transport_wish(struct reader *r, struct token_transport_wish *out)
{
	TRY(reader_bytes(r, out->owner, sizeof out->owner));
	TRY(reader_view(r, TOKEN_TRANSPORT_AUTH_LEN, &out->auth));
	TRY(reader_bytes(r, out->point, sizeof out->point));
	return channel_read_field(r, out->ref.data, sizeof out->ref.data, &out->ref.len);
}

void channel_write_transport(struct writer *w, const struct token_transport_answer *answer, struct view shared)
{
	writer_u8(w, answer->there ? 1 : 0);
	writer_bytes(w, view_of(answer->public_key, sizeof answer->public_key));
	writer_view_u16(w, view_of(answer->ref.data, answer->ref.len <= sizeof answer->ref.data ? answer->ref.len : 0));
	writer_view_u16(w, shared);
}

/* A shared secret comes with ECDH alone, and then always when the key is there. */
enum coffer_err channel_read_transport(struct reader *r, bool ecdh, struct token_transport_answer *out, struct view *out_shared)
{
	TRY(channel_read_flag(r, &out->there));
	TRY(reader_bytes(r, out->public_key, sizeof out->public_key));
	TRY(channel_read_field(r, out->ref.data, sizeof out->ref.data, &out->ref.len));
	TRY(reader_view_u16(r, TOKEN_TRANSPORT_SHARED_LEN, out_shared));
	ENSURE(out_shared->len == (ecdh && out->there ? TOKEN_TRANSPORT_SHARED_LEN : 0), ERR_INPUT);
	return ERR_OK;
}
