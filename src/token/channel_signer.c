/* What the signer calls carry on the token channel. */
#include <string.h>

#include "token/channel.h"

void channel_write_signer_wish(struct writer *w, const struct token_signer_wish *wish)
{
	writer_u8(w, wish->drop ? 1 : 0);
	writer_bytes(w, view_of(wish->owner, sizeof wish->owner));
	writer_bytes(w, wish->auth);
	writer_bytes(w, view_of(wish->digest, sizeof wish->digest));
	writer_view_u16(w, view_of(wish->ref.data, wish->ref.len <= sizeof wish->ref.data ? wish->ref.len : 0));
}

enum coffer_err channel_read_signer_wish(struct reader *r, struct token_signer_wish *out)
{
	TRY(channel_read_flag(r, &out->drop));
	TRY(reader_bytes(r, out->owner, sizeof out->owner));
	TRY(reader_view(r, TOKEN_SIGNER_AUTH_LEN, &out->auth));
	TRY(reader_bytes(r, out->digest, sizeof out->digest));
	return channel_read_field(r, out->ref.data, sizeof out->ref.data, &out->ref.len);
}

void channel_write_signer(struct writer *w, const struct token_signer_answer *answer)
{
	writer_u8(w, answer->there ? 1 : 0);
	writer_bytes(w, view_of(answer->public_key, sizeof answer->public_key));
	writer_bytes(w, view_of(answer->signature, sizeof answer->signature));
	writer_view_u16(w, view_of(answer->ref.data, answer->ref.len <= sizeof answer->ref.data ? answer->ref.len : 0));
}

enum coffer_err channel_read_signer(struct reader *r, struct token_signer_answer *out)
{
	TRY(channel_read_flag(r, &out->there));
	TRY(reader_bytes(r, out->public_key, sizeof out->public_key));
	TRY(reader_bytes(r, out->signature, sizeof out->signature));
	return channel_read_field(r, out->ref.data, sizeof out->ref.data, &out->ref.len);
}
