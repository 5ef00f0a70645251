/* Objects with any attributes, and Locate for them, as tables. */
#ifndef COFFER_TESTS_OPS_SEEK_H
#define COFFER_TESTS_OPS_SEEK_H

#include "unit/ops/fixture.h"

#define SEEK_FIELDS 3u
#define SEEK_VALUES 6u
#define SEEK_IDS 64u

/* One value: a structure when it has fields, else text, bytes (as text) or number by its type. attr 0 ends a list. */
struct seek_field {
	uint32_t tag;          /* 0: no field */
	enum ttlv_type type;
	const char *text;
	int64_t number;
};
struct seek_value {
	enum kmip_attr attr;
	const char *custom;
	struct seek_field value;
	struct seek_field fields[SEEK_FIELDS];
};

#define SEEK_NUMBER(attr, type, n) { ATTR_##attr, NULL, { 0, TTLV_##type, NULL, (n) }, { { 0 } } }
#define SEEK_TEXT(attr, s) { ATTR_##attr, NULL, { 0, TTLV_TEXT, (s), 0 }, { { 0 } } }
#define SEEK_CUSTOM(name, type, s, n) { ATTR_CUSTOM_ATTRIBUTE, (name), { 0, TTLV_##type, (s), (n) }, { { 0 } } }
#define SEEK_STRUCTURE(attr, ...) { ATTR_##attr, NULL, { 0, TTLV_STRUCTURE, NULL, 0 }, { __VA_ARGS__ } }
#define SEEK_FIELD(tag, type, s, n) { TAG_##tag, TTLV_##type, (s), (n) }

/* An active AES-256 key of the principal with these values, written to the store; its id as text. values NULL: none. */
void seek_make(struct fix *f, unsigned uid, const struct seek_value *values, char out_id[static UUID_TEXT_LEN + 1]);
/* The same object, for what no client could set. Caller unrefs. */
struct object *seek_object(unsigned uid, const struct seek_value *values);
void seek_keep(struct fix *f, struct object *o);

struct seek_ask {
	uint32_t minor;            /* 0: 1.4; 1.0 is asked for with `zero` */
	bool zero;
	int32_t max, skip;         /* 0: absent */
	bool max_none;             /* Maximum Items of 0 */
	int32_t storage;           /* -1: a mask of 0; 0: absent */
	uint32_t member;           /* 0: absent */
	struct seek_value values[SEEK_VALUES];
};

struct seek_found {
	enum coffer_err err;
	char message[512];
	bool has_located;
	int32_t located;
	size_t count;
	char ids[SEEK_IDS][UUID_TEXT_LEN + 1];
};

void seek(struct fix *f, unsigned uid, const struct seek_ask *ask, struct seek_found *out);
/* Rows that the store handed out since the last call. */
size_t seek_rows_read(struct fix *f);

#endif
