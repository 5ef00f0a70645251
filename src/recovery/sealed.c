/* Recovery on a node whose ring is not open: which stanza is in force, and from the private key to a ring. */
#include <string.h>

#include "recovery/recovery_internal.h"

#define ROWS_MAX 1024u /* of the table; there are as many as recovery keys were made */

struct finding {
	const struct domain_id *domain;
	struct buf *body;     /* header and body of the one that was found */
	struct store_row row;
	size_t header_len, body_len;
	unsigned current, rows;
	struct reason reason; /* of the last one that is not in order */
};

static enum coffer_err keep(struct finding *f, const struct store_row *row)
{
	f->row = *row;
	f->header_len = row->header.len;
	f->body_len = row->body.len;
	buf_clear(f->body);
	TRY(buf_append(f->body, row->header));
	return buf_append(f->body, row->body);
}

/* A row that does not verify is no stanza: somebody put it there. */
static enum coffer_err look(void *arg, const struct store_row *row)
{
	struct finding *f = arg;
	struct stanza stanza;
	f->rows++;
	if (row->state != STANZA_CURRENT) return ERR_OK;
	enum coffer_err err = stanza_parse(row, &stanza, &f->reason);
	if (!err) err = stanza_verify(f->domain, row, &stanza, &f->reason);
	if (err == ERR_MEMORY || err == ERR_CRYPTO) return err;
	if (err) return ERR_OK;
	f->current++;
	return keep(f, row);
}

static enum coffer_err judge(const struct finding *f, struct reason *reason)
{
	if (f->current == 1) return ERR_OK;
	if (f->current > 1)
		return reason_fail(reason, ERR_CORRUPT, "the store holds %u recovery records that all say they are in force; it was edited, restore it", f->current);
	if (f->rows == 0) return reason_fail(reason, ERR_NOT_FOUND, "this domain has no recovery record: it was made without recovery, or the record was removed");
	return reason_fail(reason, ERR_CORRUPT, "%s", f->reason.text[0] ? f->reason.text : "no recovery record of this domain is in force; restore the store");
}

enum coffer_err recovery_find(struct store *store, const struct domain_id *domain, struct store_row *out_row, struct stanza *out,
	struct buf *body, struct reason *reason)
{
	struct finding f = { .domain = domain, .body = body };
	enum coffer_err err = store_scan(store, STORE_RECOVERY, view_of(NULL, 0), false, ROWS_MAX, look, &f);
	if (err) return reason_default(reason, err, "the recovery records cannot be read: %s", err_text(err));
	TRY(judge(&f, reason));
	f.row.header = view_of(body->ptr, f.header_len);
	f.row.body = view_of(body->ptr + f.header_len, f.body_len);
	f.row.index = view_of(NULL, 0);
	TRY(stanza_parse(&f.row, out, reason));
	*out_row = f.row;
	return ERR_OK;
}

enum coffer_err recovery_open_ring(const struct domain_id *domain, const struct stanza *stanza, const struct secret *private_key,
	struct ring **out, struct reason *reason)
{
	struct ring *ring = ring_new(domain);
	enum coffer_err err = ring ? ERR_OK : ERR_MEMORY;
	for (unsigned i = 0; i < stanza->count && !err; i++) {
		AUTO_SECRET struct secret *key = NULL;
		uint32_t generation = 0;
		err = recovery_unwrap(domain, stanza, i, private_key, &generation, &key, reason);
		if (!err) err = ring_add(ring, generation, &key);
	}
	if (err) ring_free(ring);
	else *out = ring;
	return err;
}
