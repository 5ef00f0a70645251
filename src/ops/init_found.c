/* The end of init: the rows of a new domain. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "keyring/generation.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "ops/domain_found.h"
#include "ops/init_flow.h"
#include "ops/seat.h"

struct founding {
	const struct init_pending *pending;
	const struct principal *principal;
};

static enum coffer_err put_slot(struct txn *txn, const struct init_pending *p)
{
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .version = 0 };
	TRY(slot_make(txn_ring(txn), ring_newest(txn_ring(txn)), p->identity.token_kind, &p->identity.binding, buf_view(&p->blob),
		p->signature, clock_wall_s() * 1000, &row, &header, &body));
	return store_put(txn_store(txn), STORE_SLOT, &row, false);
}

static enum coffer_err put_administrator(struct txn *txn, const struct principal *principal, struct reason *reason)
{
	struct grant grant = { .role = ROLE_ADMINISTRATOR };
	struct grants *none = NULL, *one = NULL;
	memcpy(grant.principal, principal->text, sizeof grant.principal);
	memcpy(grant.granted_by, principal->text, sizeof grant.granted_by);
	TRY(grants_load(txn, &none));
	enum coffer_err err = grants_add(txn, none, &grant, &one, reason);
	grants_unref(none);
	grants_unref(one);
	return err;
}

static void describe(const struct init_pending *p, char *out, size_t cap)
{
	if (p->recovery == INIT_RECOVERY_SHARES) snprintf(out, cap, "shares: any %u of %u", p->threshold, p->shares);
	else if (p->recovery == INIT_RECOVERY_PASSPHRASE) snprintf(out, cap, "passphrase");
	else snprintf(out, cap, "none: if this token is lost, everything is lost");
}

static enum coffer_err append_init(struct engine *engine, struct txn *txn, const struct founding *f)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT], recovery[sizeof engine->recovery], details[256];
	describe(f->pending, recovery, sizeof recovery);
	domain_fingerprint_text(&f->pending->identity.domain, fingerprint);
	snprintf(details, sizeof details, "init: domain %s, recovery %s", fingerprint, recovery);
	struct audit_event event = { .principal = view_str(f->principal->text), .status = RESULT_STATUS_SUCCESS,
		.details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

static enum coffer_err write_domain(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct founding *f = arg;
	const struct init_pending *p = f->pending;
	struct store *store = txn_store(txn);
	struct ring *ring = txn_ring(txn);
	TRY(put_slot(txn, p));
	TRY(generation_put_domain_key(store, ring, p->seed, p->identity.domain.public_key));
	if (p->recovery == INIT_RECOVERY_NONE) TRY(recovery_put_none(store, ring));
	else TRY(recovery_put(store, ring, p->seed, &p->stanza, reason));
	TRY(put_administrator(txn, f->principal, reason));
	TRY(seat_found(engine, txn, p->identity.token_kind, f->principal->text, reason));
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	return append_init(engine, txn, f);
}

enum coffer_err init_found(struct engine *engine, const struct principal *principal, struct reason *reason)
{
	char recovery[sizeof engine->recovery];
	struct init_pending *p = engine->pending;
	struct founding f = { .pending = p, .principal = principal };
	describe(p, recovery, sizeof recovery);
	const struct domain_founding founding = { .identity = &p->identity, .ring = &p->ring, .proxy = &p->proxy, .write = write_domain, .arg = &f,
		.recovery = recovery, .command = "coffer init" };
	enum coffer_err err = domain_found(engine, &founding, reason);
	init_drop(engine);
	return err;
}
