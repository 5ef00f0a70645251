/* Answers to requests to join. */
#include "ops/admit_answer.h"

#include <stdio.h>
#include <string.h>

#include "audit/chain.h"
#include "base/clock.h"
#include "domain/waiting.h"
#include "keyring/generation.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "ops/nodes.h"
#include "ops/seat.h"
#include "ops/signs.h"

/* How far each root is: what the new node may hold the store to. */
static enum coffer_err take_roots(struct engine *engine, struct answer_root out[static ANSWER_ROOTS_MAX], size_t *out_count, struct reason *reason)
{
	struct rooted_node_version versions[ANSWER_ROOTS_MAX];
	rooted_store_versions(engine->store, versions, ANSWER_ROOTS_MAX, out_count);
	if (*out_count > ANSWER_ROOTS_MAX) return reason_fail(reason, ERR_LIMIT, "a domain has had at most %u nodes, removed ones too", ANSWER_ROOTS_MAX);
	for (size_t i = 0; i < *out_count; i++) {
		memcpy(out[i].node_id, versions[i].node_id, UUID_LEN);
		out[i].version = versions[i].version;
	}
	return ERR_OK;
}

/* No lease below this one counts for the new node. */
static uint64_t epoch_of(struct engine *engine)
{
	uint64_t known = rooted_store_epoch(engine->store), own = role_mine(&engine->seat->role)->epoch;
	return own > known ? own : known;
}

enum coffer_err admit_answer(struct engine *engine, struct txn *txn, struct view row, const uint8_t *typed, const char *principal, struct admitted *out, struct buf *out_row,
	struct reason *reason)
{
	AUTO_SECRET struct secret *seed = NULL;
	struct answer_root roots[ANSWER_ROOTS_MAX];
	struct admit_wish wish = { .row = row, .fingerprint = typed, .principal = principal, .now_ms = clock_wall_s() * 1000, .date_ms = clock_date_s() * 1000,
		.epoch = epoch_of(engine), .roots = roots };
	TRY(signs_latest_ms(txn, &wish.others_ms));
	TRY(take_roots(engine, roots, &wish.root_count, reason));
	enum coffer_err err = generation_get_domain_key(txn_store(txn), txn_ring(txn), &seed);
	if (err) return reason_default(reason, err, "the domain's private key does not open: %s", err_text(err));
	return admit(txn_store(txn), txn_ring(txn), seed, &wish, out, out_row, reason);
}

/* ---- by evidence ---- */

/* Evidence that the master server looks at by itself, and has something to look at. */
static bool decides(const struct admission_row *row, const struct admission_request *q)
{
	if (row->state == ADMISSION_ASKED) return q->evidence != ADMISSION_BY_FINGERPRINT;
	return row->state == ADMISSION_CHALLENGED && row->proof.len && q->evidence == ADMISSION_BY_ENDORSEMENT;
}

static bool is_for_nobody(const uint8_t *node_id, struct view bytes)
{
	struct admission_row row;
	struct admission_request q;
	if (admission_row_read(bytes, &row, NULL) != ERR_OK || admission_request_read(row.request, &q, NULL) != ERR_OK || !decides(&row, &q)) return false;
	return memcmp(q.node_id, node_id, UUID_LEN) == 0;
}

struct search {
	const uint8_t *after;
	uint8_t first[UUID_LEN], next[UUID_LEN];
	bool found, found_next;
};

static enum coffer_err look(void *arg, const uint8_t *node_id, struct view bytes)
{
	struct search *s = arg;
	bool is_next = !s->found_next && memcmp(node_id, s->after, UUID_LEN) > 0;
	if ((s->found && !is_next) || !is_for_nobody(node_id, bytes)) return ERR_OK;
	if (!s->found) memcpy(s->first, node_id, UUID_LEN);
	if (is_next) memcpy(s->next, node_id, UUID_LEN);
	s->found = true;
	s->found_next = s->found_next || is_next;
	return ERR_OK;
}

enum coffer_err admit_waits(struct store *store, uint8_t node_id[static UUID_LEN], bool *out)
{
	struct search s = { .after = node_id };
	TRY(waiting_each(store, look, &s));
	*out = s.found;
	if (s.found) memcpy(node_id, s.found_next ? s.next : s.first, UUID_LEN);
	return ERR_OK;
}

/* What another try would not change. Everything else is tried again. */
static bool is_final(enum coffer_err err)
{
	switch (err) {
	case ERR_CONTEXT: case ERR_STATE: case ERR_NOT_FOUND: case ERR_EXISTS: case ERR_DENIED: case ERR_FIELD: case ERR_LIMIT: case ERR_UNSUPPORTED: case ERR_VERSION:
	case ERR_CORRUPT: return true;
	default: return false;
	}
}

static enum coffer_err append(struct engine *engine, struct txn *txn, const struct admit_one *one)
{
	const struct audit_event event = { .principal = view_str("node"), .operation = OPERATION_COFFER_NODE_APPROVE, .details = view_str(one->said),
		.status = one->refused ? RESULT_STATUS_OPERATION_FAILED : RESULT_STATUS_SUCCESS, .result_reason = one->refused ? RESULT_REASON_PERMISSION_DENIED : 0 };
	return audit_append(engine->audit, txn, &event);
}

static void say_admitted(struct view request, const struct admitted *done, struct admit_one *one)
{
	uint8_t digest[ADMISSION_DIGEST_LEN];
	char node[UUID_TEXT_LEN + 1], print[DOMAIN_FINGERPRINT_TEXT] = "", answer[DOMAIN_FINGERPRINT_TEXT];
	text_uuid(one->node_id, node);
	if (admission_digest(request, digest) == ERR_OK) admission_fingerprint_text(digest, print);
	domain_fingerprint_format(done->answer_print, answer);
	snprintf(one->said, sizeof one->said, "node %s '%s' may join%s by %s '%s': fingerprint %s, answer %s", node, done->record.name,
		done->again ? " (answered again)" : "", done->record.origin == NODE_BY_ENDORSEMENT ? "endorsement certificate" : "enrolment token", done->evidence, print, answer);
}

static void say_refused(const char *why, struct admit_one *one)
{
	char node[UUID_TEXT_LEN + 1];
	text_uuid(one->node_id, node);
	one->refused = true;
	snprintf(one->said, sizeof one->said, "node %s may not join: %.300s", node, why);
}

static enum coffer_err decide(struct engine *engine, struct txn *txn, struct view row, struct admit_one *one, struct buf *out_row, struct reason *reason)
{
	struct admission_row asked;
	struct admitted done = { .again = false };
	TRY(admission_row_read(row, &asked, reason));
	enum coffer_err err = admit_answer(engine, txn, row, NULL, NULL, &done, out_row, reason);
	if (!err && done.challenged) return ERR_OK;
	if (!err) {
		say_admitted(asked.request, &done, one);
		one->done = true;
		return ERR_OK;
	}
	if (!is_final(err)) return err;
	say_refused(reason_text(reason, err), one);
	return admit_refusal(row, reason_text(reason, err), out_row);
}

enum coffer_err admit_one(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct admit_one *one = arg;
	AUTO_BUF struct buf row = BUF_EMPTY;
	AUTO_BUF struct buf answered = BUF_EMPTY;
	one->refused = one->done = false;
	TRY(nodes_check_master(engine, reason));
	enum coffer_err err = waiting_get(txn_store(txn), one->node_id, &row);
	if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (!is_for_nobody(one->node_id, buf_view(&row))) return ERR_OK;
	TRY(decide(engine, txn, buf_view(&row), one, &answered, reason));
	TRY(waiting_put(txn_store(txn), one->node_id, buf_view(&answered)));
	TRY(waiting_clear(txn_store(txn), clock_wall_s() * 1000));
	return one->done || one->refused ? append(engine, txn, one) : ERR_OK; /* a challenge decides nothing */
}
