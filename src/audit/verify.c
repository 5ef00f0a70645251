/* Reading the chain for people and checking every link of it. */
#include <string.h>

#include "audit/chain.h"
#include "audit/row.h"
#include "base/ct.h"
#include "keyring/record.h"

struct walk {
	struct ring *ring;
	uint64_t next;                  /* expected sequence number */
	uint8_t previous[AUDIT_LINK_LEN];
	uint8_t digest[AUDIT_DIGEST_LEN];
	bool check;                     /* verify the links */
	audit_row_fn *fn;               /* may be NULL */
	void *arg;
	enum coffer_err fn_err;
};

static enum coffer_err walk_row(void *arg, const struct store_row *row)
{
	struct walk *w = arg;
	const struct domain_id *domain = ring_domain(w->ring);
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct audit_header header;
	struct audit_event event;
	uint64_t seq;
	if (row->id_len != AUDIT_ID_LEN || memcmp(row->id, domain->node_id, UUID_LEN) != 0) return ERR_EXISTS;
	TRY(audit_row_seq(domain, row, &seq));
	ENSURE(seq == w->next, ERR_CORRUPT);
	TRY(audit_header_decode(row->header, &header));
	TRY(record_open(w->ring, STORE_AUDIT, row, &plain));
	TRY(audit_row_decode(domain, buf_view(&plain), &event));
	ENSURE(event.seq == seq, ERR_CORRUPT);
	if (w->check) {
		uint8_t expected[AUDIT_LINK_LEN];
		TRY(audit_link(w->ring, header.link_generation, seq, w->previous, buf_view(&plain), expected));
		ENSURE(ct_equal(expected, header.link, sizeof expected), ERR_CORRUPT);
		memcpy(w->previous, header.link, sizeof w->previous);
		TRY(audit_header_follow(domain, w->digest, seq, &header, buf_view(&plain), w->digest));
	}
	w->next++;
	if (w->fn) {
		w->fn_err = w->fn(w->arg, &event);
		TRY(w->fn_err);
	}
	return ERR_OK;
}

static enum coffer_err walk_from(struct txn *txn, struct walk *w, uint64_t first, size_t limit)
{
	uint8_t after[AUDIT_ID_LEN];
	audit_row_id(ring_domain(w->ring), first - 1, after);
	w->next = first;
	enum coffer_err err = store_scan(txn_store(txn), STORE_AUDIT, view_of(after, sizeof after), false, limit, walk_row, w);
	return err == ERR_EXISTS && w->fn_err != ERR_EXISTS ? ERR_OK : err;
}

enum coffer_err audit_read(struct audit_chain *chain, struct txn *txn, uint64_t first, size_t limit, audit_row_fn *fn, void *arg)
{
	if (first <= audit_chain_base(chain)->seq) first = audit_chain_base(chain)->seq + 1;
	if (first > audit_chain_length(chain)) return ERR_OK;
	struct walk w = { .ring = txn_ring(txn), .fn = fn, .arg = arg };
	return walk_from(txn, &w, first, limit);
}

enum coffer_err audit_verify(struct audit_chain *chain, struct txn *txn, uint64_t *out_bad, struct reason *reason)
{
	struct walk w = { .ring = txn_ring(txn), .check = true };
	const struct audit_place *begin = audit_chain_base(chain);
	memcpy(w.previous, begin->link, sizeof w.previous);
	memcpy(w.digest, begin->digest, sizeof w.digest);
	enum coffer_err err = walk_from(txn, &w, begin->seq + 1, SIZE_MAX);
	if (!err && w.next != audit_chain_length(chain) + 1) err = ERR_CORRUPT;
	if (err == ERR_CORRUPT) {
		*out_bad = w.next;
		return reason_fail(reason, err, "the audit log does not verify from record %llu on; it was edited or damaged",
			(unsigned long long)w.next);
	}
	TRY(err);
	*out_bad = 0;
	return ERR_OK;
}
