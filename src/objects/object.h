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
#include "objects/seal_budget.h"

#define OBJECT_OWNER_MAX 1024u

struct object {
	/* fixed at creation */
	uint8_t id[UUID_LEN];
	uint32_t type;               /* KMIP Object Type: 2 symmetric key, 6 template, 7 secret data, 8 opaque … */
	uint32_t data_type;          /* KMIP Secret Data Type or Opaque Data Type; 0 for other types */
	uint32_t algorithm;          /* KMIP Cryptographic Algorithm; 0 when none */
	uint32_t length_bits;        /* KMIP Cryptographic Length; 0 when none */
	uint32_t usage_mask;         /* KMIP Cryptographic Usage Mask */
	char *owner;                 /* principal text, NUL-terminated */
	uint64_t created_us;         /* place in the order of creation (txn_create): microseconds since 1970; 0 in objects of older stores */
	uint32_t key_version;        /* 1 and up: number in the chain of Replacement links; shown to people and put into sealed messages */
	uint32_t key_format;         /* KMIP Key Format Type of the material: 1 raw, 2 opaque …; 0 where there is no key block */
	struct secret *material;     /* key, secret data or opaque data; a wrapped key's whole wrapped Key Value. NULL when destroyed, or a template */
	uint8_t *wrapping;           /* Key Wrapping Data of a key that was registered wrapped: one TTLV item; else NULL. Such a key is kept and
	                              * given out as it came, and never used */
	size_t wrapping_len;
	struct secret *seal_message; /* subkeys of an AES-256 key that may encrypt or decrypt; else NULL */
	struct secret *seal_stream;
	/* changes from snapshot to snapshot */
	enum object_state state;
	uint32_t record_version;     /* write count of the row */
	uint32_t generation;         /* data-key generation that sealed the row */
	bool archived;               /* KMIP Archive: off line until Recover */
	uint64_t gcm_reserved;       /* GCM invocations set aside in the store so far (seal_budget.h); never goes down */
	struct attrset attrs;        /* all attributes but state, algorithm, length, mask, owner, type, id */
	/* bookkeeping */
	_Atomic unsigned refs;
	struct seal_budget *seals;   /* shared by the snapshots of one object in memory */
	_Atomic bool stale;          /* a newer snapshot was published: look it up again */
};

/* An empty object with one reference and a UUID of its time and 74 random bits (base/uuid.h). ERR_MEMORY; ERR_CRYPTO: there are no random bytes. Caller unrefs. */
enum coffer_err object_make(uint32_t type, const char *owner, struct object **out) MUST_USE;
/* The same; NULL for either failure. */
struct object *object_new(uint32_t type, const char *owner);
/* Without a UUID, for a row that brings its own; NULL when memory is short. */
struct object *object_blank(uint32_t type, const char *owner);
/* A private copy to change before it is published; one reference, same id, not stale. NULL when memory is short. */
struct object *object_copy(const struct object *from);
struct object *object_ref(struct object *o);
/* Drops a reference; the last one wipes the material. Accepts NULL. */
void object_unref(struct object *o);
/* Takes the material (moves *material) and derives the sealing subkeys where they apply. Before publishing only. */
enum coffer_err object_set_material(struct object *o, const uint8_t domain_id[static UUID_LEN], struct secret **material) MUST_USE;
/* Drops material and subkeys (destroy). Before publishing only. */
void object_drop_material(struct object *o);
/* Takes a copy of an encoded Key Wrapping Data item. Before the material is set, and before publishing only. */
enum coffer_err object_set_wrapping(struct object *o, struct view item) MUST_USE;
/* First Name value; an empty view when it has none. Borrowed. */
struct view object_name(const struct object *o);
bool object_has_name(const struct object *o, struct view name);
/* created_us, or what the Initial Date makes of it; for putting objects in the order of their creation. */
uint64_t object_created_us(const struct object *o);
/* First Object Group; empty when none. */
struct view object_group(const struct object *o);

DEFINE_AUTO(struct object, object_unref)
#define AUTO_OBJECT AUTO(auto_object_unref)

#endif
