/* Snapshots of managed objects: made, copied, counted. */
#include "objects/object.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "crypto/rng.h"
#include "keyring/ring.h"
#include "kmip/attr.h"
#include "kmip/enums.h"
#include "objects/names.h"

#define USAGE_ENCRYPT 0x4u
#define USAGE_DECRYPT 0x8u

static enum coffer_err make_uuid(uint8_t out[static UUID_LEN])
{
	TRY(rng_bytes(out, UUID_LEN));
	uuid_of_time(out, clock_date_ms());
	return ERR_OK;
}

struct object *object_blank(uint32_t type, const char *owner)
{
	struct object *o = calloc(1, sizeof *o);
	if (!o) return NULL;
	o->type = type;
	o->state = OBJECT_PRE_ACTIVE;
	o->key_version = 1;
	o->refs = 1;
	o->owner = strdup(owner);
	o->seals = seal_budget_new();
	if (!o->owner || !o->seals) {
		object_unref(o);
		return NULL;
	}
	return o;
}

enum coffer_err object_make(uint32_t type, const char *owner, struct object **out)
{
	struct object *o = object_blank(type, owner);
	ENSURE(o, ERR_MEMORY);
	enum coffer_err err = make_uuid(o->id);
	if (err) object_unref(o);
	else *out = o;
	return err;
}

struct object *object_new(uint32_t type, const char *owner)
{
	struct object *o = NULL;
	return object_make(type, owner, &o) == ERR_OK ? o : NULL;
}

static bool copy_secret(const struct secret *from, struct secret **to)
{
	if (!from) return true;
	*to = secret_copy(secret_bytes(from), secret_len(from));
	return *to != NULL;
}

enum coffer_err object_set_wrapping(struct object *o, struct view item)
{
	PRE(!o->wrapping && !o->material);
	o->wrapping = malloc(item.len ? item.len : 1);
	ENSURE(o->wrapping, ERR_MEMORY);
	if (item.len) memcpy(o->wrapping, item.ptr, item.len);
	o->wrapping_len = item.len;
	return ERR_OK;
}

static bool copy_wrapping(const struct object *from, struct object *to)
{
	return !from->wrapping || object_set_wrapping(to, view_of(from->wrapping, from->wrapping_len)) == ERR_OK;
}

struct object *object_copy(const struct object *from)
{
	struct object *o = calloc(1, sizeof *o);
	if (!o) return NULL;
	memcpy(o->id, from->id, UUID_LEN);
	o->type = from->type;
	o->data_type = from->data_type;
	o->algorithm = from->algorithm;
	o->length_bits = from->length_bits;
	o->usage_mask = from->usage_mask;
	o->created_us = from->created_us;
	o->key_version = from->key_version;
	o->key_format = from->key_format;
	o->state = from->state;
	o->record_version = from->record_version;
	o->generation = from->generation;
	o->archived = from->archived;
	o->gcm_reserved = from->gcm_reserved;
	o->seals = seal_budget_ref(from->seals);
	o->refs = 1;
	o->owner = strdup(from->owner);
	if (!o->owner || !copy_wrapping(from, o) || !copy_secret(from->material, &o->material) || !copy_secret(from->seal_message, &o->seal_message) ||
	    !copy_secret(from->seal_stream, &o->seal_stream) || attrset_copy(&from->attrs, &o->attrs) != ERR_OK) {
		object_unref(o);
		return NULL;
	}
	return o;
}

struct object *object_ref(struct object *o)
{
	o->refs++;
	return o;
}

void object_unref(struct object *o)
{
	if (!o || --o->refs > 0) return;
	object_drop_material(o);
	attrset_free(&o->attrs);
	seal_budget_unref(o->seals);
	free(o->wrapping);
	free(o->owner);
	free(o);
}

void object_drop_material(struct object *o)
{
	secret_free(o->material);
	secret_free(o->seal_message);
	secret_free(o->seal_stream);
	o->material = o->seal_message = o->seal_stream = NULL;
}

/* Sealed messages and streams take AES-256 keys only (docs/formats.md section 2.2). */
static bool may_seal(const struct object *o)
{
	return o->type == OBJECT_TYPE_SYMMETRIC_KEY && !o->wrapping && o->algorithm == CRYPTOGRAPHIC_ALGORITHM_AES && o->length_bits == 256 &&
		(o->usage_mask & (USAGE_ENCRYPT | USAGE_DECRYPT)) && secret_len(o->material) == 32;
}

enum coffer_err object_set_material(struct object *o, const uint8_t domain_id[static UUID_LEN], struct secret **material)
{
	PRE(!o->material);
	o->material = TAKE(*material);
	if (!may_seal(o)) return ERR_OK;
	TRY(ring_managed_subkey(domain_id, o->id, o->material, "seal-message", &o->seal_message));
	return ring_managed_subkey(domain_id, o->id, o->material, "seal-stream", &o->seal_stream);
}

struct view object_name(const struct object *o)
{
	return names_first(&o->attrs);
}

bool object_has_name(const struct object *o, struct view name)
{
	return names_has(&o->attrs, name);
}

uint64_t object_created_us(const struct object *o)
{
	uint64_t initial_s = 0;
	if (o->created_us) return o->created_us;
	attrset_get_time(&o->attrs, ATTR_INITIAL_DATE, &initial_s);
	return initial_s <= UINT64_MAX / 1000000 ? initial_s * 1000000 : UINT64_MAX;
}

struct view object_group(const struct object *o)
{
	return names_group(&o->attrs);
}
