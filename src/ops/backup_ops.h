/* What the operations of backup and restore share. */
#ifndef COFFER_OPS_BACKUP_OPS_H
#define COFFER_OPS_BACKUP_OPS_H

#include "ops/op.h"

typedef enum coffer_err backup_op_fn(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out);

/* Under engine->admin_lock. */
static inline enum coffer_err backup_locked(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out, backup_op_fn *run)
{
	pthread_mutex_lock(&ctx->engine->admin_lock);
	enum coffer_err err = run(ctx, payload, out);
	pthread_mutex_unlock(&ctx->engine->admin_lock);
	return err;
}

#endif
