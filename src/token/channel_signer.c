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

static enum coffer_err read_flag(struct reader *r, bool *out)
{
	uint8_t flag;
	TRY(reader_u8(r, &flag));
	ENSURE(flag <= 1, ERR_INPUT);
	*out = flag == 1;
	return ERR_OK;
}

static enum coffer_err read_ref(struct reader *r, struct token_signer_ref *out)
{
	struct view ref;
	TRY(reader_view_u16(r, sizeof out->data, &ref));
	if (ref.len) memcpy(out->data, ref.ptr, ref.len);
	out->len = ref.len;
	return ERR_OK;
}

enum coffer_err channel_read_signer_wish(struct reader *r, struct token_signer_wish *out)
{
	TRY(read_flag(r, &out->drop));
	TRY(reader_bytes(r, out->owner, sizeof out->owner));
	TRY(reader_view(r, TOKEN_SIGNER_AUTH_LEN, &out->auth));
	TRY(reader_bytes(r, out->digest, sizeof out->digest));
	return read_ref(r, &out->ref);
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
	TRY(read_flag(r, &out->there));
	TRY(reader_bytes(r, out->public_key, sizeof out->public_key));
	TRY(reader_bytes(r, out->signature, sizeof out->signature));
	return read_ref(r, &out->ref);
}
