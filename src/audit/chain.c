/* The chain's tail: opened at start, moved by appends, moved back when a transaction is undone. */
#include "audit/chain.h"

#include <stdlib.h>
#include <string.h>

#include "audit/kept_record.h"
#include "audit/page.h"
#include "audit/row.h"
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/ct.h"
#include "keyring/record.h"
#include "keyring/rooted_store.h"

struct audit_chain {
	struct audit_place base; /* records up to it were taken out of the store */
	struct audit_place tail;
	uint64_t known_ms; /* latest time in the newest rows when the chain was opened */
};

void audit_chain_free(struct audit_chain *chain)
{
	free(chain);
}

uint64_t audit_chain_length(const struct audit_chain *chain)
{
	return chain->tail.seq;
}

const struct audit_place *audit_chain_base(const struct audit_chain *chain)
{
	return &chain->base;
}

uint64_t audit_chain_known_ms(const struct audit_chain *chain)
{
	return chain->known_ms;
}

#define TIME_ROWS 64u /* newest rows that are asked for the latest time: more than a few starts with a wrong clock add */

struct newest {
	struct ring *ring;
	unsigned rows;
	struct audit_place at[2];
	struct audit_header header;
	struct buf row; /* plaintext of the newest; empty: it does not open */
};

static enum coffer_err take_newest(void *arg, const struct store_row *row)
{
	struct newest *n = arg;
	struct audit_header header;
	const struct domain_id *domain = ring_domain(n->ring);
	struct audit_place *at = &n->at[n->rows];
	if (row->id_len != AUDIT_ID_LEN || memcmp(row->id, domain->node_id, UUID_LEN) != 0)
		return ERR_EXISTS; /* another node's rows: enough seen */
	TRY(audit_row_seq(domain, row, &at->seq));
	TRY(audit_header_decode(row->header, &header));
	memcpy(at->link, header.link, AUDIT_LINK_LEN);
	TRY(audit_header_digest(domain, at->seq, &header, at->digest));
	if (n->rows == 0) {
		n->header = header;
		enum coffer_err err = record_open(n->ring, STORE_AUDIT, row, &n->row);
		if (err == ERR_CORRUPT) buf_clear(&n->row);
		else TRY(err);
	}
	n->rows++;
	return ERR_OK;
}

static enum coffer_err check_newest(struct newest *n)
{
	const struct domain_id *domain = ring_domain(n->ring);
	const struct audit_place *at = &n->at[0];
	struct audit_place previous = n->at[1];
	uint8_t expected[AUDIT_LINK_LEN], digest[AUDIT_DIGEST_LEN];
	struct audit_event event;
	ENSURE(n->row.len, ERR_CORRUPT);
	if (n->rows == 1) TRY(audit_place_begin(domain, &previous));
	ENSURE(at->seq == previous.seq + 1, ERR_CORRUPT);
	TRY(audit_row_decode(domain, buf_view(&n->row), &event));
	ENSURE(event.seq == at->seq, ERR_CORRUPT);
	TRY(audit_link(n->ring, n->header.link_generation, at->seq, previous.link, buf_view(&n->row), expected));
	ENSURE(ct_equal(expected, at->link, sizeof expected), ERR_CORRUPT);
	return audit_header_follow(domain, previous.digest, at->seq, &n->header, buf_view(&n->row), digest);
}

/* The chain goes on behind its newest row also when that, or the one before, is damaged: the version root says that its link is the right one.
 * Verification and the scrub name what is damaged; a node that would not open for it would lose every key with one byte. */
static enum coffer_err find_tail(struct store *store, struct newest *n)
{
	uint8_t end[AUDIT_ID_LEN];
	audit_row_id(ring_domain(n->ring), UINT64_MAX, end);
	enum coffer_err err = store_scan(store, STORE_AUDIT, view_of(end, sizeof end), true, 2, take_newest, n);
	if (err == ERR_EXISTS) err = ERR_OK;
	if (!err && n->rows) err = check_newest(n);
	if (err == ERR_CORRUPT && n->rows && rooted_store_is_head(store, n->at[0].seq, n->at[0].link)) err = ERR_OK;
	return err;
}

/* One by one: a row among the newest that cannot be read says nothing about time here. */
static uint64_t latest_time(struct store *store, struct ring *ring, uint64_t seq)
{
	uint64_t latest_ms = 0;
	for (unsigned i = 0; i < TIME_ROWS && seq > i; i++) {
		AUTO_BUF struct buf plain = BUF_EMPTY;
		uint8_t id[AUDIT_ID_LEN];
		struct store_row row;
		struct audit_event event;
		audit_row_id(ring_domain(ring), seq - i, id);
		if (store_get(store, STORE_AUDIT, view_of(id, sizeof id), &row) != ERR_OK) continue;
		if (record_open(ring, STORE_AUDIT, &row, &plain) != ERR_OK) continue;
		if (audit_row_decode(ring_domain(ring), buf_view(&plain), &event) != ERR_OK) continue;
		if (event.time_ms > latest_ms) latest_ms = event.time_ms;
	}
	return latest_ms;
}

static enum coffer_err find_base(struct txn *txn, struct audit_place *out)
{
	struct kept_record kept;
	const struct domain_id *domain = ring_domain(txn_ring(txn));
	enum coffer_err err = kept_record_read(txn_store(txn), txn_ring(txn), domain, &kept);
	/* A record that is damaged keeps no node closed: verification names it, as a log whose beginning is missing. */
	if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) return audit_place_begin(domain, out);
	TRY(err);
	*out = kept.checkpoint.at;
	return ERR_OK;
}

enum coffer_err audit_chain_open(struct txn *txn, struct audit_chain **out, struct reason *reason)
{
	struct newest n = { .ring = txn_ring(txn), .row = BUF_EMPTY };
	enum coffer_err err = find_tail(txn_store(txn), &n);
	buf_free(&n.row);
	if (err == ERR_CORRUPT)
		return reason_fail(reason, err, "the end of the audit log does not verify; the store was edited or damaged");
	TRY(err);

	struct audit_chain *chain = calloc(1, sizeof *chain);
	ENSURE(chain, ERR_MEMORY);
	if (n.rows) {
		chain->tail = n.at[0];
		chain->known_ms = latest_time(txn_store(txn), n.ring, n.at[0].seq);
	} else {
		err = audit_place_begin(ring_domain(n.ring), &chain->tail);
	}
	if (!err) err = find_base(txn, &chain->base);
	if (err) {
		free(chain);
		return err;
	}
	*out = chain;
	return ERR_OK;
}

/* What undoes one append: the tail as it was before. */
struct step {
	struct audit_chain *chain;
	struct audit_place before;
};

static void step_keep(void *arg)
{
	free(arg);
}

static void step_undo(void *arg)
{
	struct step *step = arg;
	step->chain->tail = step->before;
	free(step);
}

/* Before the row is written, so that no row can stand there with the tail behind it. */
static enum coffer_err stage_tail(struct audit_chain *chain, struct txn *txn)
{
	struct step *step = malloc(sizeof *step);
	ENSURE(step, ERR_MEMORY);
	*step = (struct step){ chain, chain->tail };
	enum coffer_err err = txn_on_commit(txn, step_keep, step_undo, step);
	if (err) free(step);
	return err;
}

static enum coffer_err write_row(struct txn *txn, const struct audit_event *event, struct view plain,
	const struct audit_header *header)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	uint8_t header_bytes[AUDIT_HEADER_LEN];
	static const uint8_t no_index[] = { 0, 0 };
	struct store_row row = { .id_len = AUDIT_ID_LEN, .version = 1 };
	audit_row_id(ring_domain(txn_ring(txn)), event->seq, row.id);
	audit_header_encode(header, header_bytes);
	row.header = view_of(header_bytes, sizeof header_bytes);
	row.index = view_of(no_index, sizeof no_index);
	TRY(record_seal(txn_ring(txn), STORE_AUDIT, plain, &row, &body));
	return store_put(txn_store(txn), STORE_AUDIT, &row, false);
}

enum coffer_err audit_append(struct audit_chain *chain, struct txn *txn, const struct audit_event *event)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct audit_event e = *event;
	struct audit_header header = { .link_generation = ring_newest(txn_ring(txn)), .has_digest = true };

	e.seq = chain->tail.seq + 1;
	e.epoch = rooted_store_epoch(txn_store(txn)); /* the highest that this node saw; 0 where it writes alone */
	e.time_ms = clock_wall_s() * 1000;
	TRY(audit_row_encode(ring_domain(txn_ring(txn)), &e, &plain));
	TRY(audit_link(txn_ring(txn), header.link_generation, e.seq, chain->tail.link, buf_view(&plain), header.link));
	TRY(audit_digest_next(chain->tail.digest, header.link_generation, header.link, buf_view(&plain), header.digest));
	TRY(stage_tail(chain, txn));
	TRY(write_row(txn, &e, buf_view(&plain), &header));
	chain->tail.seq = e.seq;
	memcpy(chain->tail.link, header.link, AUDIT_LINK_LEN);
	memcpy(chain->tail.digest, header.digest, AUDIT_DIGEST_LEN);
	return ERR_OK;
}

/* ---- taking out ---- */

struct base_step {
	struct audit_chain *chain;
	struct audit_place before;
};

static void base_undo(void *arg)
{
	struct base_step *step = arg;
	step->chain->base = step->before;
	free(step);
}

static enum coffer_err stage_base(struct audit_chain *chain, struct txn *txn)
{
	struct base_step *step = malloc(sizeof *step);
	ENSURE(step, ERR_MEMORY);
	*step = (struct base_step){ chain, chain->base };
	enum coffer_err err = txn_on_commit(txn, step_keep, base_undo, step);
	if (err) free(step);
	return err;
}

enum coffer_err audit_take_out(struct audit_chain *chain, struct txn *txn, uint64_t last, bool exported)
{
	struct kept_record kept = { .exported = true };
	const struct domain_id *domain = ring_domain(txn_ring(txn));
	PRE(last > chain->base.seq && last + 2 <= chain->tail.seq);
	enum coffer_err err = kept_record_read(txn_store(txn), txn_ring(txn), domain, &kept);
	if (err != ERR_NOT_FOUND) TRY(err);
	kept.exported = kept.exported && exported;
	TRY(audit_page_checkpoint(txn, last, &kept.checkpoint));
	TRY(stage_base(chain, txn));
	for (uint64_t seq = chain->base.seq + 1; seq <= last; seq++) {
		uint8_t id[AUDIT_ID_LEN];
		audit_row_id(domain, seq, id);
		TRY(store_erase(txn_store(txn), STORE_AUDIT, view_of(id, sizeof id)));
	}
	TRY(kept_record_put(txn_store(txn), txn_ring(txn), &kept));
	chain->base = kept.checkpoint.at;
	return ERR_OK;
}
