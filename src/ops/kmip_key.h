/* What the operations on keys share: material and server attributes of a new key, and the private copy of a key that changes. Store lane. */
#ifndef COFFER_OPS_KMIP_KEY_H
#define COFFER_OPS_KMIP_KEY_H

#include "crypto/algorithm.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "objects/object.h"
#include "ops/op.h"

/* ERR_UNSUPPORTED, ERR_FIELD, ERR_MISSING: algorithm, length or usage mask is not one that is made here. */
enum coffer_err kmip_key_check(struct op_ctx *ctx, const struct object *o) MUST_USE;
/* The same for a key that is made here or registered. */
enum coffer_err kmip_key_check_for(struct op_ctx *ctx, const struct object *o, enum algorithm_use use) MUST_USE;
/* Random material of o's length, and the attributes that the server sets; the state follows from the dates. ERR_FIELD as kmip_new_finish. */
enum coffer_err kmip_key_make(struct op_ctx *ctx, struct object *o, uint64_t now_s) MUST_USE;
/* A copy of ctx->object to change, in the state that its dates have brought it to (written first, when the stored one is older), with a new
 * Last Change Date. Caller unrefs *out. */
enum coffer_err kmip_key_change(struct op_ctx *ctx, uint64_t now_s, struct object **out) MUST_USE;
/* Writes a changed copy in the state that its dates bring it to. Where they carry it from Pre-Active to Deactivated at once, it was Active in between
 * (section 3.22 has no other way), and is written so first. Errors of txn_update. */
enum coffer_err kmip_key_write(struct op_ctx *ctx, struct object *o, uint64_t now_s) MUST_USE;
/* The object as a person knows it: what it is, and its name, else its Unique Identifier, in quotes. */
#define KMIP_KEY_LABEL_MAX 80u
void kmip_key_label(const struct object *o, char out[static KMIP_KEY_LABEL_MAX]);
/* Unique Identifier of an object as a field of the answer. */
void kmip_put_id(struct writer *out, const struct object *o);
/* RNG Parameters of the generator that makes keys (KMIP 1.4 section 2.1.18): OpenSSL's CTR_DRBG with AES-256, seeded by the kernel. */
void kmip_put_rng(struct writer *out, uint32_t tag);
/* The object is what the audit row names, and the ID Placeholder after an operation that moves it (dispatch_item.c). */
void kmip_touch(struct op_ctx *ctx, const struct object *o);
/* ERR_ARCHIVED with a sentence when the object is archived (KMIP 1.4 section 4: it is recovered before it can be used). The dispatcher asks for the
 * target of every operation; this is for the other objects that one needs. Any lane. */
enum coffer_err kmip_check_online(struct op_ctx *ctx, const struct object *o) MUST_USE;
/* The payload holds nothing more; else ERR_FIELD with a sentence. */
enum coffer_err kmip_end(struct op_ctx *ctx, struct ttlv_cursor *payload) MUST_USE;

#endif
