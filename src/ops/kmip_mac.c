/* What MAC and MAC Verify share. */
#include "ops/kmip_mac.h"

#include <string.h>

#include "base/arena.h"
#include "crypto/algorithm.h"
#include "crypto/cipher.h"
#include "ops/kmip_key.h"
#include "ops/kmip_usage.h"
#include "ops/kmip_use.h"

/* What is under way. */
struct mac_part {
	struct mac *mac;
	struct mac_params params;
	bool has_expected;  /* MAC Data came already */
	uint8_t expected[MAC_LEN_MAX];
	size_t expected_len; /* MAC_LEN_MAX + 1: longer than any MAC, so not valid */
};

static void part_free(void *state)
{
	struct mac_part *p = state;
	if (!p) return;
	mac_free(p->mac);
	arena_free(p);
}

static inline void auto_part_free(struct mac_part **p) { part_free(*p); }

enum coffer_err kmip_mac_read(struct op_ctx *ctx, struct ttlv_cursor *payload, enum kmip_mac_verb verb, struct kmip_mac_request *out)
{
	bool has_data = false;
	*out = (struct kmip_mac_request){ .has_params = false };
	TRY(ttlv_take_optional(payload, TAG_CRYPTOGRAPHIC_PARAMETERS, &out->params, &out->has_params));
	TRY(ttlv_take_optional_bytes(payload, TAG_DATA, &out->data, &has_data));
	if (verb == KMIP_MAC_VERIFY) TRY(ttlv_take_optional_bytes(payload, TAG_MAC_DATA, &out->mac, &out->has_mac));
	TRY(kmip_parts_read(ctx, payload, has_data, &out->parts));
	ctx->bulk_bytes = out->data.len;
	return kmip_end(ctx, payload);
}

static enum coffer_err check_key(struct op_ctx *ctx, enum kmip_mac_verb verb)
{
	static const struct kmip_use makes = { OBJECT_USE_PROTECT, CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE, "making MACs" };
	static const struct kmip_use verifies = { OBJECT_USE_PROCESS, CRYPTOGRAPHIC_USAGE_MASK_MAC_VERIFY, "verifying MACs" };
	return kmip_use_check(ctx, verb == KMIP_MAC_MAKE ? &makes : &verifies);
}

/* The MAC that parameters name, with the key's algorithm where they name none; false when it is none. */
static bool mac_of(const struct object *o, const struct kmip_params *p, struct mac_params *out)
{
	struct mac_traits traits;
	*out = (struct mac_params){ .algorithm = p->has_cryptographic_algorithm ? p->cryptographic_algorithm : o->algorithm,
		.mode = p->has_block_cipher_mode ? p->block_cipher_mode : 0, .hash = p->has_hashing_algorithm ? p->hashing_algorithm : 0 };
	return mac_traits(out, &traits) == ERR_OK;
}

/* The key's own: the first MAC (wanted NULL), or the one that is wanted. *out_lists: the key has parameters at all. */
static bool of_key(const struct object *o, const struct mac_params *wanted, struct mac_params *out, bool *out_lists)
{
	struct kmip_params p;
	struct mac_params mac;
	size_t at = 0;
	bool found = false;
	*out_lists = false;
	while (kmip_use_params(o, &at, &p)) {
		*out_lists = true;
		if (found || !mac_of(o, &p, &mac) || (wanted && !mac_same(wanted, &mac))) continue;
		*out = mac;
		found = true;
	}
	return found;
}

static enum coffer_err not_listed(struct op_ctx *ctx)
{
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
	return reason_fail(&ctx->reason, ERR_DENIED, "this key does not serve this MAC; its Cryptographic Parameters list others");
}

static enum coffer_err pick(struct op_ctx *ctx, const struct kmip_mac_request *q, struct mac_params *out)
{
	const struct object *o = ctx->object;
	struct kmip_params p = { .has_block_cipher_mode = false };
	struct mac_params asked, listed;
	bool lists;
	if (q->has_params) TRY(kmip_params_parse(&q->params, &p));
	bool names = p.has_cryptographic_algorithm || p.has_block_cipher_mode || p.has_hashing_algorithm;
	bool known = mac_of(o, &p, &asked);
	if (names && !known)
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this MAC is not supported: HMAC with SHA-1, SHA-2 or SHA-3, and AES with CMAC are");
	bool found = of_key(o, names ? &asked : NULL, &listed, &lists);
	if (lists && !found) return not_listed(ctx);
	if (!found && !known)
		return reason_fail(&ctx->reason, ERR_MISSING, "neither the request nor the key names a Cryptographic Algorithm for the MAC");
	*out = found ? listed : asked;
	return ERR_OK;
}

/* An HMAC key serves its own HMAC; an AES key whatever it or the request names. */
static enum coffer_err choose(struct op_ctx *ctx, enum kmip_mac_verb verb, const struct kmip_mac_request *q, struct mac_params *out)
{
	struct mac_traits traits;
	TRY(pick(ctx, q, out));
	TRY(mac_traits(out, &traits));
	if (out->algorithm != ctx->object->algorithm && ctx->object->algorithm != CIPHER_AES)
		return reason_fail(&ctx->reason, ERR_FIELD, "the Cryptographic Algorithm is not that of the key");
	return kmip_use_legacy(ctx, traits.legacy && verb == KMIP_MAC_MAKE, "HMAC with SHA-1");
}

static enum coffer_err explain(struct op_ctx *ctx, enum coffer_err err)
{
	if (err != ERR_FIELD) return err;
	return reason_default(&ctx->reason, err, "the length of the key does not suit this MAC");
}

/* A MAC that is too long is remembered as such. */
static enum coffer_err take_expected(struct op_ctx *ctx, struct mac_part *p, const struct kmip_mac_request *q)
{
	if (!q->has_mac) return ERR_OK;
	if (p->has_expected) return reason_fail(&ctx->reason, ERR_FIELD, "the MAC Data came with an earlier part already");
	p->has_expected = true;
	p->expected_len = q->mac.len <= MAC_LEN_MAX ? q->mac.len : MAC_LEN_MAX + 1;
	if (q->mac.len != 0 && q->mac.len <= MAC_LEN_MAX) memcpy(p->expected, q->mac.ptr, q->mac.len);
	return ERR_OK;
}

static enum coffer_err new_part(struct op_ctx *ctx, const struct mac_params *params, struct mac_part **out)
{
	AUTO(auto_part_free) struct mac_part *p = arena_alloc(sizeof *p);
	ENSURE(p, ERR_MEMORY);
	*p = (struct mac_part){ .params = *params };
	TRY(explain(ctx, mac_new(params, secret_view(ctx->object->material), &p->mac)));
	*out = TAKE(p);
	return ERR_OK;
}

static enum coffer_err end(struct op_ctx *ctx, enum kmip_mac_verb verb, struct mac_part *p, struct kmip_mac_result *out)
{
	out->done = true;
	if (verb == KMIP_MAC_MAKE) return mac_final(p->mac, out->mac, &out->mac_len);
	if (!p->has_expected) return reason_fail(&ctx->reason, ERR_MISSING, "the MAC Data is missing");
	bool fits = p->expected_len <= MAC_LEN_MAX;
	TRY(mac_final_check(p->mac, view_of(p->expected, fits ? p->expected_len : 0), &out->valid));
	return ERR_OK;
}

static enum coffer_err feed(struct op_ctx *ctx, struct mac_part *p, const struct kmip_mac_request *q)
{
	TRY(take_expected(ctx, p, q));
	return mac_update(p->mac, q->data);
}

static enum coffer_err begin(struct op_ctx *ctx, enum kmip_mac_verb verb, const struct kmip_mac_request *q, struct kmip_mac_result *out)
{
	AUTO(auto_part_free) struct mac_part *p = NULL;
	struct mac_params params;
	TRY(check_key(ctx, verb));
	TRY(choose(ctx, verb, q, &params));
	if (verb == KMIP_MAC_MAKE) TRY(kmip_usage_spend(ctx, q->data.len));
	TRY(new_part(ctx, &params, &p));
	TRY(feed(ctx, p, q));
	if (q->parts.step == KMIP_STEP_WHOLE) return end(ctx, verb, p, out);
	void *state = p;
	TRY(kmip_parts_open(ctx, verb == KMIP_MAC_MAKE ? OPERATION_MAC : OPERATION_MAC_VERIFY, &state, part_free, &out->part));
	p = NULL; /* the part's now */
	return ERR_OK;
}

/* What a later part repeats must be what the first one said. */
static enum coffer_err go_on(struct op_ctx *ctx, enum kmip_mac_verb verb, const struct kmip_mac_request *q, struct kmip_mac_result *out)
{
	struct mac_part *p = out->part->state;
	struct mac_params params;
	TRY(check_key(ctx, verb));
	if (q->has_params) {
		TRY(choose(ctx, verb, q, &params));
		if (!mac_same(&params, &p->params))
			return reason_fail(&ctx->reason, ERR_FIELD, "the Cryptographic Parameters are not those of the first part; repeat them or leave them out");
	}
	if (verb == KMIP_MAC_MAKE) TRY(kmip_usage_spend_more(ctx, q->data.len));
	TRY(feed(ctx, p, q));
	return q->parts.step == KMIP_STEP_LAST ? end(ctx, verb, p, out) : ERR_OK;
}

enum coffer_err kmip_mac_step(struct op_ctx *ctx, enum kmip_mac_verb verb, const struct kmip_mac_request *q, struct kmip_mac_result *out)
{
	*out = (struct kmip_mac_result){ .done = false };
	if (q->parts.step == KMIP_STEP_WHOLE || q->parts.step == KMIP_STEP_FIRST) return begin(ctx, verb, q, out);
	TRY(kmip_parts_find(ctx, verb == KMIP_MAC_MAKE ? OPERATION_MAC : OPERATION_MAC_VERIFY, &q->parts, &out->part));
	return go_on(ctx, verb, q, out);
}

enum coffer_err kmip_mac_settle(struct op_ctx *ctx, struct kmip_mac_result *result, enum coffer_err err, struct writer *out)
{
	return kmip_parts_settle(ctx, result->part, result->done, err, out);
}
