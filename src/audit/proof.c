/* The state is one place in the chain, and what was passed over on the way to it. */
#include "audit/proof.h"

#include <stdlib.h>
#include <string.h>

#define HOLES_MAX 64u

struct range {
	uint64_t from, to;
};

struct kept {
	struct audit_checkpoint checkpoint;
	struct domain_id domain; /* ids only */
	bool judged, passed;
};

/* What a node that was restored from a backup of this one says of it. */
struct expected_join {
	struct audit_join join;
	bool passed, fits;
};

/* Where record seq is, at seq modulo AUDIT_WITNESS_BEHIND: for what the token says of it later. */
struct passed {
	uint64_t seq; /* 0: nothing */
	uint8_t link[AUDIT_LINK_LEN], digest[AUDIT_DIGEST_LEN];
};

struct audit_proof {
	struct audit_trust trust;
	audit_finding_fn *fn;
	void *arg;
	const char *file;
	uint64_t line_number;
	bool foreign;             /* the file's header was of another domain or node */
	struct audit_place place;
	struct range holes[HOLES_MAX]; /* records that were passed over, and have not come since */
	size_t hole_count;
	struct kept kept[AUDIT_KEPT_MAX];
	size_t kept_count;
	uint8_t token_keys[AUDIT_TOKEN_KEYS_MAX][DOMAIN_FINGERPRINT_LEN]; /* expected */
	size_t token_key_count;
	struct expected_join joins[AUDIT_JOINS_MAX];
	size_t join_count;
	bool vouched; /* something in the files is signed by the domain */
	struct passed passed[AUDIT_WITNESS_BEHIND];
	struct audit_finding pending; /* ranges of one kind become one finding */
	bool has_pending;
	struct audit_proof_result result;
	struct audit_line line;
	uint8_t row[AUDIT_ROW_MAX];
};

static const char *const names[] = {
	[AUDIT_UNREADABLE] = "unreadable", [AUDIT_FOREIGN] = "foreign", [AUDIT_EDITED] = "edited", [AUDIT_MISSING] = "missing",
	[AUDIT_DOUBLED] = "doubled", [AUDIT_MISPLACED] = "out of order", [AUDIT_GAP] = "gap", [AUDIT_FORGED] = "forged", [AUDIT_STALE] = "stale",
	[AUDIT_UNSIGNED] = "unsigned", [AUDIT_TRUNCATED] = "truncated", [AUDIT_REWRITTEN] = "rewritten",
	[AUDIT_TOKEN_FORGED] = "forged by no token", [AUDIT_TOKEN_KEY] = "token key", [AUDIT_TOKEN_NONE] = "no token",
};

const char *audit_finding_name(enum audit_finding_kind kind)
{
	return names[kind];
}

struct audit_proof *audit_proof_new(const struct audit_trust *trust, audit_finding_fn *fn, void *arg)
{
	struct audit_proof *p = calloc(1, sizeof *p);
	if (!p) return NULL;
	p->trust = *trust;
	p->fn = fn;
	p->arg = arg;
	return p;
}

void audit_proof_free(struct audit_proof *proof)
{
	free(proof);
}

const struct audit_place *audit_proof_place(const struct audit_proof *proof)
{
	return &proof->place;
}

/* ---- findings ---- */

static void flush(struct audit_proof *p)
{
	if (!p->has_pending) return;
	p->has_pending = false;
	p->result.findings++;
	p->fn(p->arg, &p->pending);
}

static void find(struct audit_proof *p, enum audit_finding_kind kind, uint64_t from, uint64_t to, const char *detail)
{
	struct audit_finding *last = &p->pending;
	bool goes_on = p->has_pending && last->kind == kind && from != 0 && last->to + 1 == from && strcmp(last->detail, detail) == 0;
	if (goes_on) {
		last->to = to;
		return;
	}
	flush(p);
	*last = (struct audit_finding){ kind, from, to, p->file, p->line_number, detail };
	p->has_pending = true;
}

/* ---- holes ---- */

static void pass_over(struct audit_proof *p, uint64_t from, uint64_t to)
{
	if (from > to) return;
	if (p->hole_count == HOLES_MAX) find(p, AUDIT_MISSING, from, to, "");
	else p->holes[p->hole_count++] = (struct range){ from, to };
}

/* Whether the record was passed over; then it is so no more. */
static bool fill(struct audit_proof *p, uint64_t seq)
{
	for (size_t i = 0; i < p->hole_count; i++) {
		struct range *hole = &p->holes[i], behind = { seq + 1, hole->to };
		if (seq < hole->from || seq > hole->to) continue;
		bool has_front = seq > hole->from, has_behind = seq < hole->to;
		if (has_front) hole->to = seq - 1;
		else if (has_behind) *hole = behind;
		else *hole = p->holes[--p->hole_count];
		if (has_front && has_behind) pass_over(p, behind.from, behind.to);
		return true;
	}
	return false;
}

/* ---- checkpoints from elsewhere ---- */

enum coffer_err audit_proof_keep(struct audit_proof *proof, struct view line)
{
	ENSURE(audit_line_read(line, &proof->line) == ERR_OK && proof->line.kind == AUDIT_LINE_CHECKPOINT, ERR_CORRUPT);
	ENSURE(proof->kept_count < AUDIT_KEPT_MAX, ERR_LIMIT);
	proof->kept[proof->kept_count++] = (struct kept){ .checkpoint = proof->line.checkpoint, .domain = proof->line.domain };
	return ERR_OK;
}

static bool is_ours(const struct audit_proof *p, const struct domain_id *whose)
{
	const struct domain_id *own = &p->result.domain;
	return memcmp(whose->id, own->id, UUID_LEN) == 0 && memcmp(whose->node_id, own->node_id, UUID_LEN) == 0;
}

static bool same_place(const struct audit_place *a, const struct audit_place *b)
{
	return a->seq == b->seq && memcmp(a->link, b->link, AUDIT_LINK_LEN) == 0 && memcmp(a->digest, b->digest, AUDIT_DIGEST_LEN) == 0;
}

static void judge_kept(struct audit_proof *p)
{
	for (size_t i = 0; i < p->kept_count; i++) {
		struct kept *k = &p->kept[i];
		if (!is_ours(p, &k->domain)) find(p, AUDIT_FOREIGN, 0, 0, "a checkpoint from elsewhere is of another domain or node");
		else if (audit_checkpoint_verify(&p->result.domain, &k->checkpoint) != ERR_OK)
			find(p, AUDIT_FORGED, k->checkpoint.at.seq, k->checkpoint.at.seq, "a checkpoint from elsewhere is not signed by this domain");
		else k->judged = true;
	}
}

static void compare_join(struct audit_proof *p, struct expected_join *e)
{
	const struct audit_place *at = &e->join.at;
	e->passed = true;
	e->fits = memcmp(at->link, p->place.link, AUDIT_LINK_LEN) == 0 && (!e->join.has_digest || memcmp(at->digest, p->place.digest, AUDIT_DIGEST_LEN) == 0);
	if (!e->fits) find(p, AUDIT_REWRITTEN, at->seq, at->seq, "the node that was restored from a backup of this one says that its records up to here were others");
}

/* The place moved: what is known of it from elsewhere. */
static void arrive(struct audit_proof *p)
{
	struct passed *here = &p->passed[p->place.seq % AUDIT_WITNESS_BEHIND];
	here->seq = p->place.seq;
	memcpy(here->link, p->place.link, sizeof here->link);
	memcpy(here->digest, p->place.digest, sizeof here->digest);
	for (size_t i = 0; i < p->join_count; i++)
		if (!p->joins[i].passed && p->joins[i].join.at.seq == p->place.seq) compare_join(p, &p->joins[i]);
	for (size_t i = 0; i < p->kept_count; i++) {
		struct kept *k = &p->kept[i];
		if (!k->judged || k->passed || k->checkpoint.at.seq != p->place.seq) continue;
		k->passed = true;
		if (same_place(&k->checkpoint.at, &p->place)) p->result.compared++;
		else find(p, AUDIT_REWRITTEN, p->place.seq, p->place.seq, "a checkpoint from elsewhere was signed over other records up to here");
	}
}

/* ---- lines ---- */

static bool is_trusted(const struct audit_proof *p, const struct domain_id *domain)
{
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	if (p->trust.by_key) return memcmp(p->trust.key, domain->public_key, DOMAIN_PUBLIC_LEN) == 0;
	return domain_fingerprint(domain, fingerprint) == ERR_OK && memcmp(fingerprint, p->trust.fingerprint, sizeof fingerprint) == 0;
}

static void take_header(struct audit_proof *p)
{
	const struct audit_line *l = &p->line;
	p->foreign = !is_trusted(p, &l->domain) || (p->result.begun && !is_ours(p, &l->domain));
	if (p->foreign) {
		find(p, AUDIT_FOREIGN, 0, 0, "the file is of another domain or node, and nothing in it is looked at");
		return;
	}
	if (!p->result.begun) {
		p->result.begun = true;
		p->result.domain = l->domain;
		p->result.first = l->before.seq + 1;
		p->result.signed_to = l->before.seq;
		p->place = l->before;
		judge_kept(p);
		arrive(p);
	} else if (l->before.seq > p->place.seq) {
		pass_over(p, p->place.seq + 1, l->before.seq);
		p->place = l->before;
		arrive(p);
	} else if (l->before.seq == p->place.seq && !same_place(&l->before, &p->place)) {
		find(p, AUDIT_EDITED, p->place.seq, p->place.seq, "the header behind it says that it was another record");
		p->place = l->before;
	}
}

static bool holds(struct audit_proof *p)
{
	const struct audit_line *l = &p->line;
	uint8_t digest[AUDIT_DIGEST_LEN];
	struct writer w;
	writer_init(&w, p->row, sizeof p->row);
	audit_event_write(&p->result.domain, &l->event, &w);
	return writer_done(&w) == ERR_OK && audit_digest_next(p->place.digest, l->links.generation, l->links.link, writer_view(&w), digest) == ERR_OK &&
		memcmp(digest, l->links.digest, sizeof digest) == 0;
}

/* Its row has no digest. Who says so of a row that has one changes every digest behind it, and the next checkpoint shows it. */
static bool is_old(const struct audit_proof *p)
{
	const struct audit_line *l = &p->line;
	uint8_t digest[AUDIT_DIGEST_LEN];
	return audit_digest_base(&p->result.domain, l->event.seq, l->links.link, digest) == ERR_OK && memcmp(digest, l->links.digest, sizeof digest) == 0;
}

/* ---- the token ---- */

enum coffer_err audit_proof_expect_key(struct audit_proof *proof, const uint8_t fingerprint[static DOMAIN_FINGERPRINT_LEN])
{
	ENSURE(proof->token_key_count < AUDIT_TOKEN_KEYS_MAX, ERR_LIMIT);
	memcpy(proof->token_keys[proof->token_key_count++], fingerprint, DOMAIN_FINGERPRINT_LEN);
	return ERR_OK;
}

static bool is_expected(const struct audit_proof *p, const uint8_t *fingerprint)
{
	for (size_t i = 0; i < p->token_key_count; i++)
		if (memcmp(p->token_keys[i], fingerprint, DOMAIN_FINGERPRINT_LEN) == 0) return true;
	return false;
}

static void judge_token_key(struct audit_proof *p, uint64_t seq, const uint8_t *fingerprint)
{
	bool first = p->result.token_records++ == 0, same = !first && memcmp(p->result.token_key, fingerprint, DOMAIN_FINGERPRINT_LEN) == 0;
	memcpy(p->result.token_key, fingerprint, DOMAIN_FINGERPRINT_LEN);
	if (same) return;
	if (p->token_key_count && !is_expected(p, fingerprint)) find(p, AUDIT_TOKEN_KEY, seq, seq, "the token's key from here on is none of those that were given");
	if (!p->token_key_count && !first) find(p, AUDIT_TOKEN_KEY, seq, seq, "the token's key is another one from here on: give the fingerprints of both, if that was meant");
}

/* What the token signed must be what these files say of that record; of one that was passed over (a gap, or it is missing) they say nothing. */
static void take_witness(struct audit_proof *p, const struct audit_event *event)
{
	struct audit_witness w;
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	if (audit_witness_read(event, &w) != ERR_OK || audit_witness_verify(&p->result.domain, &w) != ERR_OK ||
	    audit_witness_fingerprint(w.public_key, fingerprint) != ERR_OK) {
		find(p, AUDIT_TOKEN_FORGED, event->seq, event->seq, "it says that the token signed, and the signature does not hold");
		return;
	}
	judge_token_key(p, event->seq, fingerprint);
	const struct passed *there = &p->passed[w.at.seq % AUDIT_WITNESS_BEHIND];
	if (w.at.seq < p->result.first - 1) return; /* of a record in front of these files */
	if (w.at.seq >= event->seq || event->seq - w.at.seq > AUDIT_WITNESS_BEHIND) {
		find(p, AUDIT_TOKEN_FORGED, event->seq, event->seq, "the record that the token signed cannot be the one in front of it");
	} else if (there->seq != w.at.seq) {
		return;
	} else if (memcmp(there->link, w.at.link, sizeof w.at.link) != 0 || memcmp(there->digest, w.at.digest, sizeof w.at.digest) != 0) {
		find(p, AUDIT_REWRITTEN, w.at.seq, w.at.seq, "the token signed other records up to here");
	} else {
		p->result.token_signatures++;
		p->result.token_to = w.at.seq;
		p->result.token_ms = w.time_ms;
	}
}

static void take_record(struct audit_proof *p)
{
	const struct audit_line *l = &p->line;
	uint64_t seq = l->event.seq;
	if (seq <= p->place.seq || seq == 0) {
		find(p, fill(p, seq) ? AUDIT_MISPLACED : AUDIT_DOUBLED, seq, seq, "");
		return;
	}
	if (seq == p->place.seq + 1) {
		if (holds(p)) p->result.records++;
		else if (is_old(p)) p->result.old++;
		else find(p, AUDIT_EDITED, seq, seq, "");
	} else {
		pass_over(p, p->place.seq + 1, seq - 1);
	}
	p->place.seq = seq;
	memcpy(p->place.link, l->links.link, AUDIT_LINK_LEN);
	memcpy(p->place.digest, l->links.digest, AUDIT_DIGEST_LEN);
	if (seq == 1) p->result.has_join = audit_join_read(&l->event, &p->result.join) == ERR_OK;
	if (audit_witness_is(&l->event)) take_witness(p, &l->event);
	arrive(p);
}

/* A good signature says what the place is, whatever stood in front of it. */
static void take_checkpoint(struct audit_proof *p)
{
	const struct audit_checkpoint *c = &p->line.checkpoint;
	if (!is_ours(p, &p->line.domain)) {
		find(p, AUDIT_FOREIGN, 0, 0, "a checkpoint of another domain or node");
		return;
	}
	if (audit_checkpoint_verify(&p->result.domain, c) != ERR_OK) {
		find(p, AUDIT_FORGED, c->at.seq, c->at.seq, "the checkpoint is not signed by this domain");
		return;
	}
	if (c->at.seq < p->place.seq) {
		find(p, AUDIT_STALE, c->at.seq, c->at.seq, "an older checkpoint stands here");
		return;
	}
	if (c->at.seq > p->place.seq) pass_over(p, p->place.seq + 1, c->at.seq);
	else if (!same_place(&c->at, &p->place)) find(p, AUDIT_EDITED, p->result.signed_to + 1, c->at.seq, "they are not what the checkpoint behind them was signed over");
	p->place = c->at;
	p->vouched = true;
	p->result.signed_to = c->at.seq;
	if (c->time_ms > p->result.signed_ms) p->result.signed_ms = c->time_ms;
	arrive(p);
}

static void take_gap(struct audit_proof *p)
{
	const struct audit_gap *g = &p->line.gap;
	if (!is_ours(p, &p->line.domain)) {
		find(p, AUDIT_FOREIGN, 0, 0, "a gap of another domain or node");
		return;
	}
	if (audit_gap_verify(&p->result.domain, g) != ERR_OK) {
		find(p, AUDIT_FORGED, g->from, g->to.seq, "the gap is not signed by this domain");
		return;
	}
	if (g->from <= p->place.seq) {
		find(p, AUDIT_STALE, g->from, g->to.seq, "a gap stands here that belongs elsewhere");
		return;
	}
	pass_over(p, p->place.seq + 1, g->from - 1);
	if (g->from == p->place.seq + 1 && memcmp(g->before, p->place.digest, AUDIT_DIGEST_LEN) != 0)
		find(p, AUDIT_EDITED, p->place.seq, p->place.seq, "the gap behind it says that it was another record");
	find(p, AUDIT_GAP, g->from, g->to.seq, "the node left them out of this export and says so");
	p->place = g->to;
	p->vouched = true;
	arrive(p);
}

enum coffer_err audit_proof_expect_join(struct audit_proof *proof, const struct audit_join *join)
{
	ENSURE(proof->join_count < AUDIT_JOINS_MAX, ERR_LIMIT);
	proof->joins[proof->join_count++] = (struct expected_join){ .join = *join };
	return ERR_OK;
}

bool audit_proof_join_fits(const struct audit_proof *proof, size_t i)
{
	return i < proof->join_count && proof->joins[i].fits;
}

void audit_proof_file(struct audit_proof *proof, const char *name)
{
	flush(proof);
	proof->file = name;
	proof->line_number = 0;
	proof->foreign = false;
}

void audit_proof_line(struct audit_proof *proof, struct view line)
{
	proof->line_number++;
	if (audit_line_read(line, &proof->line) != ERR_OK) {
		if (!proof->foreign) find(proof, AUDIT_UNREADABLE, 0, 0, "the line is not of this format, or was changed");
		return;
	}
	if (proof->line.kind == AUDIT_LINE_HEADER) {
		take_header(proof);
		return;
	}
	if (proof->foreign) return;
	if (!proof->result.begun) {
		find(proof, AUDIT_UNREADABLE, 0, 0, "no header in front of it");
		return;
	}
	switch (proof->line.kind) {
	case AUDIT_LINE_RECORD: take_record(proof); break;
	case AUDIT_LINE_CHECKPOINT: take_checkpoint(proof); break;
	default: take_gap(proof); break;
	}
}

void audit_proof_torn(struct audit_proof *proof)
{
	proof->line_number++;
	find(proof, AUDIT_UNREADABLE, 0, 0, "the last line has no end: it was cut");
}

/* Who cuts the whole log off can write a header that says it began later: that is believed when something behind it is signed. */
static void end_kept(struct audit_proof *p, const struct kept *k)
{
	uint64_t seq = k->checkpoint.at.seq;
	if (!k->judged || k->passed) return;
	if (seq > p->place.seq) find(p, AUDIT_TRUNCATED, p->place.seq + 1, seq, "a checkpoint from elsewhere proves that they were there");
	else if (!p->vouched) find(p, AUDIT_TRUNCATED, seq, seq, "a checkpoint from elsewhere proves that it was there, and nothing that is here is signed");
}

static void end_join(struct audit_proof *p, const struct expected_join *e)
{
	if (p->result.begun && p->place.seq < e->join.at.seq)
		find(p, AUDIT_TRUNCATED, p->place.seq + 1, e->join.at.seq, "the node that was restored from a backup of this one says that they were there");
}

void audit_proof_end(struct audit_proof *proof, bool live, struct audit_proof_result *out)
{
	struct audit_proof *p = proof;
	flush(p);
	p->line_number = 0;
	for (size_t i = 0; i < p->hole_count; i++) find(p, AUDIT_MISSING, p->holes[i].from, p->holes[i].to, "");
	if (!live && p->place.seq > p->result.signed_to)
		find(p, AUDIT_UNSIGNED, p->result.signed_to + 1, p->place.seq, "no checkpoint stands behind them: they may have been changed, and others cut off");
	else if (!live && p->result.begun && !p->vouched)
		find(p, AUDIT_UNSIGNED, 0, 0, "there is no checkpoint at all, so not even the header is to be believed");
	for (size_t i = 0; i < p->kept_count; i++) end_kept(p, &p->kept[i]);
	for (size_t i = 0; i < p->join_count; i++) end_join(p, &p->joins[i]);
	p->result.joined = p->join_count > 0;
	for (size_t i = 0; i < p->join_count; i++) p->result.joined = p->result.joined && p->joins[i].fits;
	if (p->token_key_count && p->result.begun && p->result.token_signatures == 0)
		find(p, AUDIT_TOKEN_NONE, p->result.first, p->place.seq, "none of these records is signed by the token");
	flush(p);
	p->result.last = p->place.seq;
	*out = p->result;
}
