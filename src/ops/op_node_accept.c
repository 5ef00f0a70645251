/* Node Accept: one of two machines that ran with a node's identity is gone, says an administrator; the note that stops the node leaves (docs/formats.md section 23.4). */
#include <stdio.h>
#include <string.h>

#include "audit/chain.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain/fence.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "ops/nodes.h"
#include "ops/open_again.h"
#include "ops/seat.h"
#include "ops/tables.h"

struct acceptance {
	struct op_ctx *ctx;
	struct view wanted;
	struct node_record node;
};

/* Behind the commit: what this process believed of the lease is the other machine's as well as its own. */
static void goes_on(void *arg)
{
	struct engine *engine = arg;
	rooted_store_forget_twin(engine->store);
	if (engine->seat->role.twin) role_accept_twin(&engine->seat->role, clock_mono_ms());
}

static enum coffer_err append(struct engine *engine, struct txn *txn, const struct acceptance *a)
{
	char node[UUID_TEXT_LEN + 1], details[512];
	text_uuid(a->node.node_id, node);
	snprintf(details, sizeof details, "node %s '%s' goes on: the other machine with its identity is gone%s%s", node, a->node.name, a->ctx->detail[0] ? "; " : "", a->ctx->detail);
	const struct audit_event event = { .principal = view_str(a->ctx->principal->text), .operation = OPERATION_COFFER_NODE_ACCEPT,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, NULL)); /* the node did not open */
	return audit_append(engine->audit, txn, &event);
}

static enum coffer_err accept_it(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct acceptance *a = arg;
	TRY(nodes_find(txn, a->wanted, &a->node, reason));
	if (a->node.state == NODE_REMOVED) return reason_fail(reason, ERR_STATE, "node '%s' was removed; it joins as a new one", a->node.name);
	bool own = memcmp(a->node.node_id, ring_domain(txn_ring(txn))->node_id, UUID_LEN) == 0;
	TRY(fence_clear_twin(txn_store(txn), a->node.node_id));
	if (own) TRY(txn_on_commit(txn, goes_on, NULL, engine));
	return append(engine, txn, a);
}

/* A node that the note stops begins no transaction, but for this one. */
static bool names_this_node(const struct engine *engine, struct view wanted)
{
	char node[UUID_TEXT_LEN + 1];
	text_uuid(engine->identity.domain.node_id, node);
	return view_equal_str(wanted, node) || view_equal_str(wanted, engine->seat->name);
}

enum coffer_err op_node_accept(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct engine *e = ctx->engine;
	struct acceptance a = { .ctx = ctx };
	TRY(ttlv_take_text(payload, TAG_COFFER_NODE_NAME, &a.wanted));
	TRY(ttlv_done(payload));
	if (!e->seat) return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this domain has one node: its store is not shared (configuration key store_shared)");
	bool own = names_this_node(e, a.wanted);
	if (e->twin_fault && !own) return reason_fail(&ctx->reason, ERR_STATE, "this node is stopped, and accepts itself alone; give its own name or id, or ask another node");
	e->seat->accepting = own;
	enum coffer_err err = e->on_store(e, accept_it, &a, &ctx->reason);
	e->seat->accepting = false;
	if (err == ERR_UNKNOWN_OUTCOME) return reason_default(&ctx->reason, err, "whether the node may go on is not known; give the command again");
	TRY(err);
	if (e->twin_fault) TRY(open_again(e, &ctx->reason));
	log_warn("node '%s' goes on, says %s: the other machine with its identity is gone", a.node.name, ctx->principal->text);
	ttlv_put_bytes(out, TAG_COFFER_NODE_ID, view_of(a.node.node_id, UUID_LEN));
	ttlv_put_str(out, TAG_COFFER_NODE_NAME, a.node.name);
	return ERR_OK;
}
