/* Node List: the nodes of the domain, and who waits. Never a fingerprint of a request: it is typed from the new node's own screen or not at all. */
#include <string.h>

#include "base/clock.h"
#include "domain/waiting.h"
#include "keyring/rooted_store.h"
#include "kmip/tags.h"
#include "ops/json_out.h"
#include "ops/nodes.h"
#include "ops/tables.h"

#define LIST_MAX (256u * 1024u)

struct list {
	struct op_ctx *ctx;
	struct json_out j;
	bool first;
};

static void begin_entry(struct list *l, const uint8_t id[static UUID_LEN], const char *name, const char *state, const char *kind)
{
	char node[UUID_TEXT_LEN + 1];
	text_uuid(id, node);
	if (!l->first) writer_u8(l->j.w, ',');
	l->first = false;
	l->j.has_member = false;
	json_begin(&l->j, NULL);
	json_str(&l->j, "id", node);
	json_str(&l->j, "name", name);
	json_str(&l->j, "state", state);
	json_str(&l->j, "token", kind);
}

static enum coffer_err put_node(void *arg, const struct node_record *n)
{
	static const char *const origins[] = { [NODE_FOUNDED] = "founded", [NODE_BY_FINGERPRINT] = "fingerprint", [NODE_BY_ENROLMENT] = "enrolment token",
		[NODE_BY_ENDORSEMENT] = "endorsement certificate" };
	struct list *l = arg;
	bool own = memcmp(n->node_id, ring_domain(txn_ring(l->ctx->txn))->node_id, UUID_LEN) == 0;
	begin_entry(l, n->node_id, n->name, node_state_name(n->state), n->token_kind);
	json_str(&l->j, "this", own ? "yes" : "no");
	json_str(&l->j, "by", origins[n->origin]);
	json_str(&l->j, "approved_by", n->principal);
	json_u64(&l->j, "admitted", n->admitted_ms / 1000);
	json_u64(&l->j, "joined", n->joined_ms / 1000);
	json_u64(&l->j, "removed", n->removed_ms / 1000);
	json_end(&l->j);
	return ERR_OK;
}

/* What does not read is nobody's. */
static enum coffer_err put_waiting(void *arg, const uint8_t *node_id, struct view bytes)
{
	static const char *const states[] = { [ADMISSION_ASKED] = "waiting", [ADMISSION_ANSWERED] = "answered", [ADMISSION_REFUSED] = "refused", [ADMISSION_CHALLENGED] = "challenged" };
	struct list *l = arg;
	struct admission_row row;
	struct admission_request q;
	uint64_t now_s = clock_wall_s();
	if (admission_row_read(bytes, &row, NULL) != ERR_OK || admission_request_read(row.request, &q, NULL) != ERR_OK) return ERR_OK;
	if (memcmp(q.node_id, node_id, UUID_LEN) != 0) return ERR_OK;
	begin_entry(l, q.node_id, q.name, states[row.state], q.token_kind);
	json_u64(&l->j, "age", now_s > q.created_ms / 1000 ? now_s - q.created_ms / 1000 : 0);
	json_end(&l->j);
	return ERR_OK;
}

static enum coffer_err write_lists(struct list *l)
{
	struct writer *w = l->j.w;
	struct store *store = txn_store(l->ctx->txn);
	writer_bytes(w, view_str("{\"nodes\":["));
	l->first = true;
	enum coffer_err err = node_record_each(store, txn_ring(l->ctx->txn), put_node, l);
	if (err) return reason_default(&l->ctx->reason, err, "the records of the domain's nodes cannot be read: %s", err_text(err));
	writer_bytes(w, view_str("],\"waiting\":["));
	l->first = true;
	err = waiting_each(store, put_waiting, l);
	if (err) return reason_default(&l->ctx->reason, err, "the requests to join cannot be read: %s", err_text(err));
	writer_bytes(w, view_str("]}"));
	return writer_done(w);
}

enum coffer_err op_node_list(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct writer w;
	struct list l = { .ctx = ctx, .j = { .w = &w } };
	TRY(ttlv_done(payload));
	writer_init_buf(&w, &text, LIST_MAX);
	TRY(write_lists(&l));
	ttlv_put_text(out, TAG_COFFER_JSON, buf_view(&text));
	return ERR_OK;
}
