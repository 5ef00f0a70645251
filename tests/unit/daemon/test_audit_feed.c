/* What a copy of the audit log is fed with: receivers that refuse, were away or lost what they had, and a log with holes. Whatever is left out has a signed gap in its place and is counted, and no
 * place is noted before the records up to it are told. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/page.h"
#include "audit/proof.h"
#include "daemon/audit_feed.h"
#include "keyring/generation.h"
#include "unit/objects/support.h"

#define LINES 512u
#define ALL UINT64_MAX

/* The receiver. */
struct audit_sink {
	char *lines[LINES];
	size_t count;
	uint64_t takes;        /* so many more lines; then it is closed */
	uint64_t too_long;     /* the record that is; 0: none */
	uint64_t noted;        /* as note_position of a datagram sink */
	bool header_sent, lost, moved;
	struct audit_place begins; /* what locate says */
};

static struct audit_sink sink;

static enum coffer_err locate(struct audit_sink *s, const struct domain_id *domain, struct audit_place *out, uint64_t *out_signed_to, uint64_t *out_seq)
{
	(void)domain, (void)out_signed_to;
	s->header_sent = false;
	*out = s->begins;
	*out_seq = s->begins.seq;
	return ERR_NOT_FOUND;
}

static bool lost(const struct audit_sink *s)
{
	return s->lost;
}

static enum coffer_err put_aside(struct audit_sink *s)
{
	(void)s;
	return ERR_OK;
}

static bool wants_header(const struct audit_sink *s)
{
	return !s->header_sent;
}

static bool wants_checkpoint(const struct audit_sink *s, const struct config *config, size_t more)
{
	(void)s, (void)config, (void)more;
	return true;
}

static bool is_record(const uint8_t *line, uint64_t seq)
{
	char begin[48];
	int len = snprintf(begin, sizeof begin, "{\"seq\":%llu,", (unsigned long long)seq);
	return memcmp(line, begin, (size_t)len) == 0;
}

static enum coffer_err put(struct audit_sink *s, const struct config *config, struct audit_batch *batch)
{
	(void)config;
	if (s->moved) {
		s->moved = false;
		return ERR_STATE;
	}
	while (batch->len) {
		const uint8_t *end = memchr(batch->at, '\n', batch->len);
		assert_non_null(end);
		size_t len = (size_t)(end - batch->at), mark = batch->at[0] == '{' ? 0 : 1; /* the severity in front */
		if (s->too_long && is_record(batch->at + mark, s->too_long)) return ERR_TOO_LARGE;
		if (s->takes == 0) return ERR_CLOSED;
		s->takes--;
		assert_true(s->count < LINES);
		s->lines[s->count++] = strndup((const char *)batch->at + mark, len - mark);
		batch->at += len + 1;
		batch->len -= len + 1;
	}
	s->header_sent = true;
	s->noted = batch->place->seq;
	return ERR_OK;
}

static void close_it(struct audit_sink *s)
{
	(void)s;
}

static const struct audit_sink_ops datagrams = { "datagrams", true, locate, NULL, put_aside, wants_header, wants_checkpoint, put, close_it };
static const struct audit_sink_ops file = { "file", false, locate, lost, put_aside, wants_header, wants_checkpoint, put, close_it };

/* ---- the log ---- */

struct fix {
	struct engine engine;
	struct config config;
	struct world world;
};

static enum coffer_err on_store(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	TRY(txn_begin(engine->txn, reason));
	enum coffer_err err = fn(engine, engine->txn, arg, reason);
	if (!err) return txn_commit(engine->txn, reason);
	txn_abort(engine->txn);
	return err;
}

static enum coffer_err found_log(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	AUTO_SECRET struct secret *seed = fixture_seed();
	(void)arg;
	TRY(generation_put_domain_key(txn_store(txn), txn_ring(txn), seed, engine->domain.public_key));
	return audit_chain_open(txn, &engine->audit, reason);
}

static enum coffer_err append(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct audit_event event = { .principal = view_str("node"), .details = view_str("a record") };
	(void)reason;
	for (unsigned i = 0; i < *(const unsigned *)arg; i++) TRY(audit_append(engine->audit, txn, &event));
	return ERR_OK;
}

static void records(struct fix *f, unsigned count)
{
	assert_int_equal(f->engine.on_store(&f->engine, append, &count, NULL), ERR_OK);
}

struct range {
	uint64_t from, to;
};

static enum coffer_err erase(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct range *r = arg;
	(void)reason;
	for (uint64_t seq = r->from; seq <= r->to; seq++) {
		uint8_t id[24];
		memcpy(id, engine->domain.node_id, UUID_LEN);
		for (unsigned i = 0; i < 8; i++) id[16 + i] = (uint8_t)(seq >> (56 - 8 * i));
		TRY(store_erase(txn_store(txn), STORE_AUDIT, view_of(id, sizeof id)));
	}
	return ERR_OK;
}

static void erase_rows(struct fix *f, uint64_t from, uint64_t to)
{
	struct range r = { from, to };
	assert_int_equal(f->engine.on_store(&f->engine, erase, &r, NULL), ERR_OK);
}

static enum coffer_err take_out(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)reason;
	return audit_take_out(engine->audit, txn, *(const uint64_t *)arg, false);
}

static uint64_t length(struct fix *f)
{
	return audit_chain_length(f->engine.audit);
}

static enum coffer_err read_place(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct audit_place *place = arg;
	(void)engine;
	(void)reason;
	return audit_page_place(txn, place->seq, place);
}

/* ---- the feed ---- */

static struct audit_feed feed;

static int start(void **state)
{
	struct fix *f = calloc(1, sizeof *f);
	if (!f) return -1;
	*state = f;
	world_open(&f->world);
	f->engine.config = &f->config;
	f->engine.on_store = on_store;
	f->engine.store = f->world.store;
	f->engine.txn = f->world.txn;
	f->engine.domain = *ring_domain(f->world.ring);
	f->engine.state = ENGINE_OPEN;
	assert_int_equal(on_store(&f->engine, found_log, NULL, NULL), ERR_OK);
	memset(&sink, 0, sizeof sink);
	sink.takes = ALL;
	f->config.audit_queue = 1000;
	f->config.audit_checkpoint_interval_ms = 1000000;
	f->config.audit_syslog_level = CONFIG_AUDIT_INFO;
	return 0;
}

static int stop(void **state)
{
	audit_feed_done(&feed);
	for (size_t i = 0; i < sink.count; i++) free(sink.lines[i]);
	struct fix *f = *state;
	audit_chain_free(f->engine.audit);
	world_close(&f->world);
	free(f);
	return 0;
}

static void feed_from(struct fix *f, const struct audit_sink_ops *ops)
{
	assert_int_equal(audit_feed_init(&feed, &f->engine, ops, &sink), ERR_OK);
}

/* Until nothing is left, or it fails. */
static enum coffer_err run(void)
{
	bool idle = false;
	for (unsigned i = 0; i < 100 && !idle; i++) TRY(audit_feed_step(&feed, false, &idle));
	assert_true(idle);
	return ERR_OK;
}

static char found[4096];

static void take_finding(void *arg, const struct audit_finding *x)
{
	size_t len = strlen(found);
	(void)arg;
	snprintf(found + len, sizeof found - len, "%s %llu-%llu;", audit_finding_name(x->kind), (unsigned long long)x->from, (unsigned long long)x->to);
}

static const char *judge(struct fix *f, uint64_t last)
{
	struct audit_trust trust = { .by_key = true };
	struct audit_proof_result result;
	memcpy(trust.key, f->engine.domain.public_key, sizeof trust.key);
	struct audit_proof *proof = audit_proof_new(&trust, take_finding, NULL);
	assert_non_null(proof);
	found[0] = '\0';
	audit_proof_file(proof, "what came");
	for (size_t i = 0; i < sink.count; i++) audit_proof_line(proof, view_str(sink.lines[i]));
	audit_proof_end(proof, false, &result);
	audit_proof_free(proof);
	assert_int_equal(result.last, last);
	return found;
}

static void everything_comes_once(void **state)
{
	struct fix *f = *state;
	feed_from(f, &file);
	records(f, 200);
	assert_int_equal(run(), ERR_OK);
	records(f, 3);
	assert_int_equal(run(), ERR_OK);
	assert_string_equal(judge(f, length(f)), "");
	assert_int_equal(feed.lost, 0);
	assert_int_equal(feed.signed_to, length(f));
}

/* A gap takes the place of a line that is too long; that its batch was told is noted only when it was. */
static void what_is_not_told_is_not_noted(void **state)
{
	struct fix *f = *state;
	feed_from(f, &datagrams);
	records(f, 20);
	sink.too_long = 7;
	sink.takes = 1 + 6 + 1; /* header, records 1 to 6, and the gap */
	assert_int_equal(run(), ERR_CLOSED);
	assert_int_equal(sink.noted, 7);
	sink.takes = ALL;
	assert_int_equal(run(), ERR_OK);
	assert_int_equal(sink.noted, length(f));
	assert_string_equal(judge(f, length(f)), "gap 7-7;");
	assert_int_equal(feed.lost, 1);
}

/* Behind the place where it was when its receiver went away, and not behind what is there still. */
static void what_was_taken_out_meanwhile_is_in_the_gap(void **state)
{
	struct fix *f = *state;
	uint64_t last = 25;
	feed_from(f, &datagrams);
	records(f, 10);
	assert_int_equal(run(), ERR_OK);
	uint64_t before = length(f);
	records(f, 30);
	assert_int_equal(f->engine.on_store(&f->engine, take_out, &last, NULL), ERR_OK);
	assert_int_equal(run(), ERR_OK);
	char expected[64];
	snprintf(expected, sizeof expected, "gap %llu-%llu;", (unsigned long long)before + 1, (unsigned long long)length(f));
	assert_string_equal(judge(f, length(f)), expected);
	assert_int_equal(feed.lost, length(f) - before);
	records(f, 2000); /* more than audit_queue */
	assert_int_equal(run(), ERR_OK);
	assert_int_equal(feed.lost, length(f) - before);
}

/* A receiver that was away over a start: what was taken out by then is counted too. */
static void what_was_taken_out_before_the_start_is_counted(void **state)
{
	struct fix *f = *state;
	uint64_t last = 25;
	records(f, 40);
	assert_int_equal(f->engine.on_store(&f->engine, take_out, &last, NULL), ERR_OK);
	sink.begins.seq = 5;
	feed_from(f, &datagrams);
	assert_int_equal(run(), ERR_OK);
	assert_int_equal(feed.lost, 20);
	assert_string_equal(judge(f, length(f)), "");
}

/* However many rows somebody erased or damaged: the rest is exported, with a gap. */
static void many_rows_that_are_gone_do_not_stop_it(void **state)
{
	struct fix *f = *state;
	feed_from(f, &file);
	records(f, 300);
	erase_rows(f, 50, 249);
	assert_int_equal(run(), ERR_OK);
	assert_string_equal(judge(f, length(f)), "gap 50-250;");
	assert_int_equal(feed.lost, 201);
}

/* Rows at the end that are gone are trouble, and no reason to try without a pause. */
static void rows_that_are_gone_from_the_end_are_trouble(void **state)
{
	struct fix *f = *state;
	feed_from(f, &file);
	records(f, 20);
	assert_int_equal(run(), ERR_OK);
	uint64_t good = length(f);
	records(f, 3);
	erase_rows(f, good + 1, good + 3);
	assert_int_equal(run(), ERR_CORRUPT);
	records(f, 1);
	assert_int_equal(run(), ERR_OK);
	assert_int_equal(feed.place.seq, length(f));
	assert_int_equal(feed.lost, 4);
}

/* It is no trouble of the receiver that the store does not answer. */
static void while_the_store_is_away_nothing_is_asked_of_it(void **state)
{
	struct fix *f = *state;
	bool idle = false;
	feed_from(f, &file);
	records(f, 3);
	f->engine.store_away = true;
	assert_int_equal(audit_feed_step(&feed, false, &idle), ERR_OK);
	assert_true(idle);
	assert_int_equal(sink.count, 0);
	f->engine.store_away = false;
	assert_int_equal(run(), ERR_OK);
	assert_int_equal(feed.place.seq, length(f));
}

/* A file that was moved away is gone on from; one that was removed is not: what it had is exported again, behind the archives. */
static void what_was_in_a_file_that_is_removed_comes_again(void **state)
{
	struct fix *f = *state;
	feed_from(f, &file);
	records(f, 20);
	assert_int_equal(run(), ERR_OK);
	uint64_t before = feed.place.seq;
	records(f, 1);
	sink.moved = true;
	assert_int_equal(run(), ERR_OK);
	assert_string_equal(judge(f, length(f)), "");
	records(f, 1);
	sink.moved = sink.lost = true;
	sink.begins = (struct audit_place){ .seq = 4 };
	assert_int_equal(f->engine.on_store(&f->engine, read_place, &sink.begins, NULL), ERR_OK);
	size_t count = sink.count;
	assert_int_equal(run(), ERR_OK);
	assert_true(before > 4 && strstr(sink.lines[count], "{\"coffer-audit\":1") != NULL && is_record((const uint8_t *)sink.lines[count + 1], 5));
	assert_int_equal(feed.place.seq, length(f));
	assert_int_equal(feed.signed_to, length(f));
}

/* An archive of another state of the store says where nothing is. */
static void an_archive_of_another_history_is_not_gone_on_from(void **state)
{
	struct fix *f = *state;
	records(f, 20);
	sink.begins = (struct audit_place){ .seq = 6, .link = { 1 } };
	feed_from(f, &file);
	assert_int_equal(run(), ERR_OK);
	assert_true(is_record((const uint8_t *)sink.lines[1], 1));
	assert_string_equal(judge(f, length(f)), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_comes_once, start, stop),
		cmocka_unit_test_setup_teardown(what_is_not_told_is_not_noted, start, stop),
		cmocka_unit_test_setup_teardown(what_was_taken_out_meanwhile_is_in_the_gap, start, stop),
		cmocka_unit_test_setup_teardown(what_was_taken_out_before_the_start_is_counted, start, stop),
		cmocka_unit_test_setup_teardown(many_rows_that_are_gone_do_not_stop_it, start, stop),
		cmocka_unit_test_setup_teardown(rows_that_are_gone_from_the_end_are_trouble, start, stop),
		cmocka_unit_test_setup_teardown(while_the_store_is_away_nothing_is_asked_of_it, start, stop),
		cmocka_unit_test_setup_teardown(what_was_in_a_file_that_is_removed_comes_again, start, stop),
		cmocka_unit_test_setup_teardown(an_archive_of_another_history_is_not_gone_on_from, start, stop),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
