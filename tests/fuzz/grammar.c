/* Random messages: headers, batches, and fields by their rules. */
#include "fuzz/grammar.h"

#include <stdio.h>
#include <string.h>

#include "fuzz/grammar_rules.h"
#include "fuzz/grammar_values.h"
#include "kmip/attr.h"
#include "kmip/message.h"

struct maker {
	struct tree *t;
	struct dice *d;
	const struct grammar_known *known;
};

static void put_field(struct maker *m, uint16_t parent, const struct rule *rule);

static void put_fields(struct maker *m, uint16_t parent, const struct rule *rules)
{
	for (; rules->kind != RULE_END; rules++) {
		bool there = rules->chance ? dice_below(m->d, 8) < rules->chance : dice_one_in(m->d, 24);
		uint32_t times = there ? 1 + dice_below(m->d, rules->most) : 0;
		for (uint32_t i = 0; i < times; i++) put_field(m, parent, rules);
	}
}

static const char *pick(struct maker *m, const char *const *texts)
{
	uint32_t count = 0;
	while (texts[count]) count++;
	return texts[dice_below(m->d, count)];
}

static const struct view *pick_view(struct maker *m, const struct view *views)
{
	uint32_t count = 0;
	while (views[count].len) count++;
	return &views[dice_below(m->d, count)];
}

static void put_known(struct maker *m, uint16_t parent, uint32_t tag, const char *const *texts)
{
	char made[32];
	snprintf(made, sizeof made, "made-%u", (unsigned)dice_below(m->d, 100000));
	tree_text(m->t, parent, tag, dice_one_in(m->d, 8) ? made : pick(m, texts));
}

/* ---- attributes ---- */

static void put_attribute_value(struct maker *m, uint16_t attribute, const struct kmip_attr_row *row)
{
	const struct rule *fields = grammar_value_rules(row->tag);
	enum ttlv_type type = row->type == TTLV_ANY ? (enum ttlv_type)(1 + dice_below(m->d, 10)) : row->type;
	if (row->id == ATTR_OBJECT_GROUP) put_known(m, attribute, TAG_ATTRIBUTE_VALUE, m->known->groups);
	else if (row->enumeration == ENUM_CRYPTOGRAPHIC_USAGE_MASK) grammar_mask(m->t, attribute, TAG_ATTRIBUTE_VALUE, m->d);
	else if (type == TTLV_ENUMERATION) grammar_enum(m->t, attribute, TAG_ATTRIBUTE_VALUE, row->enumeration, m->d);
	else if (type != TTLV_STRUCTURE) grammar_value(m->t, attribute, TAG_ATTRIBUTE_VALUE, type, m->d);
	else {
		uint16_t value = tree_branch(m->t, attribute, TAG_ATTRIBUTE_VALUE);
		if (fields) put_fields(m, value, fields);
		else grammar_value(m->t, value, TAG_CONTACT_INFORMATION, TTLV_TEXT, m->d);
	}
}

static const char *attribute_name(struct maker *m, const struct kmip_attr_row *row)
{
	static const char *const custom[] = { "x-Purpose", "y-made", "x-coffer-owner", "x-coffer-version", "x-1", "y-2" };
	return row->id == ATTR_CUSTOM_ATTRIBUTE ? custom[dice_below(m->d, 6)] : row->name;
}

static const struct kmip_attr_row *any_attribute(struct maker *m)
{
	static const enum kmip_attr common[] = { ATTR_NAME, ATTR_OBJECT_GROUP, ATTR_STATE, ATTR_CRYPTOGRAPHIC_ALGORITHM, ATTR_CUSTOM_ATTRIBUTE,
		ATTR_LINK, ATTR_ACTIVATION_DATE, ATTR_CRYPTOGRAPHIC_PARAMETERS, ATTR_CONTACT_INFORMATION, ATTR_USAGE_LIMITS };
	if (dice_one_in(m->d, 2)) return kmip_attr_row(common[dice_below(m->d, 10)]);
	return kmip_attr_row((enum kmip_attr)(1 + dice_below(m->d, ATTR_COUNT - 1)));
}

static void put_attribute(struct maker *m, uint16_t parent, bool is_new)
{
	const struct kmip_attr_row *row = any_attribute(m);
	uint16_t attribute = tree_branch(m->t, parent, TAG_ATTRIBUTE);
	for (int tries = 0; is_new && tries < 8 && row->set_by == KMIP_SET_SERVER; tries++) row = any_attribute(m);
	tree_text(m->t, attribute, TAG_ATTRIBUTE_NAME, attribute_name(m, row));
	if (!is_new && dice_one_in(m->d, 3)) tree_u32(m->t, attribute, TAG_ATTRIBUTE_INDEX, TTLV_INTEGER, dice_below(m->d, 4));
	if (!dice_one_in(m->d, 16)) put_attribute_value(m, attribute, row);
}

static void put_plain_attribute(struct maker *m, uint16_t parent, enum kmip_attr id, enum ttlv_type type, uint32_t v)
{
	uint16_t attribute = tree_branch(m->t, parent, TAG_ATTRIBUTE);
	tree_text(m->t, attribute, TAG_ATTRIBUTE_NAME, kmip_attr_row(id)->name);
	if (type == TTLV_DATE_TIME) tree_u64(m->t, attribute, TAG_ATTRIBUTE_VALUE, type, v);
	else tree_u32(m->t, attribute, TAG_ATTRIBUTE_VALUE, type, v);
}

/* What a key cannot be made without, and mostly an Activation Date that has passed. */
static void put_wanted(struct maker *m, uint16_t parent)
{
	static const uint32_t bits[] = { 256, 128, 192, 256, 512, 160 };
	static const uint32_t masks[] = { 0xc, 0xc, 0x4, 0x8, 0x30, 0x180, 0x3f };
	put_plain_attribute(m, parent, ATTR_CRYPTOGRAPHIC_ALGORITHM, TTLV_ENUMERATION,
		dice_one_in(m->d, 8) ? dice_below(m->d, 32) : CRYPTOGRAPHIC_ALGORITHM_AES);
	put_plain_attribute(m, parent, ATTR_CRYPTOGRAPHIC_LENGTH, TTLV_INTEGER, bits[dice_below(m->d, 6)]);
	put_plain_attribute(m, parent, ATTR_CRYPTOGRAPHIC_USAGE_MASK, TTLV_INTEGER, masks[dice_below(m->d, 7)]);
	if (dice_one_in(m->d, 2)) put_plain_attribute(m, parent, ATTR_ACTIVATION_DATE, TTLV_DATE_TIME, 1600000000);
}

/* ---- fields ---- */

static void put_bytes(struct maker *m, uint16_t parent, uint32_t tag, const struct view *bytes)
{
	tree_leaf(m->t, parent, tag, TTLV_BYTES, *bytes);
}

static void put_choice(struct maker *m, uint16_t parent, const struct rule *rules)
{
	uint32_t count = 0;
	while (rules[count].kind != RULE_END) count++;
	put_field(m, parent, &rules[dice_below(m->d, count)]);
}

static void put_field(struct maker *m, uint16_t parent, const struct rule *rule)
{
	static const char *const roles[] = { "administrator", "key-manager", "key-user", "auditor", "key-exporter", "none" };
	static const char *const shares[] = { "coffer share 1 of 3, any 2 recover\n1  AAAA-BBBB", "" };
	uint32_t tag = rule->tag;
	switch (rule->kind) {
	case RULE_STRUCT: put_fields(m, tree_branch(m->t, parent, tag), rule->children); break;
	case RULE_IN_A_ROW: put_fields(m, parent, rule->children); break;
	case RULE_CHOICE: put_choice(m, parent, rule->children); break;
	case RULE_ENUM: grammar_enum(m->t, parent, tag, grammar_enum_of(tag), m->d); break;
	case RULE_MASK: grammar_mask(m->t, parent, tag, m->d); break;
	case RULE_ID: put_known(m, parent, tag, m->known->ids); break;
	case RULE_NAME: put_known(m, parent, tag, m->known->names); break;
	case RULE_GROUP: put_known(m, parent, tag, m->known->groups); break;
	case RULE_PRINCIPAL: put_known(m, parent, tag, m->known->principals); break;
	case RULE_ROLE: tree_text(m->t, parent, tag, roles[dice_below(m->d, 6)]); break;
	case RULE_SHARE: tree_text(m->t, parent, tag, shares[dice_below(m->d, 2)]); break;
	case RULE_SEALED: put_bytes(m, parent, tag, pick_view(m, m->known->sealed)); break;
	case RULE_HEADER: put_bytes(m, parent, tag, pick_view(m, m->known->headers)); break;
	case RULE_SEGMENT: put_bytes(m, parent, tag, pick_view(m, m->known->segments)); break;
	case RULE_ATTRIBUTE: put_attribute(m, parent, false); break;
	case RULE_NEW_ATTRIBUTE: put_attribute(m, parent, true); break;
	case RULE_ATTRIBUTE_NAME: tree_text(m->t, parent, tag, attribute_name(m, any_attribute(m))); break;
	case RULE_WANTED: put_wanted(m, parent); break;
	case RULE_SMALL: grammar_small(m->t, parent, tag, m->d); break;
	case RULE_DATA: grammar_bytes(m->t, parent, tag, GRAMMAR_CIPHER_LENGTHS, m->d); break;
	case RULE_BLOCK: grammar_blocks(m->t, parent, tag, 1, m->d); break;
	case RULE_TWO_BLOCKS: grammar_blocks(m->t, parent, tag, 2, m->d); break;
	case RULE_BLOCKS: grammar_blocks(m->t, parent, tag, 1 + dice_below(m->d, 4), m->d); break;
	case RULE_KEY: grammar_bytes(m->t, parent, tag, GRAMMAR_KEY_LENGTHS, m->d); break;
	case RULE_FIXED: tree_u32(m->t, parent, tag, TTLV_ENUMERATION, rule->value); break;
	case RULE_FIXED_INT: tree_u32(m->t, parent, tag, TTLV_INTEGER, rule->value); break;
	case RULE_MASK_ATTRIBUTE: put_plain_attribute(m, parent, ATTR_CRYPTOGRAPHIC_USAGE_MASK, TTLV_INTEGER, 0xc); break;
	case RULE_HANDLE: tree_u32(m->t, parent, tag, TTLV_INTEGER, 1 + dice_below(m->d, 3)); break;
	default: grammar_value(m->t, parent, tag, grammar_type_of(rule->kind), m->d); break;
	}
}

/* Mostly, the Object Type is that of the object that follows. */
static void match_type(struct tree *t, uint16_t payload, struct dice *d)
{
	static const struct { uint32_t tag; uint8_t type; } objects[] = { { TAG_SYMMETRIC_KEY, OBJECT_TYPE_SYMMETRIC_KEY },
		{ TAG_SECRET_DATA, OBJECT_TYPE_SECRET_DATA }, { TAG_OPAQUE_OBJECT, OBJECT_TYPE_OPAQUE_OBJECT }, { TAG_TEMPLATE, OBJECT_TYPE_TEMPLATE },
		{ TAG_CERTIFICATE, OBJECT_TYPE_CERTIFICATE }, { TAG_PRIVATE_KEY, OBJECT_TYPE_PRIVATE_KEY }, { TAG_PUBLIC_KEY, OBJECT_TYPE_PUBLIC_KEY },
		{ TAG_SPLIT_KEY, OBJECT_TYPE_SPLIT_KEY } };
	uint32_t object = t->nodes[t->nodes[payload].last].tag;
	for (uint16_t c = t->nodes[payload].first; c; c = t->nodes[c].next)
		for (size_t i = 0; t->nodes[c].tag == TAG_OBJECT_TYPE && i < sizeof objects / sizeof objects[0]; i++)
			if (objects[i].tag == object && !dice_one_in(d, 8)) t->bytes[t->nodes[c].at + 3] = objects[i].type;
}

void grammar_payload(struct tree *t, uint16_t parent, struct dice *d, const struct grammar_known *known, uint32_t operation)
{
	struct maker m = { t, d, known };
	const struct rule *rules = grammar_payload_rules(operation);
	uint16_t payload = tree_branch(t, parent, TAG_REQUEST_PAYLOAD);
	if (rules) put_fields(&m, payload, rules);
	if (payload) match_type(t, payload, d);
}

/* ---- messages ---- */

static void put_version(struct tree *t, uint16_t header, uint32_t minor)
{
	uint16_t version = tree_branch(t, header, TAG_PROTOCOL_VERSION);
	tree_u32(t, version, TAG_PROTOCOL_VERSION_MAJOR, TTLV_INTEGER, 1);
	tree_u32(t, version, TAG_PROTOCOL_VERSION_MINOR, TTLV_INTEGER, minor);
}

static void put_credential(struct tree *t, uint16_t header)
{
	uint16_t credential = tree_branch(t, tree_branch(t, header, TAG_AUTHENTICATION), TAG_CREDENTIAL);
	tree_u32(t, credential, TAG_CREDENTIAL_TYPE, TTLV_ENUMERATION, CREDENTIAL_TYPE_USERNAME_AND_PASSWORD);
	uint16_t value = tree_branch(t, credential, TAG_CREDENTIAL_VALUE);
	tree_text(t, value, TAG_USERNAME, "Fred");
	tree_text(t, value, TAG_PASSWORD, "password1");
}

static void put_header(struct tree *t, uint16_t message, struct dice *d, uint32_t minor, uint32_t count, bool plain)
{
	uint16_t header = tree_branch(t, message, TAG_REQUEST_HEADER);
	put_version(t, header, minor);
	if (!plain) {
		static const uint32_t sizes[] = { 0, 100, 256, 400, 1000, 4096, 65536, 0x7fffffff };
		if (dice_one_in(d, 6)) tree_u32(t, header, TAG_MAXIMUM_RESPONSE_SIZE, TTLV_INTEGER, sizes[dice_below(d, 8)]);
		if (dice_one_in(d, 8)) tree_text(t, header, TAG_CLIENT_CORRELATION_VALUE, "a correlation");
		if (dice_one_in(d, 16)) tree_u64(t, header, TAG_ASYNCHRONOUS_INDICATOR, TTLV_BOOLEAN, dice_below(d, 2));
		if (dice_one_in(d, 16)) tree_u64(t, header, TAG_ATTESTATION_CAPABLE_INDICATOR, TTLV_BOOLEAN, dice_below(d, 2));
		if (dice_one_in(d, 8)) put_credential(t, header);
		if (dice_one_in(d, 3)) tree_u32(t, header, TAG_BATCH_ERROR_CONTINUATION_OPTION, TTLV_ENUMERATION, 1 + dice_below(d, 3));
		if (dice_one_in(d, 6)) tree_u64(t, header, TAG_BATCH_ORDER_OPTION, TTLV_BOOLEAN, dice_below(d, 2));
		if (dice_one_in(d, 6)) tree_u64(t, header, TAG_TIME_STAMP, TTLV_DATE_TIME, 1700000000);
	}
	tree_u32(t, header, TAG_BATCH_COUNT, TTLV_INTEGER, count);
}

/* Ours, with a request id; or another vendor's. */
static void put_extension(struct tree *t, uint16_t item, struct dice *d, uint8_t number)
{
	uint8_t id[KMIP_REQUEST_ID_LEN];
	bool ours = !dice_one_in(d, 8);
	uint16_t extension = tree_branch(t, item, TAG_MESSAGE_EXTENSION);
	tree_text(t, extension, TAG_VENDOR_IDENTIFICATION, ours ? KMIP_VENDOR : "somebody");
	tree_u64(t, extension, TAG_CRITICALITY_INDICATOR, TTLV_BOOLEAN, dice_one_in(d, 16));
	uint16_t fields = tree_branch(t, extension, TAG_VENDOR_EXTENSION);
	memset(id, dice_one_in(d, 16) ? 99 : number, sizeof id);
	if (ours && !dice_one_in(d, 3)) tree_leaf(t, fields, TAG_COFFER_REQUEST_ID, TTLV_BYTES, view_of(id, sizeof id));
}

/* Some operations refuse to share a batch; mostly they are not asked to. */
static uint32_t any_operation(struct dice *d, const struct grammar_known *known, bool alone)
{
	if (dice_one_in(d, 16)) return dice_below(d, 64);
	if (alone || dice_one_in(d, 16)) return known->operations[dice_below(d, (uint32_t)known->operation_count)];
	return known->sharing[dice_below(d, (uint32_t)known->sharing_count)];
}

void grammar_request(struct tree *t, struct dice *d, const struct grammar_known *known, const struct grammar_wish *wish)
{
	uint32_t count = wish->count ? wish->count : dice_one_in(d, 3) ? 2 + dice_below(d, 4) : 1;
	uint32_t minor = wish->minor >= 0 ? (uint32_t)wish->minor : dice_one_in(d, 3) ? dice_below(d, 5) : 4;
	uint8_t request_id = (uint8_t)dice_below(d, 3); /* one of a few, so that they are repeated */
	uint16_t message = tree_branch(t, 0, TAG_REQUEST_MESSAGE);
	put_header(t, message, d, minor, count, wish->plain);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t operation = wish->operation ? wish->operation : any_operation(d, known, count == 1);
		uint8_t number = (uint8_t)(i + 1);
		uint16_t item = tree_branch(t, message, TAG_BATCH_ITEM);
		tree_u32(t, item, TAG_OPERATION, TTLV_ENUMERATION, operation);
		if (count > 1 || dice_one_in(d, 3)) tree_leaf(t, item, TAG_UNIQUE_BATCH_ITEM_ID, TTLV_BYTES, view_of(&number, 1));
		grammar_payload(t, item, d, known, operation);
		if (!wish->plain && dice_one_in(d, 4)) put_extension(t, item, d, request_id);
	}
}
