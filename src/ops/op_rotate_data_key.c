/* Rotate Data Key: a new data key, wrapped by the token and for recovery, comes into force; records are sealed again in the background. */
#include "base/ct.h"
#include "base/log.h"
#include "crypto/rng.h"
#include "kmip/tags.h"
#include "ops/rotation.h"
#include "ops/tables.h"

/* What the token gives back must be what it was given: a key that it cannot unwrap later would be lost with everything under it. */
static enum coffer_err wrap_and_prove(struct engine *e, const struct secret *key, struct buf *blob, struct reason *reason)
{
	AUTO_SECRET struct secret *back = NULL;
	if (!e->token) return reason_fail(reason, ERR_TOKEN_GONE, "the node has no token now, so no data key can be wrapped");
	TRY(token_proxy_wrap(e->token, key, blob, reason));
	TRY(token_proxy_unwrap(e->token, buf_view(blob), &back, reason));
	if (secret_len(back) != secret_len(key) || !ct_equal(secret_bytes(back), secret_bytes(key), secret_len(key)))
		return reason_fail(reason, ERR_TOKEN, "the token unwraps another key than it wrapped; nothing was changed");
	return ERR_OK;
}

struct read_back {
	uint32_t wanted;
	bool there;
};

static enum coffer_err look_again(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct read_back *b = arg;
	(void)engine;
	(void)reason;
	b->there = txn_ring(txn) && ring_newest(txn_ring(txn)) == b->wanted;
	return ERR_OK;
}

/* Written, or not: an outcome that is not known is read back. */
static enum coffer_err write_for_certain(struct engine *e, struct rotation_fresh *fresh, struct reason *reason)
{
	struct read_back back = { .wanted = fresh->generation };
	enum coffer_err err = e->on_store(e, rotation_begin, fresh, reason);
	if (err != ERR_UNKNOWN_OUTCOME) return err;
	if (e->on_store(e, look_again, &back, NULL) != ERR_OK)
		return reason_fail(reason, err, "the store failed and could not be read again; 'coffer status' will show which generation is in force");
	return back.there ? ERR_OK : reason_fail(reason, ERR_IO, "the store could not write; the data key is as it was, try again");
}

enum coffer_err rotation_run(struct engine *e, const char *principal, uint32_t *out_generation, struct reason *reason)
{
	AUTO_BUF struct buf blob = BUF_EMPTY;
	AUTO_SECRET struct secret *key = secret_new(DATA_KEY_LEN);
	struct rotation_fresh fresh = { .principal = principal };
	ENSURE(key, ERR_MEMORY);
	TRY(e->on_store(e, rotation_ask, &fresh, reason));
	TRY(rng_bytes(secret_mut(key), DATA_KEY_LEN));
	TRY(wrap_and_prove(e, key, &blob, reason));
	fresh.key = key;
	fresh.blob = buf_view(&blob);
	TRY(write_for_certain(e, &fresh, reason));
	log_info("the data key was changed to generation %u by %s", fresh.generation, principal);
	*out_generation = fresh.generation;
	return ERR_OK;
}

enum coffer_err op_rotate_data_key(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	uint32_t generation = 0;
	TRY(ttlv_done(payload));
	TRY(rotation_run(ctx->engine, ctx->principal->text, &generation, &ctx->reason));
	ttlv_put_i32(out, TAG_COFFER_GENERATION, (int32_t)generation);
	return ERR_OK;
}
