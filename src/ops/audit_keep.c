/* Rows, record, audit record and root in one transaction. */
#include "ops/audit_keep.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

#define BATCH 256u

struct keeping {
	uint64_t exported_to;
	bool more;
};

/* The last record that may go; 0: none. */
static uint64_t may_go(const struct config *config, uint64_t length, uint64_t exported_to)
{
	uint64_t keep = config->audit_keep > AUDIT_KEEP_LEAST ? config->audit_keep : AUDIT_KEEP_LEAST;
	if (config->audit_keep == 0 || length <= keep) return 0;
	uint64_t last = length - keep;
	return !config->audit_keep_unexported && exported_to < last ? exported_to : last;
}

static enum coffer_err take_out(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct keeping *k = arg;
	char details[256];
	(void)reason;
	ENSURE(engine->audit, ERR_SEALED);
	uint64_t gone = audit_chain_base(engine->audit)->seq, last = may_go(engine->config, audit_chain_length(engine->audit), k->exported_to);
	k->more = last > gone && last - gone >= BATCH; /* each batch leaves one record behind */
	if (!k->more) return ERR_OK;
	last = gone + BATCH;
	bool exported = last <= k->exported_to;
	TRY(audit_take_out(engine->audit, txn, last, exported));
	snprintf(details, sizeof details, "records %" PRIu64 " to %" PRIu64 " were taken out of the store: %s", gone + 1, last,
		exported ? "the export holds them" : "no export holds them, as audit_keep_unexported says");
	const struct audit_event event = { .principal = view_str("node"), .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

enum coffer_err audit_keep_step(struct engine *engine, uint64_t exported_to, bool *out_more)
{
	struct keeping k = { .exported_to = exported_to };
	struct reason why = { "" };
	*out_more = false;
	if (engine->config->audit_keep == 0 || engine_state_get(engine) != ENGINE_OPEN || engine_store_health(engine) != STORE_WELL) return ERR_OK;
	enum coffer_err err = engine->on_store(engine, take_out, &k, &why);
	if (err) log_warn("old records of the audit log stay in the store: %s", reason_text(&why, err));
	else *out_more = k.more;
	return err;
}
