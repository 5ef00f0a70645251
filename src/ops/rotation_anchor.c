/* The counter, when the master secret changes: what a token says is held against the store before anything takes its place (docs/formats.md section 17.2). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "keyring/rooted_store.h"
#include "ops/anchor_internal.h"
#include "ops/rotation_master_internal.h"
#include "token/kind.h"

void rotation_anchor_tell(struct engine *engine, bool news)
{
	struct anchor_facts facts;
	char text[REASON_MAX + 64];
	anchor_facts(engine->anchor, &facts);
	if (!news || !facts.sentence[0]) return;
	snprintf(text, sizeof text, "a change of the master secret, and the counter in the token: %.400s", facts.sentence);
	anchor_event(engine, text);
}

enum coffer_err rotation_anchor_before(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct reason why = { "" };
	if (!e->anchor || !token_proxy_counts(e->token)) return ERR_OK;
	enum coffer_err err = anchor_check(e, &why);
	if (!err) return ERR_OK;
	if (e->anchor_fault) {
		rotation_anchor_tell(e, true);
		anchor_stop_serving(e);
		return reason_fail(reason, err, "%s", reason_text(&why, err));
	}
	log_warn("the counter in the token in force: %s", reason_text(&why, err));
	return ERR_OK;
}

static enum coffer_err ask(struct engine *e, const struct anchor_record *record, bool by_reference, struct token_counter_answer *out, struct reason *reason)
{
	struct token_counter_wish wish;
	TRY(anchor_wish(&e->identity.domain, record, &wish));
	if (!by_reference) wish.ref.len = 0;
	return token_proxy_counter_read(e->token, &wish, out, reason);
}

/* It is the counter of the record that was found: under whatever name, this is the TPM that it is in. */
static enum coffer_err judge_same(struct master_flow *f, const struct anchor_record *record, const struct token_counter_answer *answer, struct reason *reason)
{
	struct engine *e = f->engine;
	enum anchor_verdict verdict = anchor_judge_record(record, answer);
	f->value = answer->value;
	f->counter = record->stage == ANCHOR_LEFT ? MASTER_COUNTER_RETURNS : MASTER_COUNTER_STAYS;
	if (verdict == ANCHOR_WELL || verdict == ANCHOR_STEP_BEHIND) return ERR_OK;
	return anchor_refuse(e, verdict, record, answer->value, reason);
}

/* A counter of this node that the record is not about: where the one in force bears the store out, it is of no use any more; else it may be the one that an older store does not know. */
static enum coffer_err judge_unknown(struct master_flow *f, const struct anchor_record *record, bool compared, struct reason *reason)
{
	f->counter = MASTER_COUNTER_MOVES;
	if (compared || record->stage == ANCHOR_MOVING) return ERR_OK;
	return anchor_refuse(f->engine, ANCHOR_BEFORE, record, 0, reason);
}

static enum coffer_err plan(struct master_flow *f, struct anchor_record *record, bool compared, struct reason *reason)
{
	struct engine *e = f->engine;
	struct token_counter_answer answer = { .state = TOKEN_COUNTER_NONE };
	bool knows = record->stage == ANCHOR_MADE || record->stage == ANCHOR_LEFT;
	if (!record->auth) TRY(anchor_record_new_auth(record)); /* which no counter takes */
	enum coffer_err err = ask(e, record, knows, &answer, reason);
	if (err == ERR_UNSUPPORTED && knows && strcmp(f->after.token_kind, token_kind_name(TOKEN_KIND_TPM2)) == 0)
		return reason_fail(reason, ERR_TOKEN, "this node has a counter, and the TPM answers that it cannot count, which any TPM can: nothing was changed; something may stand between, or name another token");
	if (err == ERR_UNSUPPORTED) {
		if (reason) reason->text[0] = '\0';
		f->counter = record->stage == ANCHOR_MADE ? MASTER_COUNTER_LEAVES : MASTER_COUNTER_STAYS;
		return ERR_OK;
	}
	TRY(err);
	if (knows && answer.state == TOKEN_COUNTER_WELL) return judge_same(f, record, &answer, reason);
	if (knows) TRY(ask(e, record, false, &answer, reason));
	if (answer.state == TOKEN_COUNTER_WELL && !knows) return ERR_OK; /* that whose making was cut off: it is finished */
	if (answer.state != TOKEN_COUNTER_NONE) return judge_unknown(f, record, compared, reason);
	f->counter = MASTER_COUNTER_BEGINS;
	return ERR_OK;
}

enum coffer_err rotation_anchor_plan(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct anchor_record record = ANCHOR_RECORD_NONE;
	struct anchor_write load = { .record = &record };
	f->counter = MASTER_COUNTER_STAYS;
	if (!e->anchor || !rooted_store_is(e->store)) return ERR_OK;
	enum coffer_err err = e->on_store(e, anchor_load, &load, reason);
	if (!err) err = plan(f, &record, f->compared, reason);
	if (!err && record.stage == ANCHOR_MADE && (rotation_anchor_makes(f) || f->counter == MASTER_COUNTER_LEAVES)) {
		f->left = record;
		record = ANCHOR_RECORD_NONE;
	}
	anchor_record_clear(&record);
	struct anchor_facts facts;
	anchor_facts(e->anchor, &facts);
	if (err != ERR_CORRUPT || facts.level != ANCHOR_REFUSED) return err;
	e->anchor->other_token = true;
	e->anchor_fault = true;
	return err;
}

bool rotation_anchor_makes(const struct master_flow *f)
{
	return f->counter == MASTER_COUNTER_BEGINS || f->counter == MASTER_COUNTER_MOVES;
}

static enum coffer_err change_record(struct anchor_record *record, const struct master_flow *f)
{
	const enum master_counter counter = f->counter;
	if (counter == MASTER_COUNTER_LEAVES) {
		record->stage = ANCHOR_LEFT;
		record->counter++; /* rotation_anchor_leave */
	}
	if (counter == MASTER_COUNTER_RETURNS) {
		record->stage = ANCHOR_MADE;
		record->counter = f->value;
	}
	if (!rotation_anchor_makes(f)) return ERR_OK;
	record->stage = counter == MASTER_COUNTER_MOVES ? ANCHOR_MOVING : ANCHOR_MAKING;
	record->ref = (struct token_counter_ref){ .len = 0 };
	record->first = record->made_ms = record->counter = 0;
	return anchor_record_new_auth(record);
}

/* A counter is of one token. What is to be made in the new one stands in the same transaction, so that a start after a crash makes it. */
enum coffer_err rotation_anchor_write(struct engine *engine, struct txn *txn, const struct master_flow *f, struct reason *reason)
{
	struct anchor_record record = ANCHOR_RECORD_NONE;
	struct anchor_write load = { .record = &record };
	if (f->counter == MASTER_COUNTER_STAYS) return ERR_OK;
	enum coffer_err err = anchor_load(engine, txn, &load, reason);
	if (!err) err = change_record(&record, f);
	if (!err) err = anchor_store(engine, txn, &record, reason);
	anchor_record_clear(&record);
	return err;
}

/* Nothing raises it while the node is elsewhere, and leaving it raises it to left.counter + 1: the store that the node left it with knew less than there was. */
static enum coffer_err refuse_left(struct master_flow *f, uint64_t value, struct reason *reason)
{
	struct engine *e = f->engine;
	struct anchor_record record = ANCHOR_RECORD_NONE; /* overrides so far; the rest is that of the counter that was left */
	struct anchor_write load = { .record = &record };
	struct reason why = { "" };
	if (f->for_good) {
		log_warn("the counter in the token that was left is at %" PRIu64 " and the store knows of %" PRIu64 ": the store was not the newest", value, f->record.left.counter);
		return ERR_OK;
	}
	enum coffer_err err = e->on_store(e, anchor_load, &load, &why);
	if (err) log_warn("%s", reason_text(&why, err));
	record.counter = f->record.left.counter;
	record.ref = f->record.left.ref;
	err = anchor_refuse(e, ANCHOR_STORE_OLD, &record, value, reason);
	anchor_record_clear(&record);
	e->anchor->left_token = true;
	e->anchor_fault = true;
	f->rolled_back = true;
	return err;
}

enum coffer_err rotation_anchor_take_left(struct txn *txn, uint64_t value, uint64_t *out_from)
{
	struct master_record record;
	TRY(master_record_read(txn, &record));
	*out_from = record.left.counter;
	record.left.counter = value;
	enum coffer_err err = record.phase == 2 && record.left.auth ? master_record_put(txn, &record) : ERR_STATE;
	anchor_record_clear(&record.left);
	return err;
}

enum coffer_err rotation_anchor_leave(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	const struct anchor_record *left = &f->record.left;
	struct token_counter_wish wish;
	struct token_counter_answer answer;
	if (!left->auth) return ERR_OK;
	TRY(anchor_wish(&e->identity.domain, left, &wish));
	TRY(token_proxy_counter_read(e->token, &wish, &answer, reason));
	if (answer.state == TOKEN_COUNTER_WELL && answer.value > left->counter + 1) return refuse_left(f, answer.value, reason);
	/* At most two: the last raise may not have reached it. */
	for (unsigned i = 0; i < 2 && answer.state == TOKEN_COUNTER_WELL && answer.value <= left->counter; i++) {
		wish.from = answer.value;
		TRY(token_proxy_counter_raise(e->token, &wish, &answer, reason));
	}
	if (answer.state == TOKEN_COUNTER_WELL && answer.value <= left->counter)
		return reason_fail(reason, ERR_TOKEN, "the counter in the token that was left does not go up: it stays at %" PRIu64, answer.value);
	if (answer.state != TOKEN_COUNTER_WELL)
		return reason_fail(reason, ERR_TOKEN, "the counter in the token that was left (%s) %s, so an older store put back is not noticed there", left->ref.place,
			answer.state == TOKEN_COUNTER_NONE ? "was removed" : "was replaced");
	return ERR_OK;
}
