/* A step as a request, and its answer as an acknowledgement. */
#include "crash/ask.h"

#include <stdio.h>
#include <string.h>

#include "kmip/attr.h"
#include "kmip/keyblock.h"

static void put_name(struct writer *w, unsigned number)
{
	char name[32];
	step_name(number, name);
	struct kmip_attr_mark mark = kmip_attr_begin(w, ATTR_NAME);
	ttlv_put_str(w, TAG_NAME_VALUE, name);
	ttlv_put_enum(w, TAG_NAME_TYPE, NAME_TYPE_UNINTERPRETED_TEXT_STRING);
	kmip_attr_end(w, mark);
}

static void put_attributes(struct writer *w, unsigned number)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT);
	put_name(w, number);
	kmip_attr_put_time(w, ATTR_ACTIVATION_DATE, 1000);
	ttlv_end(w, mark);
}

static void put_material(uint64_t seed, unsigned number, struct writer *w)
{
	uint8_t material[STEP_MATERIAL_LEN];
	step_material(seed, number, material);
	const struct kmip_managed managed = { .object_type = OBJECT_TYPE_SYMMETRIC_KEY, .block = { .format = KEY_FORMAT_TYPE_RAW, .has_value = true,
		.material = view_of(material, sizeof material), .algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .length_bits = 256 } };
	kmip_managed_put(w, &managed);
}

static void put_grant(struct writer *w, unsigned number)
{
	char principal[32];
	step_principal(number, principal);
	ttlv_put_str(w, TAG_COFFER_PRINCIPAL, principal);
	ttlv_put_str(w, TAG_COFFER_ROLE, "auditor");
}

static uint32_t operation_of(enum step_kind kind)
{
	switch (kind) {
	case STEP_CREATE: return OPERATION_CREATE;
	case STEP_REGISTER: return OPERATION_REGISTER;
	case STEP_REKEY: return OPERATION_RE_KEY;
	case STEP_REVOKE: return OPERATION_REVOKE;
	case STEP_DESTROY: return OPERATION_DESTROY;
	case STEP_GRANT: return OPERATION_COFFER_GRANT;
	case STEP_UNGRANT: return OPERATION_COFFER_REVOKE_GRANT;
	}
	node_die("unknown step '%c'", (int)kind);
}

static void put_fields(uint64_t seed, const struct step *s, struct writer *w)
{
	if (s->kind == STEP_CREATE || s->kind == STEP_REGISTER) {
		ttlv_put_enum(w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
		put_attributes(w, s->number);
	}
	if (s->kind == STEP_REGISTER) put_material(seed, s->number, w);
	if (s->kind == STEP_GRANT || s->kind == STEP_UNGRANT) put_grant(w, s->grant);
	if (s->target[0]) ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, s->target);
	if (s->kind != STEP_REVOKE) return;
	struct ttlv_mark mark = ttlv_begin(w, TAG_REVOCATION_REASON);
	ttlv_put_enum(w, TAG_REVOCATION_REASON_CODE, REVOCATION_REASON_CODE_CESSATION_OF_OPERATION);
	ttlv_end(w, mark);
}

void step_build(uint64_t seed, const struct step *s, struct buf *frame)
{
	struct writer w;
	uint8_t request_id[KMIP_REQUEST_ID_LEN];
	const struct kmip_item_id id = { .operation = operation_of(s->kind) };
	step_request_id(seed, s->number, request_id);
	writer_init_buf(&w, frame, 1u << 16);
	struct kmip_request_mark request = kmip_request_begin(&w, KMIP_VERSION_HIGHEST, 0, 1);
	struct kmip_item_mark item = kmip_request_item_begin(&w, &id);
	put_fields(seed, s, &w);
	kmip_request_item_end(&w, item, request_id);
	kmip_request_end(&w, request);
	if (writer_done(&w) != ERR_OK) node_die("the request does not fit");
}

void step_acknowledge(struct history *h, const struct step *step, const struct kmip_response_item *item)
{
	struct ttlv_cursor c = item->payload;
	struct ttlv_item field;
	struct view text;
	char id[UUID_TEXT_LEN + 1] = "";
	while (ttlv_next(&c, &field)) {
		if (field.tag != TAG_UNIQUE_IDENTIFIER) continue;
		if (ttlv_get_text(&field, &text) != ERR_OK || text.len != UUID_TEXT_LEN) node_die("an odd Unique Identifier");
		memcpy(id, text.ptr, text.len);
	}
	history_ack(h, step, id);
}

struct asked {
	struct history *history;
	const struct step *step;
};

static void acknowledge(void *arg, const struct kmip_response_item *item)
{
	struct asked *a = arg;
	step_acknowledge(a->history, a->step, item);
}

void step_ask(struct node *n, struct history *h)
{
	struct buf frame = BUF_EMPTY;
	struct step step;
	struct asked asked = { h, &step };
	history_next(h, &step);
	step_build(h->seed, &step, &frame);
	enum coffer_err err = node_ask(n, &frame, acknowledge, &asked);
	if (err) node_die("step %u (%c) failed: %s", step.number, (int)step.kind, err_name(err));
}
