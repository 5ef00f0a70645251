/* Asking for attributes and changing them, one request each, as a client that knows nothing of Coffer. */
#ifndef COFFER_TESTS_OPS_ATTRS_H
#define COFFER_TESTS_OPS_ATTRS_H

#include "unit/ops/fixture.h"

#define KMIP_1_0 10u /* as a version; 1 to 4 are 1.1 to 1.4, and 0 is 1.4 as everywhere in these tests */

/* One encoded value. */
struct given {
	uint8_t bytes[256];
	struct writer w;
};
/* An empty value to write one item into, under any tag. */
struct writer *given_new(struct given *g);
void given_text(struct given *g, const char *text);
void given_time(struct given *g, uint64_t unix_s);
void given_bool(struct given *g, bool v);
void given_name(struct given *g, const char *name);
void given_link(struct given *g, uint32_t type, const char *to);

struct change {
	uint32_t operation;      /* Add, Modify or Delete Attribute */
	uint32_t version;
	const char *id, *name;
	const char *index;       /* NULL: none; else a number */
	const struct given *value; /* NULL: none */
};

/* Sends it; *out needs answer_free. */
void change_send(struct fix *f, unsigned uid, const struct change *change, struct answer *out);
/* Result Reason; 0 when it succeeded. */
uint32_t change_reason(struct fix *f, unsigned uid, const struct change *change);
/* Result Reasons of the three with a value under no index; given NULL: none. */
uint32_t attr_add(struct fix *f, const char *id, const char *name, const struct given *value);
uint32_t attr_modify(struct fix *f, const char *id, const char *name, const struct given *value);
uint32_t attr_delete(struct fix *f, const char *id, const char *name, const char *index);

/* Get Attributes of all (name NULL) or of one. */
void attrs_get(struct fix *f, uint32_t version, const char *id, const char *name, struct answer *out);
/* How many values of this name the answer holds; *out_last (may be NULL): the last of them, borrowed. */
unsigned attrs_count(const struct answer *answer, const char *name, struct kmip_attr_value *out_last);
/* Both at once, as ADMIN under 1.4. */
unsigned attrs_of(struct fix *f, const char *id, const char *name);
/* A date of the object; 0 when it has none. */
uint64_t attrs_time(struct fix *f, const char *id, const char *name);
/* A Boolean of the object, which it must have. */
bool attrs_bool(struct fix *f, const char *id, const char *name);
/* How often Get Attribute List names it. */
unsigned attrs_listed(struct fix *f, uint32_t version, const char *id, const char *name);

/* An object of any type, ADMIN's, written past the operations: with a usage mask where it can have one. change (may be NULL) may set more. */
void attrs_object(struct fix *f, uint32_t type, void (*change)(struct object *o), char out_id[static UUID_TEXT_LEN + 1]);

#endif
