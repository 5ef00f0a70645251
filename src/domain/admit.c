/* Judging and answering requests to join. */
#include "domain/admit.h"

#include <stdio.h>
#include <string.h>

/* A request as it is judged. */
struct asking {
	const struct admit_wish *wish;
	struct view request;
	struct admission_request q;
	uint8_t digest[ADMISSION_DIGEST_LEN];
	enum admission_state state;
	struct view challenge, proof; /* in CHALLENGED */
	struct enrolment enrolment; /* with BY_ENROLMENT */
	struct endorsement endorsement; /* with BY_ENDORSEMENT, this and the next */
	bool must_challenge;
	unsigned nodes;             /* not removed */
	struct reason *reason;
};

/* ---- by itself ---- */

static enum coffer_err check_fingerprint(const struct asking *a)
{
	if (!a->wish->fingerprint) return ERR_OK;
	if (view_equal(view_of(a->digest, DOMAIN_FINGERPRINT_LEN), view_of(a->wish->fingerprint, DOMAIN_FINGERPRINT_LEN))) return ERR_OK;
	return reason_fail(a->reason, ERR_NOT_FOUND, "no request has this fingerprint; read it from the new node's own screen once more");
}

static enum coffer_err check_enrolment(struct asking *a, struct store *store, struct ring *ring)
{
	enum coffer_err err = enrolment_get(store, ring, a->q.enrolment_id, &a->enrolment);
	if (err == ERR_NOT_FOUND)
		return reason_fail(a->reason, ERR_NOT_FOUND, "the domain knows no such enrolment token; make one with 'coffer node enrol', or approve the request by its fingerprint");
	if (err) return reason_fail(a->reason, err, "the record of the enrolment token does not open; look at 'coffer status'");
	TRY(enrolment_check(&a->enrolment, &a->q, a->wish->date_ms, a->reason));
	if (a->wish->others_ms < a->enrolment.ends_ms) return ERR_OK;
	return reason_fail(a->reason, ERR_STATE, "by the clock of another node the enrolment token is over; set the clocks of the nodes ('coffer status' says which is off), or make another one with 'coffer node enrol'");
}

/* Its list alone decides: who typed the fingerprint of such a request is told so. */
static enum coffer_err check_endorsement(struct asking *a, struct store *store, struct ring *ring)
{
	if (a->wish->fingerprint)
		return reason_fail(a->reason, ERR_STATE, "the request shows an endorsement certificate, whose list decides by itself; to approve it by its fingerprint, join without --endorsement");
	TRY(endorsement_check(store, ring, &a->q, &a->endorsement, a->reason));
	a->must_challenge = a->state != ADMISSION_CHALLENGED || a->proof.len == 0;
	return a->must_challenge ? ERR_OK : endorsement_check_proof(ring, a->digest, a->challenge, a->proof, &a->must_challenge, a->reason);
}

/* An operator who typed the fingerprint needs no evidence, but evidence that does not hold is refused all the same: something is wrong. */
static enum coffer_err check_evidence(struct asking *a, struct store *store, struct ring *ring)
{
	TRY(check_fingerprint(a));
	if (a->q.evidence == ADMISSION_BY_ENROLMENT) return check_enrolment(a, store, ring);
	if (a->q.evidence == ADMISSION_BY_ENDORSEMENT) return check_endorsement(a, store, ring);
	if (a->wish->fingerprint) return ERR_OK;
	return reason_fail(a->reason, ERR_DENIED, "the request has no evidence; approve it with the fingerprint that the new node shows");
}

/* ---- beside the others ---- */

static enum coffer_err judge_other(void *arg, const struct node_record *n)
{
	struct asking *a = arg;
	if (n->state != NODE_REMOVED) a->nodes++;
	if (memcmp(n->node_id, a->q.node_id, UUID_LEN) == 0) return ERR_OK;
	if (memcmp(n->transport_key, a->q.transport_key, sizeof n->transport_key) == 0)
		return reason_fail(a->reason, ERR_EXISTS, "the transport key of the request is that of node '%s' (%s); join again, with a token of the node's own", n->name, node_state_name(n->state));
	if (n->state != NODE_REMOVED && strcmp(n->name, a->q.name) == 0)
		return reason_fail(a->reason, ERR_EXISTS, "another node has the name '%s'; join with another one", n->name);
	return ERR_OK;
}

struct prefix {
	const uint8_t *node_id;
	bool found;
};

static enum coffer_err look_at(void *arg, const struct store_row *row)
{
	struct prefix *p = arg;
	p->found = row->id_len > UUID_LEN && memcmp(row->id, p->node_id, UUID_LEN) == 0;
	return ERR_OK;
}

/* Rows of a node that has no record. */
static enum coffer_err check_leftovers(const struct asking *a, struct store *store)
{
	static const enum store_table tables[] = { STORE_SLOT, STORE_AUDIT };
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		struct prefix p = { .node_id = a->q.node_id };
		TRY(store_scan(store, tables[i], view_of(a->q.node_id, UUID_LEN), false, 1, look_at, &p));
		if (p.found)
			return reason_fail(a->reason, ERR_CORRUPT, "the store has rows of this node id and no node with it: its record was taken away, or the request is forged; do not approve it");
	}
	return ERR_OK;
}

/* The record that the node has, which may only be this very request's. */
static enum coffer_err check_known(const struct asking *a, struct store *store, struct ring *ring, struct admitted *out)
{
	enum coffer_err err = node_record_get(store, ring, a->q.node_id, &out->record);
	out->again = err == ERR_OK;
	if (err == ERR_NOT_FOUND) return check_leftovers(a, store);
	if (err) return reason_fail(a->reason, err, "the record of a node with this id does not open; look at 'coffer status'");
	if (out->record.state == NODE_REMOVED)
		return reason_fail(a->reason, ERR_EXISTS, "node '%s' was removed; it joins as a new node only: clear its state directory and run 'coffer node join' there", out->record.name);
	if (out->record.state == NODE_MEMBER) return reason_fail(a->reason, ERR_EXISTS, "node '%s' has this node id and is a member; the request is not its own", out->record.name);
	if (memcmp(out->record.request_digest, a->digest, sizeof a->digest) == 0) return ERR_OK;
	return reason_fail(a->reason, ERR_EXISTS, "another request with this node id was approved; remove node '%s' first", out->record.name);
}

/* ---- deciding ---- */

static const char *who(const struct asking *a)
{
	if (a->wish->principal) return a->wish->principal;
	return a->q.evidence == ADMISSION_BY_ENDORSEMENT ? a->endorsement.principal : a->enrolment.principal;
}

static void make_record(const struct asking *a, struct node_record *n)
{
	static const enum node_origin origins[] = { [ADMISSION_BY_FINGERPRINT] = NODE_BY_FINGERPRINT, [ADMISSION_BY_ENROLMENT] = NODE_BY_ENROLMENT,
		[ADMISSION_BY_ENDORSEMENT] = NODE_BY_ENDORSEMENT };
	*n = (struct node_record){ .state = NODE_ADMITTED, .admitted_ms = a->wish->now_ms };
	n->origin = origins[a->q.evidence];
	memcpy(n->node_id, a->q.node_id, UUID_LEN);
	memcpy(n->name, a->q.name, sizeof n->name);
	memcpy(n->token_kind, a->q.token_kind, sizeof n->token_kind);
	memcpy(n->transport_key, a->q.transport_key, sizeof n->transport_key);
	memcpy(n->request_digest, a->digest, sizeof a->digest);
	snprintf(n->principal, sizeof n->principal, "%s", who(a));
}

/* The node's TPM is asked before anything is decided. */
static enum coffer_err challenge_it(const struct asking *a, struct ring *ring, struct admitted *out, struct buf *out_row)
{
	AUTO_BUF struct buf challenge = BUF_EMPTY;
	TRY(endorsement_challenge(ring, &a->q, a->digest, &challenge, a->reason));
	*out = (struct admitted){ .challenged = true };
	return admission_row_write(&(struct admission_row){ .state = ADMISSION_CHALLENGED, .request = a->request, .challenge = buf_view(&challenge) }, out_row);
}

/* What counts once, or so often, is used. */
static enum coffer_err use_evidence(struct asking *a, struct store *store, struct ring *ring, struct admitted *out)
{
	if (a->q.evidence == ADMISSION_BY_ENROLMENT) {
		memcpy(out->evidence, a->enrolment.name, sizeof out->evidence);
		TRY(enrolment_use(&a->enrolment, a->q.node_id));
		return enrolment_put(store, ring, &a->enrolment);
	}
	if (a->q.evidence != ADMISSION_BY_ENDORSEMENT) return ERR_OK;
	memcpy(out->evidence, a->endorsement.name, sizeof out->evidence);
	a->endorsement.used = true;
	memcpy(a->endorsement.used_by, a->q.node_id, UUID_LEN);
	return endorsement_put(store, ring, &a->endorsement);
}

static enum coffer_err answer_it(const struct asking *a, struct ring *ring, const struct secret *domain_seed, struct admitted *out, struct buf *out_row)
{
	AUTO_BUF struct buf answer = BUF_EMPTY;
	struct answer_plan plan = { .ring = ring, .domain_seed = domain_seed, .epoch = a->wish->epoch, .roots = a->wish->roots, .root_count = a->wish->root_count,
		.enrolment_key = a->q.evidence == ADMISSION_BY_ENROLMENT ? a->enrolment.key : NULL };
	TRY(answer_make(&plan, a->request, &answer, a->reason));
	TRY(answer_fingerprint(buf_view(&answer), out->answer_print));
	return admission_row_write(&(struct admission_row){ .state = ADMISSION_ANSWERED, .request = a->request, .answer = buf_view(&answer) }, out_row);
}

static enum coffer_err decide(struct asking *a, struct store *store, struct ring *ring, const struct secret *domain_seed, struct admitted *out,
	struct buf *out_row)
{
	TRY(check_evidence(a, store, ring));
	TRY(check_known(a, store, ring, out));
	TRY(node_record_each(store, ring, judge_other, a));
	if (!out->again && a->nodes >= ANSWER_ROOTS_MAX) return reason_fail(a->reason, ERR_LIMIT, "a domain has at most %u nodes; remove one first", ANSWER_ROOTS_MAX);
	if (a->must_challenge) return challenge_it(a, ring, out, out_row);
	TRY(answer_it(a, ring, domain_seed, out, out_row));
	TRY(use_evidence(a, store, ring, out));
	if (out->again) return ERR_OK;
	make_record(a, &out->record);
	return node_record_put(store, ring, &out->record);
}

static enum coffer_err read_asking(struct view bytes, struct asking *a)
{
	struct admission_row row;
	TRY(admission_row_read(bytes, &row, a->reason));
	if (row.state == ADMISSION_REFUSED)
		return reason_fail(a->reason, ERR_STATE, "the request was refused already; run 'coffer node join' on the new node again");
	a->request = row.request;
	a->state = row.state;
	a->challenge = row.challenge;
	a->proof = row.proof;
	TRY(admission_request_read(row.request, &a->q, a->reason));
	return admission_digest(row.request, a->digest);
}

enum coffer_err admit(struct store *store, struct ring *ring, const struct secret *domain_seed, const struct admit_wish *wish, struct admitted *out,
	struct buf *out_row, struct reason *reason)
{
	struct asking a = { .wish = wish, .reason = reason };
	struct admitted admitted = { .again = false };
	size_t start = out_row->len;
	TRY(read_asking(wish->row, &a));
	TRY(admission_request_judge(&a.q, ring_domain(ring), wish->now_ms, reason));
	enum coffer_err err = decide(&a, store, ring, domain_seed, &admitted, out_row);
	enrolment_clear(&a.enrolment);
	if (err) out_row->len = start;
	else *out = admitted;
	return err;
}

enum coffer_err admit_refusal(struct view row, const char *sentence, struct buf *out_row)
{
	struct admission_row old, refused = { .state = ADMISSION_REFUSED, .sentence = view_str(sentence) };
	TRY(admission_row_read(row, &old, NULL));
	if (refused.sentence.len > ADMISSION_SENTENCE_MAX) refused.sentence.len = ADMISSION_SENTENCE_MAX;
	refused.request = old.request;
	return admission_row_write(&refused, out_row);
}
