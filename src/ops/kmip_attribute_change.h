/* What Add, Modify and Delete Attribute share (KMIP 1.4 sections 3, 4.14 to 4.16, 11.15 to 11.17): the rules of kmip/attr.def and those of single
 * attributes, and the writing of the changed object. Store lane. */
#ifndef COFFER_OPS_KMIP_ATTRIBUTE_CHANGE_H
#define COFFER_OPS_KMIP_ATTRIBUTE_CHANGE_H

#include "base/buf.h"
#include "kmip/attr.h"
#include "objects/object.h"
#include "ops/op.h"

enum attribute_verb { ATTRIBUTE_ADD, ATTRIBUTE_MODIFY, ATTRIBUTE_DELETE };

struct attribute_change {
	struct op_ctx *ctx;
	enum attribute_verb verb;
	uint64_t now_s;
	const struct kmip_attr_row *row;
	char custom[KMIP_ATTR_NAME_MAX + 1]; /* name of a custom attribute; else "" */
	bool has_index;
	uint32_t index;
	struct ttlv_item value;              /* what the request gives; views into it. Not for Delete */
	struct object *o;                    /* a reference: the copy that changes */
	struct buf item;                     /* the value as it is kept: one item under the attribute's tag */
};

/* Empty; attribute_change_done when it is no longer wanted, however far it went. */
void attribute_change_init(struct attribute_change *c, struct op_ctx *ctx, enum attribute_verb verb);
void attribute_change_done(struct attribute_change *c);
#define AUTO_ATTRIBUTE_CHANGE __attribute__((cleanup(attribute_change_done)))
/* Reads the Attribute of an Add or Modify, the last field of the payload. Result Reasons of section 11, each with a sentence. */
enum coffer_err attribute_change_read(struct attribute_change *c, struct ttlv_cursor *payload) MUST_USE;
/* Finds the attribute that the request names; one that its protocol version does not know is unknown. */
enum coffer_err attribute_change_name(struct attribute_change *c, struct view name) MUST_USE;
/* Whether the client may do this to this attribute of this object as it is now; makes the copy `o`. */
enum coffer_err attribute_change_allowed(struct attribute_change *c) MUST_USE;
/* The value to keep (Add, Modify): checked against the object and brought into `item`. */
enum coffer_err attribute_change_value(struct attribute_change *c) MUST_USE;
/* Puts `item` into `o` under the next index of its attribute, which `index` then is. ERR_LIMIT. */
enum coffer_err attribute_change_add(struct attribute_change *c) MUST_USE;
/* Writes `o` with the state that its dates now make of it. */
enum coffer_err attribute_change_write(struct attribute_change *c) MUST_USE;
/* Unique Identifier and the attribute, with its index when that is not 0, as the version of the request knows it. */
enum coffer_err attribute_change_answer(struct attribute_change *c, struct view item, struct writer *out) MUST_USE;
/* ERR_FIELD … with the Result Reason and a sentence that begins with the attribute. */
enum coffer_err attribute_change_refuse(struct attribute_change *c, enum coffer_err err, uint32_t result_reason, const char *why) MUST_USE;
/* NULL but for custom attributes. */
const char *attribute_change_custom(const struct attribute_change *c);

#endif
