/* Slot rows as bytes. */
#include "keyring/slot.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "keyring/kind.h"
#include "keyring/slot_internal.h"

#define SLOT_FORMAT 1u
#define SLOT_SCHEMA 1u
#define SLOT_STATE 1u
#define BODY_MAX 8192u

static enum coffer_err write_id(const struct domain_id *domain, uint32_t generation, struct store_row *row)
{
	struct writer w;
	writer_init(&w, row->id, sizeof row->id);
	writer_bytes(&w, view_of(domain->node_id, UUID_LEN));
	writer_u32(&w, generation);
	row->id_len = writer_len(&w);
	return writer_done(&w);
}

static enum coffer_err write_fields(struct ring *ring, const char *kind, const struct token_binding *binding,
	const struct slot *fields, struct buf *body)
{
	struct writer w;
	uint8_t kind_u8, key_check[32];
	const struct secret *key;
	TRY(kind_number(kind, &kind_u8));
	TRY(ring_data_key(ring, fields->generation, &key));
	TRY(ring_key_check(ring_domain(ring), fields->generation, key, key_check));
	writer_init_buf(&w, body, BODY_MAX);
	writer_u8(&w, SLOT_FORMAT);
	writer_u8(&w, kind_u8);
	writer_bytes(&w, view_of(binding->master_secret_id, TOKEN_MS_ID_LEN));
	writer_view_u32(&w, fields->mechanism);
	writer_view_u32(&w, fields->blob);
	writer_bytes(&w, view_of(key_check, sizeof key_check));
	writer_u64(&w, fields->created_ms);
	writer_bytes(&w, view_of(fields->signature, sizeof fields->signature));
	writer_view_u32(&w, fields->binding_data);
	return writer_done(&w);
}

enum coffer_err slot_make(struct ring *ring, uint32_t generation, const char *kind, const struct token_binding *binding,
	struct view blob, const uint8_t signature[static DOMAIN_SIGNATURE_LEN], uint64_t created_ms,
	struct store_row *row, struct buf *header, struct buf *body)
{
	static const uint8_t schema[] = { SLOT_SCHEMA };
	struct slot fields = { .generation = generation, .blob = blob, .created_ms = created_ms,
		.mechanism = view_of(binding->mechanism, strnlen(binding->mechanism, sizeof binding->mechanism)),
		.binding_data = view_of(binding->data, binding->data_len) };
	struct store_row made = { .version = row->version ? row->version : 1, .state = SLOT_STATE, .generation = generation };
	size_t header_start = header->len, body_start = body->len;
	uint8_t mac[32];

	ENSURE(kind_mechanism_is_sound(fields.mechanism) && binding->data_len <= TOKEN_BINDING_MAX, ERR_FIELD);
	ENSURE(blob.len >= 1 && blob.len <= TOKEN_BLOB_MAX, ERR_FIELD);
	memcpy(fields.signature, signature, DOMAIN_SIGNATURE_LEN);
	TRY(write_id(ring_domain(ring), generation, &made));
	TRY(write_fields(ring, kind, binding, &fields, body));
	TRY(buf_append(header, view_of(schema, sizeof schema)));
	made.header = view_of(header->ptr + header_start, header->len - header_start);
	TRY(slot_mac(ring, &made, view_of(body->ptr + body_start, body->len - body_start), mac));
	TRY(buf_append(body, view_of(mac, sizeof mac)));
	made.body = view_of(body->ptr + body_start, body->len - body_start);
	*row = made;
	return ERR_OK;
}

static enum coffer_err parse_row(const struct store_row *row, struct slot *s)
{
	struct reader r;
	static const uint8_t none[] = { 0, 0 };
	reader_init(&r, view_of(row->id, row->id_len <= STORE_ID_MAX ? row->id_len : 0));
	TRY(reader_bytes(&r, s->node_id, UUID_LEN));
	TRY(reader_u32(&r, &s->generation));
	TRY(reader_end(&r));
	ENSURE(s->generation != 0 && s->generation == row->generation && row->state == SLOT_STATE && row->version != 0, ERR_CORRUPT);
	ENSURE(row->header.len == 1 && row->header.ptr[0] == SLOT_SCHEMA, ERR_VERSION);
	ENSURE(row->index.len == 0 || view_equal(row->index, view_of(none, sizeof none)), ERR_CORRUPT);
	return ERR_OK;
}

static enum coffer_err parse_body(struct view body, struct slot *s)
{
	struct reader r;
	uint8_t format, kind;
	reader_init(&r, body);
	TRY(reader_u8(&r, &format));
	ENSURE(format == SLOT_FORMAT, ERR_VERSION);
	TRY(reader_u8(&r, &kind));
	TRY(kind_name(kind, s->kind));
	TRY(reader_view(&r, TOKEN_MS_ID_LEN, &s->master_secret_id));
	TRY(reader_view_u32(&r, sizeof((struct token_binding *)0)->mechanism, &s->mechanism));
	ENSURE(kind_mechanism_is_sound(s->mechanism), ERR_CORRUPT);
	TRY(reader_view_u32(&r, TOKEN_BLOB_MAX, &s->blob));
	ENSURE(s->blob.len >= 1, ERR_CORRUPT);
	TRY(reader_bytes(&r, s->key_check, sizeof s->key_check));
	TRY(reader_u64(&r, &s->created_ms));
	TRY(reader_bytes(&r, s->signature, sizeof s->signature));
	TRY(reader_view_u32(&r, TOKEN_BINDING_MAX, &s->binding_data));
	TRY(reader_bytes(&r, s->mac, sizeof s->mac));
	return reader_end(&r);
}

enum coffer_err slot_parse(const struct store_row *row, struct slot *out, struct reason *reason)
{
	struct slot s = { 0 };
	enum coffer_err err = parse_row(row, &s);
	if (!err) err = parse_body(row->body, &s);
	if (err == ERR_VERSION)
		return reason_fail(reason, err,
			"the wrapped data key has a format that this version does not know; install a newer Coffer");
	if (err)
		return reason_fail(reason, ERR_CORRUPT, "the wrapped data key in the store is damaged; restore the store from a backup");
	*out = s;
	return ERR_OK;
}

struct own_slot {
	const uint8_t *node_id;
	bool *out;
};

static enum coffer_err note_own(void *arg, const struct store_row *row)
{
	const struct own_slot *w = arg;
	*w->out = row->id_len > UUID_LEN && memcmp(row->id, w->node_id, UUID_LEN) == 0;
	return ERR_OK;
}

enum coffer_err slot_any(struct store *store, const uint8_t node_id[static UUID_LEN], bool *out)
{
	struct own_slot w = { node_id, out };
	*out = false;
	return store_scan(store, STORE_SLOT, view_of(node_id, UUID_LEN), false, 1, note_own, &w);
}
