/* Objects, grants, answers already given, and the audit log. */
#include <string.h>

#include "access/policy.h"
#include "audit/chain.h"
#include "audit/row.h"
#include "fuzz/rows.h"
#include "keyring/record.h"
#include "objects/codec.h"
#include "ops/request_record.h"

/* ---- objects ---- */

static void check_same(const struct object *a, const struct object *b)
{
	REQUIRE(memcmp(a->id, b->id, UUID_LEN) == 0 && a->type == b->type && a->data_type == b->data_type && a->state == b->state);
	REQUIRE(a->algorithm == b->algorithm && a->length_bits == b->length_bits && a->usage_mask == b->usage_mask);
	REQUIRE(a->key_version == b->key_version && a->key_format == b->key_format && strcmp(a->owner, b->owner) == 0);
	REQUIRE(a->archived == b->archived && a->gcm_reserved == b->gcm_reserved && a->wrapping_len == b->wrapping_len);
	REQUIRE(!a->material == !b->material && (!a->material || view_equal(secret_view(a->material), secret_view(b->material))));
	REQUIRE(!a->seal_message == !b->seal_message && a->attrs.count == b->attrs.count && a->attrs.bytes == b->attrs.bytes);
	for (size_t i = 0; i < a->attrs.count; i++) {
		const struct attrset_value *v = &a->attrs.values[i];
		const struct attrset_value *same = attrset_get(&b->attrs, v->attr, v->custom, v->index);
		REQUIRE(same && view_equal(view_of(v->item, v->item_len), view_of(same->item, same->item_len)));
	}
}

/* What was read can be written, and reads the same. */
static void write_again(struct rows *r, struct object *o)
{
	AUTO_BUF struct buf header = BUF_EMPTY, index = BUF_EMPTY, body = BUF_EMPTY;
	AUTO_OBJECT struct object *again = NULL;
	AUTO_OBJECT struct object *copy = object_copy(o);
	struct store_row row;
	REQUIRE(copy);
	enum coffer_err err = object_to_row(r->ring, copy, &row, &header, &index, &body);
	if (err == ERR_LIMIT) return; /* more names and groups than the index has room for */
	REQUIRE(err == ERR_OK && object_from_row(r->ring, &row, &again) == ERR_OK);
	check_same(o, again);
}

void rows_object(struct rows *r, bool sealed)
{
	AUTO_OBJECT struct object *o = NULL;
	struct object *found = NULL;
	struct store_row row;
	rows_take(r, &row);
	if (!(sealed ? rows_put_sealed(r, STORE_OBJECT, &row) : rows_put(r, STORE_OBJECT, &row))) return;
	REQUIRE(store_get(r->store, STORE_OBJECT, view_of(row.id, row.id_len), &row) == ERR_OK);
	enum coffer_err err = object_from_row(r->ring, &row, &o);
	REQUIRE(err == ERR_OK || rows_is_fault(err));
	if (err == ERR_OK) write_again(r, o);
	if (row.id_len != UUID_LEN) return;
	REQUIRE(txn_object(r->txn, row.id, &found) == err);
	object_unref(found);
}

/* ---- grants ---- */

void rows_grants(struct rows *r, bool sealed)
{
	struct grants *grants = NULL;
	struct store_row row;
	while (rows_more(r)) {
		rows_take(r, &row);
		if (sealed) rows_put_sealed(r, STORE_GRANT, &row);
		else rows_put(r, STORE_GRANT, &row);
	}
	enum coffer_err err = grants_load(r->txn, &grants);
	REQUIRE(err == ERR_OK || rows_is_fault(err) || err == ERR_LIMIT);
	for (size_t i = 0; err == ERR_OK && i < grants_count(grants); i++) {
		const struct grant *g = grants_at(grants, i);
		REQUIRE(g->principal[0] && role_permissions(g->role) && text_is_utf8(view_str(g->principal)) && text_is_utf8(view_str(g->scope)));
	}
	grants_unref(grants);
}

/* ---- answers already given ---- */

static enum coffer_err take_id(void *arg, const struct store_row *row)
{
	struct store_row *to = arg;
	memcpy(to->id, row->id, row->id_len);
	to->id_len = row->id_len;
	return ERR_OK;
}

void rows_request(struct rows *r, bool sealed)
{
	static const uint8_t id[KMIP_REQUEST_ID_LEN] = { 1 }, digest[32] = { 2 };
	AUTO_BUF struct buf answer = BUF_EMPTY;
	struct principal p;
	struct reason reason = { "" };
	struct request_records of = { .shared_since_ms = 0 };
	struct store_row row;
	bool found = false;
	principal_from_uid(4001, 1, &p);
	REQUIRE(request_record_put(r->txn, &of, &p, id, digest, view_str("answer")) == ERR_OK);
	rows_take(r, &row);
	REQUIRE(store_scan(r->store, STORE_REQUEST, view_of(NULL, 0), false, 1, take_id, &row) == ERR_OK);
	if (!(sealed ? rows_put_sealed(r, STORE_REQUEST, &row) : rows_put(r, STORE_REQUEST, &row))) return;
	enum coffer_err err = request_record_find(r->txn, &of, &p, id, digest, &answer, &found, &reason);
	REQUIRE(err == ERR_OK || err == ERR_EXISTS || rows_is_refusal(err));
	if (found) REQUIRE(err == ERR_OK && answer.len > 0);
}

/* ---- the audit log ---- */

static enum coffer_err take_event(void *arg, const struct audit_event *event)
{
	uint64_t *count = arg;
	REQUIRE(event->seq == *count + 1);
	++*count;
	return ERR_OK;
}

/* Row `seq` with a right link, so that its contents are looked at. */
static bool put_linked(struct rows *r, uint64_t seq, uint8_t link[static AUDIT_LINK_LEN], struct store_row *row)
{
	struct audit_header header = { .link_generation = 1 };
	uint8_t bytes[AUDIT_HEADER_LEN];
	REQUIRE(audit_link(r->ring, 1, seq, link, row->body, header.link) == ERR_OK);
	audit_header_encode(&header, bytes);
	row->header = view_of(bytes, sizeof bytes);
	row->version = 1;
	bool put = rows_put_sealed(r, STORE_AUDIT, row);
	if (put) memcpy(link, header.link, AUDIT_LINK_LEN);
	return put;
}

void rows_audit(struct rows *r, bool sealed)
{
	struct audit_chain *chain = NULL;
	struct reason reason = { "" };
	uint8_t link[AUDIT_LINK_LEN];
	uint64_t seq = 0, bad = 0, count = 0;
	struct store_row row;
	REQUIRE(audit_genesis(&r->domain, link) == ERR_OK);
	while (rows_more(r)) {
		rows_take(r, &row);
		if (row.id_len < 2) { /* a short id stands for the next place in the chain */
			audit_row_id(&r->domain, ++seq, row.id);
			row.id_len = AUDIT_ID_LEN;
		}
		if (!sealed) rows_put(r, STORE_AUDIT, &row);
		else if (row.header.len == 0) put_linked(r, seq, link, &row);
		else rows_put_sealed(r, STORE_AUDIT, &row);
	}
	enum coffer_err err = audit_chain_open(r->txn, &chain, &reason);
	REQUIRE(err == ERR_OK || rows_is_refusal(err));
	if (err) return;
	err = audit_verify(chain, r->txn, &bad, &reason);
	REQUIRE(err == ERR_OK || rows_is_refusal(err));
	err = audit_read(chain, r->txn, 1, 100, take_event, &count);
	REQUIRE(err == ERR_OK || rows_is_refusal(err));
	audit_chain_free(chain);
}
