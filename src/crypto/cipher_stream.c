/* A KMIP-chosen cipher in parts: text that flows through, or that is gathered until the end. */
#include "crypto/cipher_stream.h"

#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "base/secret.h"
#include "crypto/cipher_internal.h"

struct cipher_stream {
	struct cipher_params params;
	enum cipher_way way;
	bool gathers;
	bool has_text;
	bool done;               /* ended or failed */
	size_t tag_len;          /* of the mode */
	struct view tag;         /* expected, in tag_bytes; empty until it is known */
	uint8_t tag_bytes[CIPHER_TAG_MAX];
	struct cipher_run run;   /* flowing */
	struct secret *key;      /* gathering: all that cipher_encrypt or cipher_decrypt will want */
	struct buf iv, aad, text;
};

static bool must_gather(const struct cipher_row *row, enum cipher_way way)
{
	switch (row->kind) {
	case CIPHER_KIND_PLAIN: return false;
	case CIPHER_KIND_AEAD: return way == CIPHER_DECRYPT;
	case CIPHER_KIND_CCM:
	case CIPHER_KIND_XTS:
	case CIPHER_KIND_WRAP: return true;
	}
	return true;
}

/* A wrong key or IV is told at once, not when all the text has come. */
static enum coffer_err probe(const struct cipher_params *params, enum cipher_way way, struct view key, struct view iv,
	size_t tag_len)
{
	static const uint8_t tag[CIPHER_TAG_MAX];
	struct cipher_run run;
	enum coffer_err err = cipher_run_start(&run, params, way, key, iv, 0, view_of(tag, tag_len));
	cipher_run_done(&run);
	return err;
}

static enum coffer_err start(struct cipher_stream *s, const struct cipher_row *row, struct view key, struct view iv)
{
	if (!s->gathers) return cipher_run_start(&s->run, &s->params, s->way, key, iv, 0, view_of(NULL, 0));
	if (row->kind == CIPHER_KIND_WRAP) ENSURE((key.len == 16 || key.len == 24 || key.len == 32) && iv.len == 0, ERR_FIELD);
	else TRY(probe(&s->params, s->way, key, iv, s->tag_len));
	s->key = secret_copy(key.ptr, key.len);
	ENSURE(s->key != NULL, ERR_MEMORY);
	return buf_append(&s->iv, iv);
}

enum coffer_err cipher_stream_new(const struct cipher_params *params, enum cipher_way way, struct view key,
	struct view iv, struct cipher_stream **out)
{
	const struct cipher_row *row;
	struct cipher_traits traits;
	uint32_t padding;
	TRY(cipher_traits(params, &traits));
	TRY(cipher_row_find(params, &row, &padding));
	AUTO(auto_cipher_stream_free) struct cipher_stream *s = arena_alloc(sizeof *s);
	ENSURE(s != NULL, ERR_MEMORY);
	*s = (struct cipher_stream){ .params = *params, .way = way, .gathers = must_gather(row, way), .tag_len = traits.tag_len };
	TRY(start(s, row, key, iv));
	*out = TAKE(s);
	return ERR_OK;
}

void cipher_stream_free(struct cipher_stream *s)
{
	if (s == NULL) return;
	cipher_run_done(&s->run);
	secret_free(s->key);
	buf_free(&s->iv);
	buf_free(&s->aad);
	buf_free(&s->text);
	arena_free(s);
}

bool cipher_stream_gathers(const struct cipher_stream *s)
{
	return s->gathers;
}

/* Appends within the bound of what is kept. */
static enum coffer_err gather(struct buf *kept, struct view bytes)
{
	ENSURE(bytes.len <= CIPHER_GATHER_MAX - kept->len, ERR_TOO_LARGE);
	return buf_append(kept, bytes);
}

enum coffer_err cipher_stream_aad(struct cipher_stream *s, struct view aad)
{
	ENSURE(!s->done && !s->has_text, ERR_STATE);
	ENSURE(s->tag_len != 0 || aad.len == 0, ERR_FIELD);
	return s->gathers ? gather(&s->aad, aad) : cipher_run_aad(&s->run, aad);
}

enum coffer_err cipher_stream_tag(struct cipher_stream *s, struct view tag)
{
	ENSURE(!s->done, ERR_STATE);
	ENSURE(s->way == CIPHER_DECRYPT && tag.len != 0 && tag.len == s->tag_len, ERR_FIELD);
	memcpy(s->tag_bytes, tag.ptr, tag.len);
	s->tag = view_of(s->tag_bytes, tag.len);
	return ERR_OK;
}

static enum coffer_err flow(struct cipher_stream *s, struct view text, struct buf *out)
{
	ENSURE(text.len <= CIPHER_STREAM_MAX - s->run.text_len, ERR_TOO_LARGE);
	return cipher_run_text(&s->run, text, out);
}

/* After a failure there is nothing to go on with. */
static enum coffer_err settle(struct cipher_stream *s, enum coffer_err err, struct buf *out, size_t before)
{
	if (err == ERR_OK) return ERR_OK;
	s->done = true;
	if (out->len > before) wipe(out->ptr + before, out->len - before);
	out->len = before;
	return err;
}

enum coffer_err cipher_stream_update(struct cipher_stream *s, struct view text, struct buf *out)
{
	size_t before = out->len;
	ENSURE(!s->done, ERR_STATE);
	s->has_text = true;
	return settle(s, s->gathers ? gather(&s->text, text) : flow(s, text, out), out, before);
}

static enum coffer_err end(struct cipher_stream *s, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX], size_t *out_tag_len)
{
	if (!s->gathers) return cipher_run_end(&s->run, s->tag, out, out_tag, out_tag_len);
	struct view key = secret_view(s->key), iv = buf_view(&s->iv), aad = buf_view(&s->aad), text = buf_view(&s->text);
	if (s->way == CIPHER_ENCRYPT) return cipher_encrypt(&s->params, key, iv, aad, text, out, out_tag, out_tag_len);
	*out_tag_len = 0;
	return cipher_decrypt(&s->params, key, iv, aad, text, s->tag, out);
}

enum coffer_err cipher_stream_final(struct cipher_stream *s, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX],
	size_t *out_tag_len)
{
	size_t before = out->len;
	ENSURE(!s->done, ERR_STATE);
	enum coffer_err err = settle(s, end(s, out, out_tag, out_tag_len), out, before);
	s->done = true;
	return err;
}
