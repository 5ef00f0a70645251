/* Raising the counter, and taking a store that it refused. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "ops/anchor_internal.h"
#include "ops/rotation_master_internal.h"

struct raising {
	void (*recorded)(void *arg);
	void *arg;
	struct anchor_record record;
	bool nothing; /* was committed since the last raise */
};

/* Step 1 of docs/formats.md section 19.3. */
static enum coffer_err record_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct raising *r = arg;
	struct rooted_facts root;
	uint64_t confirmed = engine->anchor->confirmed;
	struct anchor_write load = { .record = &r->record };
	TRY(anchor_load(engine, txn, &load, reason));
	const struct anchor_record *record = &r->record;
	if (!load.found || record->stage != ANCHOR_MADE || confirmed == 0 || record->counter < confirmed || record->counter > confirmed + 1)
		return reason_fail(reason, ERR_STATE, "the anchor's record is not the one that this node wrote last; restart the daemon, which compares it with the token");
	rooted_store_facts(engine->store, &root);
	r->nothing = record->counter == confirmed && record->root_version == root.version;
	if (r->recorded) r->recorded(r->arg);
	if (r->nothing) return ERR_OK;
	r->record.counter = confirmed + 1;
	return anchor_store(engine, txn, &r->record, reason);
}

static enum coffer_err write_event(struct engine *engine, struct txn *txn, void *details, struct reason *reason)
{
	const struct audit_event event = { .principal = view_str("node"), .details = view_str(details) };
	(void)reason;
	return engine->audit ? audit_append(engine->audit, txn, &event) : ERR_OK;
}

void anchor_event(struct engine *engine, const char *details)
{
	struct reason why = { "" };
	char text[REASON_MAX + 64];
	snprintf(text, sizeof text, "%s", details);
	enum coffer_err err = engine->on_store(engine, write_event, text, &why);
	if (err) log_warn("the audit log could not be told of it: %s", reason_text(&why, err));
}

/* What changes is told to log and audit log, once. */
static void tell(struct engine *engine, bool late, const char *why)
{
	struct anchor *a = engine->anchor;
	char text[REASON_MAX];
	pthread_mutex_lock(&a->lock);
	bool news = a->facts.late != late;
	a->facts.late = late;
	snprintf(a->facts.sentence, sizeof a->facts.sentence, "%s", why);
	pthread_mutex_unlock(&a->lock);
	if (!news) return;
	if (late) snprintf(text, sizeof text, "rollback: what is destroyed or revoked from now on is not anchored: %.300s", why);
	else snprintf(text, sizeof text, "rollback: anchored again, the counter is at %" PRIu64, a->confirmed);
	if (late) log_warn("%s", text);
	else log_info("%s", text);
	anchor_event(engine, text);
}

/* Another copy of this node may raise the same counter; what it says is judged at the next start. */
static enum coffer_err take_raised(struct engine *engine, const struct raising *r, const struct token_counter_answer *answer, struct reason *reason)
{
	struct anchor *a = engine->anchor;
	enum anchor_verdict verdict = anchor_judge(r->record.counter, answer);
	if (verdict == ANCHOR_WELL) {
		a->confirmed = answer->value;
		anchor_know(a, &r->record);
		return ERR_OK;
	}
	if (verdict == ANCHOR_STORE_OLD)
		return reason_fail(reason, ERR_CORRUPT, "the token's counter is ahead (%" PRIu64 " instead of %" PRIu64 "): another copy of this node raises it too; find and stop it",
			answer->value, r->record.counter);
	if (verdict == ANCHOR_GONE) return reason_fail(reason, ERR_CORRUPT, "the token's counter was removed (%s)", r->record.ref.place);
	if (verdict == ANCHOR_REPLACED) return reason_fail(reason, ERR_CORRUPT, "the token's counter was replaced (%s)", r->record.ref.place);
	return reason_fail(reason, ERR_TOKEN, "the token's counter does not go up: it stays at %" PRIu64, answer->value);
}

static enum coffer_err raise_token(struct engine *engine, const struct raising *r, struct reason *reason)
{
	struct token_counter_wish wish;
	struct token_counter_answer answer;
	TRY(anchor_wish(&engine->identity.domain, &r->record, &wish));
	wish.from = engine->anchor->confirmed;
	TRY(token_proxy_counter_raise(engine->token, &wish, &answer, reason));
	return take_raised(engine, r, &answer, reason);
}

/* Nothing is written while the token is away, or where the disk is full. A TPM's counter wants neither PIN nor master secret. */
static enum coffer_err check_ready(struct engine *engine, struct reason *reason)
{
	struct token_health health;
	token_proxy_health(engine->token, &health);
	if (!token_proxy_counts(engine->token)) return reason_fail(reason, ERR_TOKEN_GONE, "the token is %s", token_state_name(health.state));
	if (engine_store_health(engine) != STORE_WELL) return engine_store_refuses(engine, ERR_IO, reason);
	return ERR_OK;
}

/* A token that is unwell may be one whose PIN alone cannot be read, or be away: it is asked first, so that nothing is written for one that is away. */
static enum coffer_err ask_unwell(struct engine *engine, struct reason *reason)
{
	struct token_health health;
	struct token_counter_wish wish;
	struct token_counter_answer ignored;
	struct anchor_record record = ANCHOR_RECORD_NONE;
	struct anchor_write load = { .record = &record };
	token_proxy_health(engine->token, &health);
	if (health.state == TOKEN_WELL) return ERR_OK;
	enum coffer_err err = engine->on_store(engine, anchor_load, &load, reason);
	if (!err && load.found) {
		err = anchor_wish(&engine->identity.domain, &record, &wish);
		if (!err) err = token_proxy_counter_read(engine->token, &wish, &ignored, reason);
	}
	anchor_record_clear(&record);
	return err;
}

enum coffer_err anchor_raise(struct engine *engine, void (*recorded)(void *arg), void *arg, struct reason *reason)
{
	struct raising r = { .recorded = recorded, .arg = arg, .record = ANCHOR_RECORD_NONE };
	struct reason why = { "" };
	if (!engine->anchor || !engine->token || !anchor_protects(engine->anchor)) return ERR_OK;
	if (!anchor_keep_token(engine->anchor)) return reason_fail(reason, ERR_BUSY, "the token is being changed");
	enum coffer_err err = check_ready(engine, &why);
	if (!err) err = ask_unwell(engine, &why);
	if (!err) err = engine->on_store(engine, record_on_store, &r, &why);
	if (!err && !r.nothing) err = raise_token(engine, &r, &why);
	anchor_let_token(engine->anchor);
	anchor_record_clear(&r.record);
	if (err || !r.nothing) tell(engine, err != ERR_OK, err ? reason_text(&why, err) : "");
	return err ? reason_fail(reason, err, "%s", reason_text(&why, err)) : ERR_OK;
}

/* ---- taking the store as it is ---- */

struct acceptance {
	const struct principal *principal;
	const char *by;
	struct anchor_record record;
	bool anew;    /* the counter is made anew */
	bool damaged; /* the record did not open */
	bool counted; /* how often a store was taken before is known all the same */
};

/* The counter stands, and says more or less than the store. */
static bool is_off(const struct anchor *a)
{
	return a->verdict == ANCHOR_STORE_OLD || a->verdict == ANCHOR_TOKEN_OLD;
}

static enum coffer_err prepare_record(struct engine *engine, struct acceptance *acc)
{
	struct anchor *a = engine->anchor;
	struct anchor_record *record = &acc->record;
	record->overridden++;
	record->overridden_ms = clock_wall_s() * 1000;
	record->overridden_from = record->counter;
	record->overridden_to = a->confirmed;
	if (a->left_token) return ERR_OK;
	acc->anew = !is_off(a);
	if (!acc->anew) {
		record->counter = a->confirmed + 1;
		if (record->first > record->counter) record->first = record->counter;
		return ERR_OK;
	}
	/* What stands there, or may, and was taken against is to be replaced by whoever finishes this, without being asked for once more. */
	const bool stands = a->other_token || a->verdict == ANCHOR_REPLACED || a->verdict == ANCHOR_BEFORE || a->verdict == ANCHOR_DAMAGED;
	record->stage = stands ? ANCHOR_MOVING : ANCHOR_MAKING;
	record->ref = (struct token_counter_ref){ .len = 0 };
	record->first = record->made_ms = record->counter = 0;
	return anchor_record_new_auth(record);
}

/* What a damaged record said of earlier times is taken from memory, where this process read it when it was well. */
static void take_earlier(struct engine *engine, struct acceptance *acc)
{
	struct anchor_facts facts;
	anchor_facts(engine->anchor, &facts);
	acc->damaged = true;
	acc->counted = facts.root_version != 0;
	acc->record.overridden = facts.overridden;
}

/* What the audit log says behind the two numbers. */
static const char *aside(const struct engine *engine, const struct acceptance *acc)
{
	const bool without = engine->anchor->verdict == ANCHOR_ELSEWHERE;
	if (acc->damaged) return acc->counted ? "; its record was damaged; another counter is made" : "; its record was damaged, and how often a store was taken before is lost with it; another counter is made";
	if (engine->anchor->left_token) return "; that token was left";
	return without ? "; this token cannot count" : acc->anew ? "; another counter is made" : "";
}

/* The record of the counter in force counts overrides for the one that was left too, and is not made newer by that. */
static enum coffer_err write_record(struct engine *engine, struct txn *txn, struct acceptance *acc, struct reason *reason)
{
	if (!engine->anchor->left_token) return anchor_store(engine, txn, &acc->record, reason);
	TRY(rotation_anchor_take_left(txn, engine->anchor->confirmed, &acc->record.overridden_from));
	return anchor_record_put(txn_store(txn), txn_ring(txn), &acc->record);
}

static enum coffer_err accept_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct acceptance *acc = arg;
	char details[512];
	struct anchor_write load = { .record = &acc->record };
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	enum coffer_err err = anchor_load(engine, txn, &load, reason);
	const bool damaged = err == ERR_CORRUPT && engine->anchor->verdict == ANCHOR_DAMAGED;
	if (damaged) err = anchor_record_erase(txn_store(txn), txn_ring(txn));
	TRY(err);
	if (engine->anchor->unsure && acc->record.overridden == engine->anchor->unsure) { /* a try whose outcome was not known: it is on record, and not taken once more */
		acc->anew = !engine->anchor->left_token && !is_off(engine->anchor);
		return ERR_OK;
	}
	if (damaged) take_earlier(engine, acc);
	TRY(prepare_record(engine, acc));
	TRY(write_record(engine, txn, acc, reason));
	snprintf(details, sizeof details, "store taken as it is against the token's counter: the store knows of %" PRIu64 ", the token says %" PRIu64 "%s%s%s",
		acc->record.overridden_from, acc->record.overridden_to, aside(engine, acc), acc->by[0] ? "; " : "", acc->by);
	const struct audit_event event = { .principal = view_str(acc->principal->text), .operation = OPERATION_COFFER_ANCHOR_ACCEPT,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

/* What fails now is mended by the next check: the record says what was meant. */
static enum coffer_err anchor_anew(struct engine *engine, struct acceptance *acc, struct reason *reason)
{
	bool other = false;
	const struct raising r = { .record = acc->record };
	if (engine->anchor->other_token || engine->anchor->left_token) return ERR_OK; /* which is not in force: the record says what it is to be held against */
	if (!acc->anew) return raise_token(engine, &r, reason);
	if (engine->anchor->verdict == ANCHOR_ELSEWHERE) return ERR_OK;
	return anchor_make(engine, &acc->record, true, &other, reason);
}

/* The store is taken by now, and counted as an override: what the token does not do is judged by anchor_check when the node opens. */
static void make_good(struct engine *engine, struct acceptance *acc)
{
	struct reason why = { "" };
	anchor_set_level(engine->anchor, ANCHOR_UNKNOWN, "");
	enum coffer_err err = anchor_anew(engine, acc, &why);
	if (!err) return;
	log_warn("the store is taken, and the token's counter did not follow: %s", reason_text(&why, err));
	anchor_set_level(engine->anchor, ANCHOR_UNKNOWN, reason_text(&why, err));
}

enum coffer_err anchor_accept(struct engine *engine, const struct principal *principal, const char *by, struct reason *reason)
{
	struct acceptance acc = { .principal = principal, .by = by, .record = ANCHOR_RECORD_NONE };
	struct anchor_facts facts;
	anchor_facts(engine->anchor, &facts);
	if (facts.level != ANCHOR_REFUSED)
		return reason_fail(reason, ERR_STATE, "the token's counter does not stand against this store; there is nothing to take");
	enum coffer_err err = engine->on_store(engine, accept_on_store, &acc, reason);
	if (err == ERR_UNKNOWN_OUTCOME && acc.record.overridden) engine->anchor->unsure = acc.record.overridden;
	if (!err) log_warn("the store was taken against the token's counter by %s", principal->text);
	if (!err) make_good(engine, &acc);
	anchor_record_clear(&acc.record);
	return err;
}
