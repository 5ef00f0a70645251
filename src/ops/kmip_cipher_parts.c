/* Encrypt and Decrypt in parts. */
#include "ops/kmip_cipher.h"

#include "base/arena.h"
#include "ops/kmip_key.h"
#include "ops/kmip_usage.h"

/* What is under way. */
struct cipher_part {
	struct cipher_stream *stream;
	struct cipher_params params;
	bool has_tag; /* the tag that a decryption is to find came already */
};

static void part_free(void *state)
{
	struct cipher_part *p = state;
	if (!p) return;
	cipher_stream_free(p->stream);
	arena_free(p);
}

static inline void auto_part_free(struct cipher_part **p) { part_free(*p); }

static uint32_t operation_of(enum cipher_way way)
{
	return way == CIPHER_ENCRYPT ? OPERATION_ENCRYPT : OPERATION_DECRYPT;
}

/* The tag may come with any part, though section 4.30 wants it with the first: who decrypts a stream has it last. */
static enum coffer_err take_tag(struct op_ctx *ctx, struct cipher_part *p, const struct kmip_cipher_request *q)
{
	if (!q->has_tag) return ERR_OK;
	if (p->has_tag) return reason_fail(&ctx->reason, ERR_FIELD, "the Authenticated Encryption Tag came with an earlier part already");
	if (cipher_stream_tag(p->stream, q->tag) != ERR_OK)
		return reason_fail(&ctx->reason, ERR_FIELD, "the Authenticated Encryption Tag does not suit this cipher");
	p->has_tag = true;
	return ERR_OK;
}

/* Decryption under a tag, CCM, XTS and key wrap keep the text until the end: what is kept is charged first. */
static enum coffer_err feed(struct op_ctx *ctx, struct op_part *part, const struct kmip_cipher_request *q, struct buf *text)
{
	struct cipher_part *p = part->state;
	if (cipher_stream_gathers(p->stream)) TRY(kmip_parts_charge(ctx, part, q->data.len + q->aad.len));
	TRY(take_tag(ctx, p, q));
	if (q->aad.len) TRY(cipher_stream_aad(p->stream, q->aad));
	return q->data.len ? cipher_stream_update(p->stream, q->data, text) : ERR_OK;
}

static enum coffer_err new_part(enum cipher_way way, const struct kmip_cipher *c, struct view key, struct view iv, struct cipher_part **out)
{
	AUTO(auto_part_free) struct cipher_part *p = arena_alloc(sizeof *p);
	ENSURE(p, ERR_MEMORY);
	*p = (struct cipher_part){ .params = c->params };
	TRY(cipher_stream_new(&c->params, way, key, iv, &p->stream));
	*out = TAKE(p);
	return ERR_OK;
}

static enum coffer_err begin(struct op_ctx *ctx, struct op_part *part, const struct kmip_cipher_request *q, struct view iv, struct writer *out)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	TRY(kmip_cipher_explain(ctx, feed(ctx, part, q, &text)));
	kmip_put_id(out, ctx->object);
	if (text.len) ttlv_put_bytes(out, TAG_DATA, buf_view(&text));
	if (!q->has_iv && iv.len) ttlv_put_bytes(out, TAG_IV_COUNTER_NONCE, iv);
	kmip_parts_put(out, part);
	return ERR_OK;
}

enum coffer_err kmip_cipher_first(struct op_ctx *ctx, enum cipher_way way, const struct kmip_cipher_request *q, const struct kmip_cipher *c,
	struct view iv, struct writer *out)
{
	AUTO(auto_part_free) struct cipher_part *p = NULL;
	struct op_part *part;
	void *state;
	TRY(kmip_cipher_explain(ctx, new_part(way, c, secret_view(ctx->object->material), iv, &p)));
	state = p;
	TRY(kmip_parts_open(ctx, operation_of(way), &state, part_free, &part));
	p = NULL; /* the part's now */
	return kmip_parts_settle(ctx, part, false, begin(ctx, part, q, iv, out), out);
}

/* What a later part repeats must be what the first one said. */
static enum coffer_err check_repeated(struct op_ctx *ctx, const struct cipher_part *p, const struct kmip_cipher_request *q)
{
	struct kmip_cipher c;
	if (q->has_iv || q->aad.len)
		return reason_fail(&ctx->reason, ERR_FIELD, "IV/Counter/Nonce and Additional Data belong to the first part; leave them out");
	if (!q->has_params) return ERR_OK;
	TRY(kmip_cipher_choose(ctx, q, &c));
	if (c.params.mode == p->params.mode && c.params.padding == p->params.padding && c.params.tag_len == p->params.tag_len) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_FIELD, "the Cryptographic Parameters are not those of the first part; repeat them or leave them out");
}

static enum coffer_err finish(struct op_ctx *ctx, enum cipher_way way, struct cipher_part *p, struct buf *text, uint8_t tag[static CIPHER_TAG_MAX],
	size_t *tag_len)
{
	struct cipher_traits traits;
	TRY(cipher_traits(&p->params, &traits));
	if (way == CIPHER_DECRYPT && traits.tag_len && !p->has_tag)
		return reason_fail(&ctx->reason, ERR_MISSING, "the Authenticated Encryption Tag is missing; it comes with the first part or the last");
	return kmip_cipher_explain(ctx, cipher_stream_final(p->stream, text, tag, tag_len));
}

static enum coffer_err go_on(struct op_ctx *ctx, enum cipher_way way, struct op_part *part, const struct kmip_cipher_request *q, struct writer *out)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct cipher_part *p = part->state;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t tag_len = 0;
	TRY(kmip_cipher_check_key(ctx, way));
	TRY(check_repeated(ctx, p, q));
	if (way == CIPHER_ENCRYPT) TRY(kmip_usage_spend_more(ctx, q->data.len));
	TRY(kmip_cipher_explain(ctx, feed(ctx, part, q, &text)));
	bool last = q->parts.step == KMIP_STEP_LAST;
	if (last) TRY(finish(ctx, way, p, &text, tag, &tag_len));
	kmip_put_id(out, ctx->object);
	if (text.len) ttlv_put_bytes(out, TAG_DATA, buf_view(&text));
	if (!last) kmip_parts_put(out, part);
	if (tag_len) ttlv_put_bytes(out, TAG_AUTHENTICATED_ENCRYPTION_TAG, view_of(tag, tag_len));
	return ERR_OK;
}

enum coffer_err kmip_cipher_next(struct op_ctx *ctx, enum cipher_way way, const struct kmip_cipher_request *q, struct writer *out)
{
	struct op_part *part = NULL;
	TRY(kmip_parts_find(ctx, operation_of(way), &q->parts, &part));
	return kmip_parts_settle(ctx, part, q->parts.step == KMIP_STEP_LAST, go_on(ctx, way, part, q, out), out);
}
