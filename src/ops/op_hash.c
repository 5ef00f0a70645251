/* Hash (KMIP 1.4 section 4.37): no key, so nobody needs leave for it. */
#include "base/arena.h"
#include "crypto/hash.h"
#include "kmip/values.h"
#include "ops/kmip_key.h"
#include "ops/kmip_parts.h"
#include "ops/tables.h"

struct hash_request {
	bool has_params;
	struct ttlv_item params;
	struct view data;
	struct kmip_parts parts;
};

/* What is under way. */
struct hash_part {
	struct hash *hash;
	enum hash_algorithm algorithm;
};

static void part_free(void *state)
{
	struct hash_part *p = state;
	if (!p) return;
	hash_free(p->hash);
	arena_free(p);
}

static inline void auto_part_free(struct hash_part **p) { part_free(*p); }

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct hash_request *q)
{
	bool has_data = false;
	*q = (struct hash_request){ .has_params = false };
	TRY(ttlv_take_optional(payload, TAG_CRYPTOGRAPHIC_PARAMETERS, &q->params, &q->has_params));
	TRY(ttlv_take_optional_bytes(payload, TAG_DATA, &q->data, &has_data));
	TRY(kmip_parts_read(ctx, payload, has_data, &q->parts));
	return kmip_end(ctx, payload);
}

static enum coffer_err choose(struct op_ctx *ctx, const struct hash_request *q, enum hash_algorithm *out)
{
	struct kmip_params p = { .has_hashing_algorithm = false };
	if (q->has_params) TRY(kmip_params_parse(&q->params, &p));
	if (!p.has_hashing_algorithm) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Parameters name no Hashing Algorithm");
	enum coffer_err err = hash_of_kmip(p.hashing_algorithm, out);
	if (err == ERR_UNSUPPORTED)
		return reason_fail(&ctx->reason, err, "this Hashing Algorithm is not supported; SHA-1, SHA-2 and SHA-3 are");
	return err;
}

static enum coffer_err put_digest(struct hash_part *p, struct writer *out)
{
	uint8_t digest[HASH_LEN_MAX];
	TRY(hash_final(p->hash, digest));
	ttlv_put_bytes(out, TAG_DATA, view_of(digest, hash_len(p->algorithm)));
	return ERR_OK;
}

static enum coffer_err begin(struct op_ctx *ctx, const struct hash_request *q, struct writer *out)
{
	struct op_part *part;
	enum hash_algorithm algorithm = HASH_SHA256;
	TRY(choose(ctx, q, &algorithm));
	AUTO(auto_part_free) struct hash_part *p = arena_alloc(sizeof *p);
	ENSURE(p, ERR_MEMORY);
	*p = (struct hash_part){ .algorithm = algorithm };
	TRY(hash_new(algorithm, &p->hash));
	TRY(hash_update(p->hash, q->data));
	if (q->parts.step == KMIP_STEP_WHOLE) return put_digest(p, out);
	void *state = p;
	TRY(kmip_parts_open(ctx, OPERATION_HASH, &state, part_free, &part));
	p = NULL; /* the part's now */
	kmip_parts_put(out, part);
	return kmip_parts_settle(ctx, part, false, ERR_OK, out);
}

static enum coffer_err go_on(struct op_ctx *ctx, struct op_part *part, const struct hash_request *q, struct writer *out)
{
	struct hash_part *p = part->state;
	enum hash_algorithm algorithm = p->algorithm;
	if (q->has_params) TRY(choose(ctx, q, &algorithm));
	if (algorithm != p->algorithm)
		return reason_fail(&ctx->reason, ERR_FIELD, "the Hashing Algorithm is not that of the first part; repeat it or leave it out");
	TRY(hash_update(p->hash, q->data));
	if (q->parts.step == KMIP_STEP_LAST) return put_digest(p, out);
	kmip_parts_put(out, part);
	return ERR_OK;
}

enum coffer_err op_hash(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct hash_request q;
	struct op_part *part;
	TRY(read_request(ctx, payload, &q));
	if (q.parts.step == KMIP_STEP_WHOLE || q.parts.step == KMIP_STEP_FIRST) return begin(ctx, &q, out);
	TRY(kmip_parts_find(ctx, OPERATION_HASH, &q.parts, &part));
	return kmip_parts_settle(ctx, part, q.parts.step == KMIP_STEP_LAST, go_on(ctx, part, &q, out), out);
}
