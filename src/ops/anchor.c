/* The anchor's facts, and the check at start. */
#include "ops/anchor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyring/rooted_store.h"
#include "ops/anchor_internal.h"
#include "token/kind.h"

struct anchor *anchor_new(void)
{
	struct anchor *a = calloc(1, sizeof *a);
	if (a && pthread_mutex_init(&a->lock, NULL) != 0) {
		free(a);
		return NULL;
	}
	if (a && pthread_rwlock_init(&a->turning, NULL) != 0) {
		pthread_mutex_destroy(&a->lock);
		free(a);
		return NULL;
	}
	return a;
}

bool anchor_keep_token(struct anchor *anchor)
{
	return !anchor || pthread_rwlock_tryrdlock(&anchor->turning) == 0;
}

void anchor_let_token(struct anchor *anchor)
{
	if (anchor) pthread_rwlock_unlock(&anchor->turning);
}

void anchor_free(struct anchor *anchor)
{
	if (!anchor) return;
	pthread_rwlock_destroy(&anchor->turning);
	pthread_mutex_destroy(&anchor->lock);
	free(anchor);
}

void anchor_facts(struct anchor *anchor, struct anchor_facts *out)
{
	*out = (struct anchor_facts){ .level = ANCHOR_UNKNOWN };
	if (!anchor) return;
	pthread_mutex_lock(&anchor->lock);
	*out = anchor->facts;
	pthread_mutex_unlock(&anchor->lock);
}

bool anchor_protects(struct anchor *anchor)
{
	struct anchor_facts facts;
	anchor_facts(anchor, &facts);
	return facts.level == ANCHOR_TOKEN;
}

const char *anchor_level_name(enum anchor_level level)
{
	static const char *const names[] = { "unknown", "none in the token", "counter in the token", "none yet", "refused" };
	return (unsigned)level < sizeof names / sizeof names[0] ? names[level] : "?";
}

void anchor_set_level(struct anchor *a, enum anchor_level level, const char *sentence)
{
	pthread_mutex_lock(&a->lock);
	a->facts.level = level;
	if (level == ANCHOR_TOKEN || level == ANCHOR_NONE || level == ANCHOR_REFUSED) a->facts.uncompared = false;
	snprintf(a->facts.sentence, sizeof a->facts.sentence, "%s", sentence);
	pthread_mutex_unlock(&a->lock);
}

void anchor_set_uncompared(struct anchor *a, const char *sentence)
{
	struct anchor_facts before;
	anchor_facts(a, &before);
	if (!before.uncompared || strcmp(before.sentence, sentence) != 0) log_warn("%s", sentence);
	anchor_set_level(a, ANCHOR_BROKEN, sentence);
	pthread_mutex_lock(&a->lock);
	a->facts.uncompared = true;
	pthread_mutex_unlock(&a->lock);
}

void anchor_know(struct anchor *a, const struct anchor_record *record)
{
	pthread_mutex_lock(&a->lock);
	struct anchor_facts *f = &a->facts;
	memcpy(f->place, record->ref.place, sizeof f->place);
	f->first = record->first;
	f->made_ms = record->made_ms;
	f->counter = a->confirmed;
	f->root_version = record->root_version;
	f->raised_ms = record->time_ms;
	f->overridden = record->overridden;
	f->overridden_ms = record->overridden_ms;
	f->overridden_from = record->overridden_from;
	f->overridden_to = record->overridden_to;
	pthread_mutex_unlock(&a->lock);
}

/* ---- the record in the store ---- */

enum coffer_err anchor_load(struct engine *engine, struct txn *txn, void *write, struct reason *reason)
{
	struct anchor_write *w = write;
	(void)engine;
	*w->record = ANCHOR_RECORD_NONE;
	enum coffer_err err = anchor_record_read(txn_store(txn), txn_ring(txn), w->record);
	w->found = err == ERR_OK;
	if (err == ERR_NOT_FOUND) return ERR_OK;
	return err ? reason_default(reason, err, "the anchor's record cannot be read: %s", err_text(err)) : ERR_OK;
}

enum coffer_err anchor_store(struct engine *engine, struct txn *txn, struct anchor_record *record, struct reason *reason)
{
	struct rooted_facts root;
	rooted_store_facts(engine->store, &root);
	record->root_version = root.version + 1; /* that of this transaction */
	record->time_ms = clock_wall_s() * 1000;
	enum coffer_err err = anchor_record_put(txn_store(txn), txn_ring(txn), record);
	return err ? reason_default(reason, err, "the anchor's record cannot be written: %s", err_text(err)) : ERR_OK;
}

static enum coffer_err store_record(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	return anchor_store(engine, txn, arg, reason);
}

/* ---- making ---- */

enum coffer_err anchor_make(struct engine *engine, struct anchor_record *record, bool replace, bool *out_other, struct reason *reason)
{
	struct token_counter_wish wish;
	struct token_counter_answer answer;
	*out_other = false;
	TRY(anchor_wish(&engine->identity.domain, record, &wish));
	wish.ref.len = 0;
	wish.replace = replace;
	TRY(token_proxy_counter_make(engine->token, &wish, &answer, reason));
	*out_other = answer.state == TOKEN_COUNTER_OTHER;
	if (answer.state != TOKEN_COUNTER_WELL) return ERR_OK;
	record->stage = ANCHOR_MADE;
	record->ref = answer.ref;
	record->first = record->counter = answer.value;
	record->made_ms = clock_wall_s() * 1000;
	TRY(engine->on_store(engine, store_record, record, reason));
	engine->anchor->confirmed = answer.value;
	anchor_know(engine->anchor, record);
	anchor_set_level(engine->anchor, ANCHOR_TOKEN, "");
	return ERR_OK;
}

/* ---- the check at start ---- */

enum anchor_verdict anchor_judge(uint64_t recorded, const struct token_counter_answer *answer)
{
	if (answer->state == TOKEN_COUNTER_NONE) return ANCHOR_GONE;
	if (answer->state != TOKEN_COUNTER_WELL) return ANCHOR_REPLACED;
	if (answer->value == recorded) return ANCHOR_WELL;
	if (answer->value > recorded) return ANCHOR_STORE_OLD;
	return answer->value + 1 == recorded ? ANCHOR_STEP_BEHIND : ANCHOR_TOKEN_OLD;
}

enum anchor_verdict anchor_judge_record(const struct anchor_record *record, const struct token_counter_answer *answer)
{
	enum anchor_verdict verdict = anchor_judge(record->counter, answer);
	return verdict == ANCHOR_TOKEN_OLD && record->stage == ANCHOR_LEFT && answer->value + 2 == record->counter ? ANCHOR_STEP_BEHIND : verdict;
}

#define GO_ON "; restore the newest copy, or go on with this one by 'coffer store accept --rollback --yes'"

enum coffer_err anchor_refuse(struct engine *engine, enum anchor_verdict verdict, const struct anchor_record *record, uint64_t value, struct reason *reason)
{
	struct anchor *a = engine->anchor;
	char s[REASON_MAX];
	switch (verdict) {
	case ANCHOR_STORE_OLD:
		snprintf(s, sizeof s, "rollback: the store is older than this node has been: the token's counter was raised to %" PRIu64 " and the store knows of %" PRIu64
			" (an older copy was put back, or another copy of this node ran)" GO_ON, value, record->counter);
		break;
	case ANCHOR_TOKEN_OLD:
		snprintf(s, sizeof s, "rollback: the token is older than the store: its counter says %" PRIu64 " and was at %" PRIu64 " (a virtual TPM was set back)" GO_ON,
			value, record->counter);
		break;
	case ANCHOR_GONE:
		snprintf(s, sizeof s, "rollback: the token's counter is not there any more (%s): nobody can tell whether the store is the newest" GO_ON, record->ref.place);
		break;
	case ANCHOR_REPLACED:
		snprintf(s, sizeof s, "rollback: another counter stands in the place of this node's (%s): nobody can tell whether the store is the newest" GO_ON,
			record->ref.place);
		break;
	case ANCHOR_DAMAGED:
		snprintf(s, sizeof s, "rollback: what the store has on record of the token's counter is damaged: nobody can tell whether it is the newest" GO_ON);
		break;
	case ANCHOR_ELSEWHERE:
		snprintf(s, sizeof s, "rollback: the counter of this store is in another token (%s), and this one cannot count" GO_ON, record->ref.place);
		break;
	default:
		snprintf(s, sizeof s, "rollback: the token has a counter of this node that the store does not know: the store is from before it was made" GO_ON);
		break;
	}
	a->verdict = verdict;
	a->other_token = a->left_token = false;
	a->unsure = 0;
	a->confirmed = value;
	anchor_know(a, record);
	anchor_set_level(a, ANCHOR_REFUSED, s);
	return reason_fail(reason, ERR_CORRUPT, "%s", s);
}

/* What the node serves without; compared: the token said that there is none to compare with. */
static enum coffer_err go_without(struct engine *engine, enum coffer_err err, const struct reason *why, bool compared)
{
	struct reason sentence = { "" };
	(void)reason_fail(&sentence, err, "no counter could be made in the token, so an older store put back is not noticed: %.300s", reason_text(why, err));
	anchor_set_uncompared(engine->anchor, sentence.text);
	pthread_mutex_lock(&engine->anchor->lock);
	engine->anchor->facts.uncompared = !compared;
	pthread_mutex_unlock(&engine->anchor->lock);
	return ERR_OK;
}

void anchor_go_without_token(struct engine *engine, enum coffer_err err, const struct reason *why)
{
	struct reason sentence = { "" };
	(void)reason_fail(&sentence, err, "opened without the token, whose counter was not asked: an older store put back is not noticed: %.300s", reason_text(why, err));
	anchor_set_uncompared(engine->anchor, sentence.text);
}

/* The authorization value is in the store before the token has it. Where the token has no counter of this node the value is new at each try, so that a copy from a time when none could be made
 * knows nothing that the counter takes which is made at last. */
static enum coffer_err make_first(struct engine *engine, struct anchor_record *record, bool none, struct reason *reason)
{
	struct reason why = { "" };
	bool other = false, moving = record->stage == ANCHOR_MOVING && !none;
	if (none || (record->stage != ANCHOR_MAKING && !moving)) {
		record->stage = ANCHOR_MAKING;
		TRY(anchor_record_new_auth(record));
		TRY(engine->on_store(engine, store_record, record, reason));
	}
	enum coffer_err err = anchor_make(engine, record, moving, &other, &why);
	if (other) return anchor_refuse(engine, ANCHOR_BEFORE, record, 0, reason);
	if (err) anchor_know(engine->anchor, record);
	if (err) return go_without(engine, err, &why, true);
	pthread_mutex_lock(&engine->anchor->lock);
	engine->anchor->facts.made_now = true;
	pthread_mutex_unlock(&engine->anchor->lock);
	log_info("rollback: a counter was made in the token (%s)", record->ref.place);
	return ERR_OK;
}

static enum coffer_err take_answer(struct engine *engine, struct anchor_record *record, const struct token_counter_answer *answer, struct reason *reason)
{
	struct anchor *a = engine->anchor;
	if (record->stage != ANCHOR_MADE && record->stage != ANCHOR_LEFT)
		return answer->state == TOKEN_COUNTER_OTHER && record->stage != ANCHOR_MOVING ? anchor_refuse(engine, ANCHOR_BEFORE, record, 0, reason)
			: make_first(engine, record, answer->state == TOKEN_COUNTER_NONE, reason);
	enum anchor_verdict verdict = anchor_judge_record(record, answer);
	uint64_t value = answer->state == TOKEN_COUNTER_WELL ? answer->value : 0;
	if (verdict != ANCHOR_WELL && verdict != ANCHOR_STEP_BEHIND) return anchor_refuse(engine, verdict, record, value, reason);
	if (record->stage == ANCHOR_LEFT) { /* it is in force again: else nothing would raise it */
		record->stage = ANCHOR_MADE;
		record->counter = value;
		TRY(engine->on_store(engine, store_record, record, reason));
	}
	a->confirmed = value;
	anchor_know(a, record);
	anchor_set_level(a, ANCHOR_TOKEN, "");
	return ERR_OK;
}

static enum coffer_err ask_token(struct engine *engine, struct anchor_record *record, struct reason *reason)
{
	struct token_counter_wish wish;
	struct token_counter_answer answer;
	if (!record->auth) TRY(anchor_record_new_auth(record)); /* which no counter takes */
	TRY(anchor_wish(&engine->identity.domain, record, &wish));
	enum coffer_err err = token_proxy_counter_read(engine->token, &wish, &answer, reason);
	bool is_tpm = strcmp(engine->identity.token_kind, token_kind_name(TOKEN_KIND_TPM2)) == 0;
	if (err == ERR_UNSUPPORTED && (record->stage == ANCHOR_MADE || (is_tpm && record->stage == ANCHOR_LEFT))) return anchor_refuse(engine, ANCHOR_ELSEWHERE, record, 0, reason);
	if (err == ERR_UNSUPPORTED && is_tpm) { /* which is an error code, that nothing authenticates: there is no counter to lose, nobody calls it well, and it is asked again */
		anchor_know(engine->anchor, record);
		return go_without(engine, err, reason, false);
	}
	if (err == ERR_UNSUPPORTED) {
		if (reason) reason->text[0] = '\0';
		anchor_know(engine->anchor, record);
		anchor_set_level(engine->anchor, ANCHOR_NONE, "");
		return ERR_OK;
	}
	return err ? err : take_answer(engine, record, &answer, reason);
}

/* How often a store was taken before stays known as long as the process lives. */
static enum coffer_err refuse_damaged(struct engine *engine, struct reason *reason)
{
	struct anchor_facts facts;
	anchor_facts(engine->anchor, &facts);
	const struct anchor_record record = { .root_version = facts.root_version, .time_ms = facts.raised_ms, .overridden = facts.overridden, .overridden_ms = facts.overridden_ms,
		.overridden_from = facts.overridden_from, .overridden_to = facts.overridden_to };
	return anchor_refuse(engine, ANCHOR_DAMAGED, &record, 0, reason);
}

enum coffer_err anchor_check(struct engine *engine, struct reason *reason)
{
	struct anchor_record record = ANCHOR_RECORD_NONE;
	struct anchor_write load = { .record = &record };
	if (!engine->anchor || !rooted_store_is(engine->store)) return ERR_OK;
	pthread_mutex_lock(&engine->anchor->lock);
	engine->anchor->facts.made_now = false;
	pthread_mutex_unlock(&engine->anchor->lock);
	enum coffer_err err = engine->on_store(engine, anchor_load, &load, reason);
	if (err == ERR_CORRUPT) err = refuse_damaged(engine, reason);
	else if (!err) err = ask_token(engine, &record, reason);
	anchor_record_clear(&record);
	struct anchor_facts facts;
	anchor_facts(engine->anchor, &facts);
	engine->anchor_fault = facts.level == ANCHOR_REFUSED && err == ERR_CORRUPT;
	return err;
}

void anchor_stop_serving(struct engine *engine)
{
	struct anchor_facts facts;
	anchor_facts(engine->anchor, &facts);
	engine_note(engine, "%s", facts.sentence);
	log_error("the node stops serving: %s", facts.sentence);
	engine->state = ENGINE_FAULT;
}

enum coffer_err anchor_compare_late(struct engine *engine, struct reason *reason)
{
	struct reason why = { "" };
	char text[REASON_MAX + 64];
	enum coffer_err err = anchor_check(engine, &why);
	if (err && !engine->anchor_fault) {
		struct reason sentence = { "" };
		(void)reason_fail(&sentence, err, "the token's counter could not be asked yet, so an older store put back is not noticed: %.300s", reason_text(&why, err));
		anchor_set_uncompared(engine->anchor, sentence.text); /* which logs it when it is news */
		return reason_fail(reason, err, "%s", sentence.text);
	}
	if (err) (void)reason_fail(reason, err, "%s", reason_text(&why, err));
	struct anchor_facts facts;
	anchor_facts(engine->anchor, &facts);
	if (!err && facts.uncompared) return reason_fail(reason, ERR_UNSUPPORTED, "%s", facts.sentence);
	snprintf(text, sizeof text, "the token is back and its counter was asked: %s", err || facts.level == ANCHOR_BROKEN ? facts.sentence : facts.level != ANCHOR_TOKEN ? "none"
		: facts.made_now ? "a rollback counter was made, nothing was compared" : "the store is the newest");
	if (!err) log_info("rollback: %s", text);
	anchor_event(engine, text);
	if (err) anchor_stop_serving(engine);
	return err;
}
