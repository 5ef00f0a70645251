/* Node Remove: a node is no member any more; its wrapped data keys go, and the data key is changed, so that it opens nothing newer. */
#include <stdio.h>
#include <string.h>

#include "audit/chain.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain/admit.h"
#include "domain/waiting.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ops/alert.h"
#include "ops/enrol_revoke.h"
#include "ops/nodes.h"
#include "ops/quorum_ask.h"
#include "ops/rotation.h"
#include "ops/rotation_owed.h"
#include "ops/tables.h"

struct removal {
	struct op_ctx *ctx;
	struct view wanted;
	struct node_record node;
	struct enrol_revoked revoked;
};

static enum coffer_err check(struct removal *r, struct txn *txn, struct reason *reason)
{
	const struct node_record *n = &r->node;
	TRY(nodes_find(txn, r->wanted, &r->node, reason));
	if (n->state == NODE_REMOVED) return reason_fail(reason, ERR_STATE, "node '%s' was removed already", n->name);
	if (memcmp(n->node_id, ring_domain(txn_ring(txn))->node_id, UUID_LEN) == 0)
		return reason_fail(reason, ERR_STATE, "a node does not remove itself; make another one master server ('coffer promote' there) and remove it from there");
	return ERR_OK;
}

/* Who was admitted and has not joined is told so. */
static enum coffer_err refuse_request(struct txn *txn, const struct node_record *n)
{
	AUTO_BUF struct buf row = BUF_EMPTY;
	AUTO_BUF struct buf refused = BUF_EMPTY;
	enum coffer_err err = waiting_get(txn_store(txn), n->node_id, &row);
	if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (admit_refusal(buf_view(&row), "an administrator removed this node; it joins as a new one", &refused) != ERR_OK) return waiting_erase(txn_store(txn), n->node_id);
	return waiting_put(txn_store(txn), n->node_id, buf_view(&refused));
}

static enum coffer_err append_removed(struct engine *engine, struct txn *txn, const struct removal *r)
{
	char node[UUID_TEXT_LEN + 1], details[512];
	text_uuid(r->node.node_id, node);
	snprintf(details, sizeof details, "node %s '%s' removed; %u enrolment token(s) revoked, %u endorsement certificate(s) not listed any more%s%s", node, r->node.name,
		r->revoked.tokens, r->revoked.certificates, r->ctx->detail[0] ? "; " : "", r->ctx->detail);
	const struct audit_event event = { .principal = view_str(r->ctx->principal->text), .operation = OPERATION_COFFER_NODE_REMOVE,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

static enum coffer_err find_it(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	TRY(nodes_check_master(engine, reason));
	return check(arg, txn, reason);
}

static enum coffer_err remove_it(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct removal *r = arg;
	TRY(nodes_check_master(engine, reason));
	TRY(check(r, txn, reason));
	r->node.state = NODE_REMOVED;
	r->node.removed_ms = clock_wall_s() * 1000;
	TRY(node_record_put(txn_store(txn), txn_ring(txn), &r->node));
	TRY(nodes_erase_rows(txn, r->node.node_id));
	TRY(refuse_request(txn, &r->node));
	TRY(rotation_owe(engine, txn, r->node.name));
	TRY(enrol_revoke(txn, NULL, &r->revoked, reason)); /* a member can read the key of each token, and could list certificates */
	return append_removed(engine, txn, r);
}

static enum coffer_err ask_quorum(struct removal *r)
{
	char node[UUID_TEXT_LEN + 1], act[ADMISSION_NAME_MAX + 128];
	text_uuid(r->node.node_id, node);
	snprintf(act, sizeof act, "remove node '%s' (%s)", r->node.name, node);
	return quorum_ask(r->ctx, act);
}

/* A rotation that cannot be now does not keep the node in: it stays owed, and who removed it is told why. */
static void rotate(struct op_ctx *ctx, const struct node_record *node, struct writer *out)
{
	struct reason why = { "" };
	uint32_t generation = 0;
	enum coffer_err err = rotation_run(ctx->engine, ctx->principal->text, &generation, &why);
	if (!err) {
		ttlv_put_i32(out, TAG_COFFER_GENERATION, (int32_t)generation);
		return;
	}
	log_warn("node '%s' is removed, but the data key is still the one that it had: %s", node->name, reason_text(&why, err));
	ttlv_put_str(out, TAG_COFFER_LEFT_TO_DO, reason_text(&why, err));
}

enum coffer_err op_node_remove(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct engine *e = ctx->engine;
	struct removal r = { .ctx = ctx };
	char said[ADMISSION_NAME_MAX + 192];
	TRY(ttlv_take_text(payload, TAG_COFFER_NODE_NAME, &r.wanted));
	TRY(ttlv_done(payload));
	TRY(e->on_store(e, find_it, &r, &ctx->reason));
	TRY(ask_quorum(&r));
	enum coffer_err err = e->on_store(e, remove_it, &r, &ctx->reason);
	if (err == ERR_UNKNOWN_OUTCOME) return reason_default(&ctx->reason, err, "whether the node was removed is not known; look at 'coffer node list'");
	TRY(err);
	quorum_done(ctx);
	snprintf(said, sizeof said, "node '%s' was removed from the domain; %u enrolment token(s) revoked, %u endorsement certificate(s) not listed any more", r.node.name, r.revoked.tokens,
		r.revoked.certificates);
	log_warn("%s by %s", said, ctx->principal->text);
	if (e->alerts) (void)alert_happened(e->alerts, ALERT_NODE_REMOVED, said);
	ttlv_put_bytes(out, TAG_COFFER_NODE_ID, view_of(r.node.node_id, UUID_LEN));
	ttlv_put_str(out, TAG_COFFER_NODE_NAME, r.node.name);
	ttlv_put_i32(out, TAG_COFFER_ENROLMENTS_REVOKED, (int32_t)r.revoked.tokens);
	ttlv_put_i32(out, TAG_COFFER_CERTIFICATES_UNLISTED, (int32_t)r.revoked.certificates);
	rotate(ctx, &r.node, out);
	return ERR_OK;
}
