/* Passes over the store, and what they found. */
#include "ops/store_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyring/rooted_store.h"
#include "ops/row_check.h"
#include "ops/store_fault.h"

struct findings {
	uint64_t faults;
	size_t of_tables; /* of them, those about tables as a whole: they come first */
	char text[STORE_CHECK_FINDINGS][STORE_CHECK_SENTENCE];
};

struct store_check {
	pthread_mutex_t lock;      /* guards the next ones */
	struct findings last;      /* of the last whole pass, or of the start */
	uint64_t passes, running;  /* whole passes; the number of the one under way, 0: none */
	uint64_t last_rows;
	_Atomic uint64_t rows;     /* of the pass under way */
	uint64_t begun_mono_ms, ended_wall_s, took_ms;
	uint64_t known_faults;     /* what the audit log says */
	struct store_check_proof proof; /* of the last whole pass */
	/* store thread */
	struct engine *engine;     /* of the pass under way */
	struct row_check look;
	struct findings now;
	uint64_t no_grants;        /* of the faults now: grants that do not open, which give nobody a right */
	uint64_t unopened;         /* rows of this pass, for want of secret memory */
	struct store_check_proof seen; /* of the pass under way */
	bool root_unknown;         /* tables cannot be compared with it */
};

struct store_check *store_check_new(void)
{
	struct store_check *c = calloc(1, sizeof *c);
	if (c && pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		return NULL;
	}
	return c;
}

void store_check_free(struct store_check *check)
{
	if (!check) return;
	pthread_mutex_destroy(&check->lock);
	free(check);
}

/* What concerns a whole table comes before what concerns a row: one sentence is all that status shows. */
static void add_finding(struct findings *f, const char *sentence, bool of_table)
{
	size_t kept = f->faults < STORE_CHECK_FINDINGS ? (size_t)f->faults : STORE_CHECK_FINDINGS - 1;
	size_t at = of_table && f->of_tables < kept ? f->of_tables : kept;
	memmove(f->text[at + 1], f->text[at], (kept - at) * sizeof f->text[0]);
	if (of_table || f->faults < STORE_CHECK_FINDINGS) snprintf(f->text[at], STORE_CHECK_SENTENCE, "%s", sentence);
	f->of_tables += of_table;
	f->faults++;
}

/* Once, not with every pass. */
static void log_news(const struct findings *f)
{
	for (size_t i = 0; i < f->faults && i < STORE_CHECK_FINDINGS; i++) log_error("integrity: %s", f->text[i]);
	if (!f->faults) log_info("integrity: no fault any more");
}

static enum coffer_err look(void *arg, enum store_table table, const struct store_row *row)
{
	struct store_check *c = arg;
	c->rows++;
	if (table != STORE_SLOT && row->generation) {
		if (row->generation < c->seen.lowest) c->seen.lowest = row->generation;
		c->seen.below += row->generation < ring_newest(c->look.ring);
	}
	c->look.audit.base = c->engine->audit ? audit_chain_base(c->engine->audit) : NULL;
	enum coffer_err err = row_check(&c->look, table, row);
	if (err != ERR_MEMORY) return err;
	c->unopened++; /* its bytes are in the sum all the same */
	return ERR_OK;
}

static void note_fault(void *arg, const struct rooted_fault *fault)
{
	struct store_check *c = arg;
	char sentence[STORE_CHECK_SENTENCE];
	bool compares = fault->kind == ROOTED_MISSING || fault->kind == ROOTED_EXTRA || fault->kind == ROOTED_CHANGED || fault->kind == ROOTED_HEAD;
	if (c->root_unknown && compares) return;
	c->no_grants += fault->table == STORE_GRANT && (fault->kind == ROOTED_ROW_DAMAGED || fault->kind == ROOTED_ROW_UNUSABLE);
	store_fault_sentence(fault, sentence, sizeof sentence);
	add_finding(&c->now, sentence, compares);
}

/* A new account, which begins with what is wrong with the root itself. A root under a data key that is still to come is nothing wrong: until it is here nothing is compared (ERR_STATE), and it may be here
 * with the next row. */
static void begin_findings(struct engine *engine, struct store_check *c)
{
	struct reason reason = { "" };
	struct rooted_facts facts;
	c->now = (struct findings){ .faults = 0 };
	c->no_grants = 0;
	c->engine = engine;
	c->look = (struct row_check){ .ring = txn_ring(engine->txn) };
	enum coffer_err err = rooted_store_verdict(engine->store, &reason);
	rooted_store_facts(engine->store, &facts);
	c->root_unknown = err && facts.version == 0;
	if (!err || err == ERR_STATE) return;
	const char *text = reason_text(&reason, err);
	add_finding(&c->now, strncmp(text, "integrity: ", 11) == 0 ? text + 11 : text, true);
}

static void publish(struct store_check *c, bool whole)
{
	pthread_mutex_lock(&c->lock);
	c->last = c->now;
	c->ended_wall_s = clock_wall_s();
	c->took_ms = clock_mono_ms() - c->begun_mono_ms;
	c->last_rows = c->rows;
	bool news = whole && c->now.faults != c->known_faults;
	if (whole) {
		c->passes = c->running;
		c->proof = c->seen;
		c->proof.pass = c->running;
		c->proof.faults = c->now.faults;
	}
	c->running = 0;
	pthread_mutex_unlock(&c->lock);
	if (news) log_news(&c->now);
	if (c->unopened) log_warn("memory is short: %llu rows were compared without being opened", (unsigned long long)c->unopened);
}

static void start_clock(struct store_check *c)
{
	c->rows = 0;
	c->seen = (struct store_check_proof){ .lowest = UINT32_MAX };
	c->unopened = 0;
	c->begun_mono_ms = clock_mono_ms();
}

/* Grants that do not open in a table that is otherwise what the root says, in a store that an operator accepted: fewer rights, never more. */
static bool may_serve(struct engine *engine)
{
	struct rooted_facts facts;
	rooted_store_facts(engine->store, &facts);
	return engine->check->now.faults == (facts.accepted ? engine->check->no_grants : 0);
}

/* always: also when there is nothing to say. */
static enum coffer_err check_small(struct engine *engine, bool always, struct reason *reason)
{
	struct store_check *c = engine->check;
	size_t faults = 0;
	enum coffer_err verdict = rooted_store_verdict(engine->store, reason);
	if (!c || !rooted_store_is(engine->store) || verdict == ERR_VERSION) return verdict; /* of a newer program, or of several nodes: nothing to be accepted as it is */
	if (reason) reason->text[0] = '\0';
	start_clock(c);
	begin_findings(engine, c);
	const struct rooted_watch watch = { look, note_fault, c };
	enum coffer_err err = rooted_store_check_small(engine->store, &watch, &faults);
	if (err) return reason_default(reason, err, "the store cannot be checked: %s", err_text(err));
	if (always || c->now.faults) publish(c, false);
	if (may_serve(engine)) return ERR_OK;
	unsigned long long others = c->now.faults - 1;
	if (others) return reason_fail(reason, ERR_CORRUPT, "integrity: %.300s (and %llu more: 'coffer store check')", c->now.text[0], others);
	return reason_fail(reason, ERR_CORRUPT, "integrity: %.300s", c->now.text[0]);
}

enum coffer_err store_check_start(struct engine *engine, struct reason *reason)
{
	return check_small(engine, true, reason);
}

enum coffer_err store_check_reopened(struct engine *engine, struct reason *reason)
{
	return check_small(engine, false, reason);
}

void store_check_begin(struct engine *engine)
{
	struct store_check *c = engine->check;
	if (!c) return;
	start_clock(c);
	pthread_mutex_lock(&c->lock);
	c->running = c->passes + 1;
	pthread_mutex_unlock(&c->lock);
	begin_findings(engine, c);
	rooted_store_pass_begin(engine->store);
}

/* Rows are looked at one by one, so that none holds the thread for long. */
bool store_check_step(struct engine *engine, size_t rows, unsigned ms)
{
	struct store_check *c = engine->check;
	const struct rooted_watch watch = { look, note_fault, c };
	uint64_t until = clock_mono_ms() + ms;
	bool done = false;
	enum coffer_err err = ERR_OK;
	if (!c) return true;
	for (size_t i = 0; i < rows && !done && !err && clock_mono_ms() < until; i++) err = rooted_store_pass_step(engine->store, 1, &watch, &done);
	bool away = err == ERR_CLOSED || err == ERR_TIMEOUT || err == ERR_BUSY; /* of a database: no fault of what it holds */
	if (err == ERR_STATE || err == ERR_MEMORY || away) { /* the store was opened again, or accepted, meanwhile; or memory is short for now */
		store_check_begin(engine);
		return false;
	}
	if (err) {
		char sentence[STORE_CHECK_SENTENCE];
		snprintf(sentence, sizeof sentence, "the store could not be read to its end: %s; look at the log, and check the disk", err_text(err));
		add_finding(&c->now, sentence, true);
	}
	if (!done && !err) return false;
	rooted_store_sync_mark(engine->store);
	publish(c, true);
	return true;
}

bool store_check_is_news(struct engine *engine)
{
	struct store_check *c = engine->check;
	if (!c) return false;
	pthread_mutex_lock(&c->lock);
	bool news = c->last.faults != c->known_faults;
	pthread_mutex_unlock(&c->lock);
	return news;
}

struct known {
	struct store_check *check;
	uint64_t faults;
};

/* The record is durable. */
static void know(void *arg)
{
	struct known *k = arg;
	pthread_mutex_lock(&k->check->lock);
	k->check->known_faults = k->faults;
	pthread_mutex_unlock(&k->check->lock);
	free(k);
}

static enum coffer_err know_on_commit(struct store_check *c, struct txn *txn, uint64_t faults)
{
	struct known *k = malloc(sizeof *k);
	ENSURE(k, ERR_MEMORY);
	*k = (struct known){ c, faults };
	enum coffer_err err = txn_on_commit(txn, know, free, k);
	if (err) free(k);
	return err;
}

enum coffer_err store_check_note(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct store_check *c = engine->check;
	char details[STORE_CHECK_SENTENCE + 64];
	(void)arg;
	(void)reason;
	if (!engine->audit || !store_check_is_news(engine)) return ERR_OK;
	pthread_mutex_lock(&c->lock);
	uint64_t faults = c->last.faults;
	if (faults) snprintf(details, sizeof details, "integrity: %llu faults; the first: %.300s", (unsigned long long)faults, c->last.text[0]);
	else snprintf(details, sizeof details, "integrity: no fault any more");
	pthread_mutex_unlock(&c->lock);
	const struct audit_event event = { .principal = view_str("node"), .status = faults ? 1 : 0, .details = view_str(details) };
	TRY(know_on_commit(c, txn, faults));
	return audit_append(engine->audit, txn, &event);
}

void store_check_forget(struct store_check *check)
{
	if (!check) return;
	pthread_mutex_lock(&check->lock);
	check->last = (struct findings){ .faults = 0 };
	check->known_faults = 0;
	pthread_mutex_unlock(&check->lock);
}

/* One that is under way may have passed the place in question already. */
uint64_t store_check_next_pass(struct store_check *check)
{
	pthread_mutex_lock(&check->lock);
	uint64_t next = check->passes + 1 + (check->running != 0);
	pthread_mutex_unlock(&check->lock);
	return next;
}

bool store_check_awaits(struct store_check *check, uint64_t pass)
{
	pthread_mutex_lock(&check->lock);
	bool awaited = check->passes < pass && !check->running;
	pthread_mutex_unlock(&check->lock);
	return awaited;
}

bool store_check_proof(struct store_check *check, uint64_t pass, struct store_check_proof *out)
{
	pthread_mutex_lock(&check->lock);
	*out = check->proof;
	pthread_mutex_unlock(&check->lock);
	return out->pass >= pass;
}

bool store_check_is_well(struct store_check *check)
{
	if (!check) return true;
	pthread_mutex_lock(&check->lock);
	bool well = check->last.faults == 0;
	pthread_mutex_unlock(&check->lock);
	return well;
}

void store_check_sentence(struct store_check *check, char *out, size_t cap)
{
	out[0] = '\0';
	if (!check) return;
	pthread_mutex_lock(&check->lock);
	const struct findings *f = &check->last;
	if (f->faults > 1) snprintf(out, cap, "%s (and %llu more)", f->text[0], (unsigned long long)f->faults - 1);
	else if (f->faults) snprintf(out, cap, "%s", f->text[0]);
	else if (check->passes) snprintf(out, cap, "no fault");
	pthread_mutex_unlock(&check->lock);
}

void store_check_json(struct store_check *check, struct json_out *j)
{
	char name[16];
	if (!check) return;
	pthread_mutex_lock(&check->lock);
	const struct findings *f = &check->last;
	json_u64(j, "passes", check->passes);
	json_u64(j, "running", check->running);
	json_u64(j, "rows_so_far", check->running ? check->rows : 0);
	json_u64(j, "checked_at", check->ended_wall_s);
	json_u64(j, "took_ms", check->took_ms);
	json_u64(j, "rows", check->last_rows);
	json_u64(j, "faults", f->faults);
	json_begin(j, "findings");
	for (size_t i = 0; i < f->faults && i < STORE_CHECK_FINDINGS; i++) {
		snprintf(name, sizeof name, "%zu", i + 1);
		json_str(j, name, f->text[i]);
	}
	json_end(j);
	pthread_mutex_unlock(&check->lock);
}
