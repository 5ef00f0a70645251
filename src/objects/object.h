/* A managed object in memory: an immutable snapshot with a reference count. Whoever holds a reference may read it from any thread;
 * a change makes a new snapshot (object_copy), which replaces the old one in the table after its transaction is durable. */
#ifndef COFFER_OBJECTS_OBJECT_H
#define COFFER_OBJECTS_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/view.h"
#include "objects/attrset.h"
#include "objects/lifecycle.h"

#define OBJECT_OWNER_MAX 1024u

struct object {
	/* fixed at creation */
	uint8_t id[UUID_LEN];
	uint32_t type;               /* KMIP Object Type: 2 symmetric key, 7 secret data, 8 opaque … */
	uint32_t algorithm;          /* KMIP Cryptographic Algorithm; 0 when none */
	uint32_t length_bits;        /* KMIP Cryptographic Length; 0 when none */
	uint32_t usage_mask;         /* KMIP Cryptographic Usage Mask */
	char *owner;                 /* principal text, NUL-terminated */
	uint32_t key_version;        /* 1 and up: number in the chain of Replacement links; shown to people and put into sealed messages */
	uint32_t key_format;         /* KMIP Key Format Type of the material: 1 raw, 2 opaque … */
	struct secret *material;     /* NULL when destroyed */
	struct secret *seal_message; /* subkeys of an AES-256 key that may encrypt or decrypt; else NULL */
	struct secret *seal_stream;
	/* changes from snapshot to snapshot */
	enum object_state state;
	uint32_t record_version;     /* write count of the row */
	uint32_t generation;         /* data-key generation that sealed the row */
	struct attrset attrs;        /* all attributes but state, algorithm, length, mask, owner, type, id */
	/* bookkeeping */
	_Atomic unsigned refs;
	_Atomic uint64_t gcm_seals;  /* KMIP GCM messages under server-made IVs since the key came into memory */
	_Atomic bool stale;          /* a newer snapshot was published: look it up again */
};

/* An empty object with one reference and a random UUID; NULL when memory is short. */
struct object *object_new(uint32_t type, const char *owner);
/* A private copy to change before it is published; one reference, same id, not stale. NULL when memory is short. */
struct object *object_copy(const struct object *from);
struct object *object_ref(struct object *o);
/* Drops a reference; the last one wipes the material. Accepts NULL. */
void object_unref(struct object *o);
/* Takes the material (moves *material) and derives the sealing subkeys where they apply. Before publishing only. */
enum coffer_err object_set_material(struct object *o, const uint8_t domain_id[static UUID_LEN], struct secret **material) MUST_USE;
/* Drops material and subkeys (destroy). Before publishing only. */
void object_drop_material(struct object *o);
/* First Name value; an empty view when it has none. Borrowed. */
struct view object_name(const struct object *o);
bool object_has_name(const struct object *o, struct view name);
/* First Object Group; empty when none. */
struct view object_group(const struct object *o);

DEFINE_AUTO(struct object, object_unref)
#define AUTO_OBJECT AUTO(auto_object_unref)

#endif
