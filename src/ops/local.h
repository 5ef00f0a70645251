/* What belongs to one thread or one connection while it runs operations: warm cipher contexts, random bytes in blocks, open streams. */
#ifndef COFFER_OPS_LOCAL_H
#define COFFER_OPS_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "crypto/aead.h"
#include "crypto/rng.h"
#include "crypto/xaes.h"
#include "objects/object.h"
#include "objects/table.h"

/* One per thread: a small cache UUID -> {object reference, warm contexts}. Entries whose object is stale are dropped at the next look-up. */
struct op_local;

struct op_key {
	struct object *object;      /* reference held by the cache */
	struct xaes_key *message;   /* warm context of the seal-message subkey; NULL until first used */
	struct aead_key *gcm;       /* warm context of an AES key itself (KMIP Encrypt and Decrypt); NULL until first used */
	uint32_t seals;             /* GCM invocations of the object that this thread took out of its budget and did not spend */
	uint64_t serial;            /* another one whenever something else is in this place */
	struct kmip_cipher_choice *choice; /* which cipher it served last (ops/kmip_cipher.c); freed with free; NULL until first used */
};

#define OP_LOCAL_AGAINS 4u

struct again;
struct bulk;
struct engine;
struct grants;
struct bulk_use;

struct op_local *op_local_new(struct object_table *objects);
void op_local_free(struct op_local *local);
struct rng_pool *op_local_rng(struct op_local *local);
/* The grants as engine_grants has them, without a lock as long as nobody changes them; borrowed until the next call. */
struct grants *op_local_grants(struct op_local *local, struct engine *engine);
/* Spends one GCM invocation of the key, out of those that the thread took beforehand; false when nothing is left (objects/seal_budget.h). */
bool op_key_spend(struct op_key *key) MUST_USE;
/* Where the thread counts (engine_count_request …): 0 until it is told, and for NULL. */
void op_local_set_place(struct op_local *local, unsigned place);
unsigned op_local_place(const struct op_local *local);
/* What the thread keeps of answers (ops/again.h), of each place of a kmip_alike below OP_LOCAL_AGAINS; it is freed with the local. */
struct again **op_local_again(struct op_local *local, unsigned place);
/* Counts bulk use of a key (ops/bulk.h) in this thread's table, which is made when first needed. local NULL: without one. bulk outlives the local. */
void op_local_count(struct op_local *local, struct bulk *bulk, const struct bulk_use *use);
/* The cache entry of an object (fetching it from the table when needed); borrowed until the next call. ERR_NOT_CACHED. */
enum coffer_err op_local_key(struct op_local *local, const uint8_t id[static UUID_LEN], struct op_key **out) MUST_USE;
/* Drops the entries whose object is stale, so that key bytes of destroyed objects do not linger (after a Destroy). */
void op_local_sweep(struct op_local *local);
/* Drops every entry (seal). */
void op_local_clear(struct op_local *local);

/* object_table_get_by_name, without a lock for a name that this thread found lately. */
struct object *op_local_by_name(struct op_local *local, struct view name);

#endif
