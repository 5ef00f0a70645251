/* Changes of unknown outcome. */
#include "daemon/unsettled.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/line.h"
#include "base/log.h"
#include "kmip/message.h"

_Static_assert(sizeof ((struct unsettled_change *)NULL)->request_id == KMIP_REQUEST_ID_LEN, "the whole id is kept");

static void describe(const struct unsettled_change *c, char *out, size_t size)
{
	char id[2 * KMIP_REQUEST_ID_LEN + 1] = "none";
	if (c->has_request_id) text_hex(view_of(c->request_id, sizeof c->request_id), id);
	snprintf(out, size, "%s by %s, request %s, was answered as of unknown outcome", audit_operation_text(c->operation), c->principal, id);
}

static bool changes_something(const struct kmip_batch_item *item)
{
	const struct op_row *row = item->err ? NULL : dispatch_find(item->id.operation);
	return row && row->lane == OP_LANE_STORE && row->audit == OP_AUDIT_ALWAYS;
}

static void note_item(struct unsettled *u, const struct request *r, const struct kmip_batch_item *item)
{
	char text[256];
	if (u->count == UNSETTLED_MAX) {
		u->more++;
		return;
	}
	struct unsettled_change *c = &u->changes[u->count++];
	*c = (struct unsettled_change){ .seq = r->audit_seq, .operation = item->id.operation, .has_request_id = item->has_request_id };
	if (c->has_request_id) memcpy(c->request_id, item->request_id, sizeof c->request_id);
	snprintf(c->principal, sizeof c->principal, "%.*s", (int)UNSETTLED_WHO, r->principal->text);
	describe(c, text, sizeof text);
	log_warn("store: %s", text);
}

void unsettled_note(struct unsettled *u, const struct request *r)
{
	if (r->audit_seq == 0) return; /* it wrote nothing */
	for (size_t i = 0; i < r->parsed->count; i++)
		if (changes_something(&r->parsed->items[i])) note_item(u, r, &r->parsed->items[i]);
}

void unsettled_know(struct unsettled *u, uint64_t durable)
{
	for (size_t i = 0; i < u->count; i++) {
		struct unsettled_change *c = &u->changes[i];
		if (c->known) continue;
		c->known = true;
		c->made = c->seq <= durable;
	}
}

static const char *outcome(const struct unsettled_change *c)
{
	return c->made ? "it was made" : "it was not made";
}

enum coffer_err unsettled_append(const struct unsettled *u, struct audit_chain *audit, struct txn *txn)
{
	char text[256], details[288];
	struct audit_event event = { .principal = view_str("node") };
	for (size_t i = 0; i < u->count; i++) {
		const struct unsettled_change *c = &u->changes[i];
		if (!c->known) continue;
		describe(c, text, sizeof text);
		snprintf(details, sizeof details, "%s: %s", text, outcome(c));
		event.details = view_str(details);
		event.request_id = c->has_request_id ? view_of(c->request_id, sizeof c->request_id) : (struct view){ 0 };
		TRY(audit_append(audit, txn, &event));
	}
	if (u->more == 0) return ERR_OK;
	snprintf(details, sizeof details, "%" PRIu64 " more changes were answered as of unknown outcome; ask again for each under its request id", u->more);
	event.details = view_str(details);
	event.request_id = (struct view){ 0 };
	return audit_append(audit, txn, &event);
}

void unsettled_told(struct unsettled *u)
{
	char text[256];
	size_t left = 0;
	for (size_t i = 0; i < u->count; i++) {
		if (u->changes[i].known) {
			describe(&u->changes[i], text, sizeof text);
			log_info("store: %s: %s", text, outcome(&u->changes[i]));
		} else {
			u->changes[left++] = u->changes[i];
		}
	}
	u->count = left;
	u->more = 0;
}
