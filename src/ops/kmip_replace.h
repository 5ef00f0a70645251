/* A key that takes the place of another one (KMIP 1.4 section 4.4): what Re-key and the schedule (ops/key_rotation.h) share. Store lane. */
#ifndef COFFER_OPS_KMIP_REPLACE_H
#define COFFER_OPS_KMIP_REPLACE_H

#include "kmip/attr.h"
#include "objects/object.h"
#include "ops/op.h"

/* Neither copied nor left out by kmip_replace_begin: copied, shifted or given. */
#define KMIP_REPLACE_DATES 4u
extern const enum kmip_attr kmip_replace_dates[KMIP_REPLACE_DATES];

/* Whether the key may have a replacement: ERR_STATE with Result Reason and sentence (section 11.5). */
enum coffer_err kmip_replace_check(struct op_ctx *ctx, const struct object *old) MUST_USE;
bool kmip_is_replaced(const struct object *o);
/* The key that this one replaced. False: it is the first. */
bool kmip_replaced_object(const struct object *o, uint8_t out_id[static UUID_LEN]);
/* The replacement: everything of the old key that is copied, the version after it, no material and no dates. Caller unrefs. ERR_LIMIT, ERR_MEMORY. */
enum coffer_err kmip_replace_begin(const struct object *old, struct object **out) MUST_USE;
/* Table 172: an Activation Date of activation_s; the other dates of the old key keep their distance from it. ERR_STATE, ERR_FIELD. */
enum coffer_err kmip_replace_shift(struct op_ctx *ctx, const struct object *old, struct object *o, uint64_t activation_s) MUST_USE;
/* Material, links, names and the schedule; writes both. `old` is a copy by kmip_key_change. Errors of kmip_key_make, txn_update, txn_create. */
enum coffer_err kmip_replace_finish(struct op_ctx *ctx, struct object *old, struct object *o, uint64_t now_s) MUST_USE;

#endif
