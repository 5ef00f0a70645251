/* Following a chain row by row. */
#include "audit/follow.h"

#include <string.h>

#include "audit/row.h"
#include "base/ct.h"
#include "keyring/record.h"

static enum coffer_err begin_follow(struct audit_follow *f, const struct domain_id *domain)
{
	struct audit_place begin;
	TRY(audit_place_begin(domain, &begin));
	memcpy(f->node_id, domain->node_id, UUID_LEN);
	memcpy(f->previous, begin.link, sizeof f->previous);
	memcpy(f->digest, begin.digest, sizeof f->digest);
	f->next = 1;
	f->begun = true;
	return ERR_OK;
}

static enum coffer_err open_row(struct ring *ring, const struct domain_id *domain, const struct store_row *row, uint64_t *out_seq,
	struct audit_header *out_header, struct buf *plain)
{
	struct audit_event event;
	TRY(audit_row_seq(domain, row, out_seq));
	TRY(audit_header_decode(row->header, out_header));
	TRY(record_open(ring, STORE_AUDIT, row, plain));
	TRY(audit_row_decode(domain, buf_view(plain), &event));
	return event.seq == *out_seq ? ERR_OK : ERR_CORRUPT;
}

/* The row is not to be judged: what its header says is taken for it. */
static void follow_header(struct audit_follow *f, const struct domain_id *domain, const struct store_row *row)
{
	struct audit_header header;
	uint64_t seq = f->next++;
	if (audit_header_decode(row->header, &header) != ERR_OK) return;
	memcpy(f->previous, header.link, AUDIT_LINK_LEN);
	if (audit_header_digest(domain, seq, &header, f->digest) != ERR_OK) memset(f->digest, 0, sizeof f->digest);
}

/* Records in front of this row may have been taken out (docs/formats.md section 20.7). Of this node it is known which; where it is not, the first row is believed,
 * which its seal vouches for. */
static bool goes_on(struct audit_follow *f, const struct domain_id *own, uint64_t seq)
{
	bool is_own = memcmp(f->node_id, own->node_id, UUID_LEN) == 0;
	if (!is_own || !f->base) return f->next == 1 && seq > 1;
	if (f->base->seq == 0 || seq != f->base->seq + 1 || f->next > seq) return false;
	f->next = seq;
	memcpy(f->previous, f->base->link, AUDIT_LINK_LEN);
	memcpy(f->digest, f->base->digest, AUDIT_DIGEST_LEN);
	return false;
}

static void take_header(struct audit_follow *f, uint64_t seq, const struct audit_header *header, const uint8_t *digest)
{
	f->next = seq + 1;
	memcpy(f->previous, header->link, AUDIT_LINK_LEN);
	memcpy(f->digest, digest, AUDIT_DIGEST_LEN);
}

enum coffer_err audit_follow_row(struct audit_follow *f, struct ring *ring, const struct store_row *row)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct audit_header header;
	uint8_t expected[AUDIT_LINK_LEN];
	uint64_t seq = 0;
	struct domain_id domain = *ring_domain(ring); /* as the row's node saw it */
	if (row->id_len >= UUID_LEN) memcpy(domain.node_id, row->id, UUID_LEN);
	if (!f->begun || memcmp(f->node_id, domain.node_id, UUID_LEN) != 0) TRY(begin_follow(f, &domain));
	enum coffer_err err = open_row(ring, &domain, row, &seq, &header, &plain);
	if (err) {
		follow_header(f, &domain, row);
		return err == ERR_MEMORY ? err : ERR_CORRUPT;
	}
	if (goes_on(f, ring_domain(ring), seq)) {
		uint8_t digest[AUDIT_DIGEST_LEN];
		TRY(audit_header_digest(&domain, seq, &header, digest));
		take_header(f, seq, &header, digest);
		return ERR_OK;
	}
	bool in_order = seq == f->next;
	TRY(audit_link_of(ring, &domain, header.link_generation, seq, f->previous, buf_view(&plain), expected));
	bool holds = ct_equal(expected, header.link, sizeof expected);
	err = audit_header_follow(&domain, f->digest, seq, &header, buf_view(&plain), f->digest);
	f->next = seq + 1;
	memcpy(f->previous, header.link, AUDIT_LINK_LEN);
	TRY(err);
	return in_order && holds ? ERR_OK : ERR_CORRUPT;
}
