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
	struct kmip_cipher_choice *choice; /* which cipher it served last (ops/kmip_cipher.c); freed with free; NULL until first used */
};

struct bulk;
struct engine;
struct grants;
struct bulk_use;

struct op_local *op_local_new(struct object_table *objects);
void op_local_free(struct op_local *local);
struct rng_pool *op_local_rng(struct op_local *local);
/* The grants as engine_grants has them, without a lock as long as nobody changes them; borrowed until the next call. */
struct grants *op_local_grants(struct op_local *local, struct engine *engine);
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
