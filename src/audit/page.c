/* Reading the chain for exports, and signing. */
#include "audit/page.h"

#include <string.h>

#include "audit/kept_record.h"
#include "audit/row.h"
#include "base/clock.h"
#include "crypto/sign.h"
#include "keyring/generation.h"
#include "keyring/record.h"

/* The last record that was taken out has a place, too. */
static enum coffer_err place_of_base(struct txn *txn, const struct domain_id *domain, uint64_t seq, struct audit_place *out)
{
	struct kept_record kept;
	TRY(kept_record_read(txn_store(txn), txn_ring(txn), domain, &kept));
	ENSURE(kept.checkpoint.at.seq == seq, ERR_NOT_FOUND);
	*out = kept.checkpoint.at;
	return ERR_OK;
}

enum coffer_err audit_page_place(struct txn *txn, uint64_t seq, struct audit_place *out)
{
	return audit_page_place_of(txn, ring_domain(txn_ring(txn)), seq, out);
}

enum coffer_err audit_page_place_of(struct txn *txn, const struct domain_id *domain, uint64_t seq, struct audit_place *out)
{
	uint8_t id[AUDIT_ID_LEN];
	struct store_row row;
	struct audit_header header;
	struct audit_place place = { .seq = seq };
	if (seq == 0) return audit_place_begin(domain, out);
	audit_row_id(domain, seq, id);
	enum coffer_err err = store_get(txn_store(txn), STORE_AUDIT, view_of(id, sizeof id), &row);
	if (err == ERR_NOT_FOUND) return place_of_base(txn, domain, seq, out);
	TRY(err);
	TRY(audit_header_decode(row.header, &header));
	memcpy(place.link, header.link, sizeof place.link);
	TRY(audit_header_digest(domain, seq, &header, place.digest));
	*out = place;
	return ERR_OK;
}

struct behind {
	const struct domain_id *domain;
	struct audit_place place;
};

static enum coffer_err take_place(void *arg, const struct store_row *row)
{
	struct behind *b = arg;
	struct audit_header header;
	if (row->id_len != AUDIT_ID_LEN || memcmp(row->id, b->domain->node_id, UUID_LEN) != 0) return ERR_EXISTS; /* another node's */
	if (audit_row_seq(b->domain, row, &b->place.seq) != ERR_OK || audit_header_decode(row->header, &header) != ERR_OK) return ERR_OK;
	memcpy(b->place.link, header.link, sizeof b->place.link);
	TRY(audit_header_digest(b->domain, b->place.seq, &header, b->place.digest));
	return ERR_LIMIT; /* ends the scan */
}

enum coffer_err audit_page_place_behind(struct txn *txn, uint64_t seq, struct audit_place *out)
{
	struct behind b = { .domain = ring_domain(txn_ring(txn)) };
	uint8_t after[AUDIT_ID_LEN];
	audit_row_id(b.domain, seq, after);
	enum coffer_err err = store_scan(txn_store(txn), STORE_AUDIT, view_of(after, sizeof after), false, SIZE_MAX, take_place, &b);
	if (err == ERR_LIMIT) *out = b.place;
	if (err == ERR_LIMIT) return ERR_OK;
	return err == ERR_OK || err == ERR_EXISTS ? ERR_NOT_FOUND : err;
}

struct page {
	struct ring *ring;
	uint64_t next;
	audit_page_fn *fn;
	void *arg;
	bool foreign; /* rows of another node follow */
};

static enum coffer_err take_row(void *arg, const struct store_row *row)
{
	struct page *page = arg;
	const struct domain_id *domain = ring_domain(page->ring);
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct audit_header header;
	struct audit_event event;
	struct audit_links links;
	uint64_t seq;
	if (row->id_len != AUDIT_ID_LEN || memcmp(row->id, domain->node_id, UUID_LEN) != 0) {
		page->foreign = true;
		return ERR_EXISTS;
	}
	TRY(audit_row_seq(domain, row, &seq));
	ENSURE(seq == page->next, ERR_CORRUPT);
	TRY(audit_header_decode(row->header, &header));
	TRY(record_open(page->ring, STORE_AUDIT, row, &plain));
	TRY(audit_row_decode(domain, buf_view(&plain), &event));
	ENSURE(event.seq == seq, ERR_CORRUPT);
	links.generation = header.link_generation;
	memcpy(links.link, header.link, sizeof links.link);
	TRY(audit_header_digest(domain, seq, &header, links.digest));
	TRY(page->fn(page->arg, &event, &links));
	page->next++;
	return ERR_OK;
}

enum coffer_err audit_page_rows(struct txn *txn, uint64_t first, size_t limit, audit_page_fn *fn, void *arg)
{
	struct page page = { .ring = txn_ring(txn), .next = first, .fn = fn, .arg = arg };
	uint8_t after[AUDIT_ID_LEN];
	PRE(first > 0);
	audit_row_id(ring_domain(page.ring), first - 1, after);
	enum coffer_err err = store_scan(txn_store(txn), STORE_AUDIT, view_of(after, sizeof after), false, limit, take_row, &page);
	return err == ERR_EXISTS && page.foreign ? ERR_OK : err;
}

static enum coffer_err sign(struct txn *txn, struct view message, uint8_t out[static DOMAIN_SIGNATURE_LEN])
{
	AUTO_SECRET struct secret *seed = NULL;
	TRY(generation_get_domain_key(txn_store(txn), txn_ring(txn), &seed));
	return sign_ed25519(seed, message, out);
}

enum coffer_err audit_page_checkpoint(struct txn *txn, uint64_t seq, struct audit_checkpoint *out)
{
	uint8_t message[AUDIT_SIGNED_MAX];
	struct writer w;
	struct audit_checkpoint checkpoint = { .time_ms = clock_wall_s() * 1000 };
	TRY(audit_page_place(txn, seq, &checkpoint.at));
	writer_init(&w, message, sizeof message);
	audit_checkpoint_message(ring_domain(txn_ring(txn)), &checkpoint, &w);
	TRY(writer_done(&w));
	TRY(sign(txn, writer_view(&w), checkpoint.signature));
	*out = checkpoint;
	return ERR_OK;
}

enum coffer_err audit_page_gap(struct txn *txn, const struct audit_place *before, uint64_t to, struct view why, struct audit_gap *out)
{
	uint8_t message[AUDIT_SIGNED_MAX];
	struct writer w;
	struct audit_gap gap = { .from = before->seq + 1, .time_ms = clock_wall_s() * 1000, .why = why };
	PRE(before->seq < to);
	ENSURE(why.len <= AUDIT_WHY_MAX, ERR_TOO_LARGE);
	TRY(audit_page_place(txn, to, &gap.to));
	memcpy(gap.before, before->digest, sizeof gap.before);
	writer_init(&w, message, sizeof message);
	audit_gap_message(ring_domain(txn_ring(txn)), &gap, &w);
	TRY(writer_done(&w));
	TRY(sign(txn, writer_view(&w), gap.signature));
	*out = gap;
	return ERR_OK;
}
