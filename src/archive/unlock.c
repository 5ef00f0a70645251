/* From shares or a passphrase to the ring, and the proof that it is the right one. */
#include <string.h>

#include "archive/archive_internal.h"
#include "base/ct.h"
#include "keyring/audit_key.h"
#include "keyring/record.h"

const struct root *archive_root(const struct archive *a)
{
	PRE(a->unlocked);
	return &a->root;
}

enum coffer_err archive_signature(const struct archive *a, uint32_t generation, uint8_t out[static DOMAIN_SIGNATURE_LEN])
{
	struct stanza_wrap wrap;
	for (unsigned i = 0; i < a->stanza.count; i++) {
		stanza_wrap_at(&a->stanza, i, &wrap);
		if (wrap.generation != generation) continue;
		memcpy(out, wrap.signature, DOMAIN_SIGNATURE_LEN);
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}

static enum coffer_err fill_ring(const struct archive *a, const struct domain_id *domain, const struct secret *private_key, struct ring *ring,
	struct reason *reason)
{
	for (unsigned i = 0; i < a->stanza.count; i++) {
		AUTO_SECRET struct secret *key = NULL;
		uint32_t generation;
		TRY(recovery_unwrap(domain, &a->stanza, i, private_key, &generation, &key, reason));
		TRY(ring_add(ring, generation, &key));
	}
	if (ring_newest(ring) != a->facts.header.generation)
		return reason_fail(reason, ERR_CORRUPT, "the archive's newest data key is not among those that its recovery key opens; use another copy");
	return ERR_OK;
}

static enum coffer_err check_canary(const struct archive *a, struct ring *ring, struct reason *reason)
{
	uint8_t row_header[CANARY_HEADER_LEN], expected[CANARY_PLAIN_LEN];
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row row;
	canary_row(&a->facts.header, row_header, &row);
	row.body = bytes_view(&a->canary);
	TRY(canary_plain(a->header, expected));
	enum coffer_err err = record_open(ring, STORE_DOMAIN, &row, &plain);
	if (!err && (plain.len != sizeof expected || !ct_equal(plain.ptr, expected, sizeof expected))) err = ERR_CORRUPT;
	if (err == ERR_CORRUPT) return reason_fail(reason, err, "the data key does not open the archive's canary; use another copy");
	return err;
}

static enum coffer_err check_root(struct archive *a, struct ring *ring, struct reason *reason)
{
	enum coffer_err err = root_from_row(ring, &a->root_row, &a->root);
	if (!err && a->root.version != a->facts.header.root_version) err = ERR_CORRUPT;
	if (err == ERR_CORRUPT) return reason_fail(reason, err, "the archive's version root does not open, or is not the one that its header names");
	return err == ERR_OK ? ERR_OK : reason_default(reason, err, "the archive's version root cannot be read: %s", err_text(err));
}

/* One that does not open shows later: in its own row, and in the audit rows that hang on it. */
static enum coffer_err take_audit_key(void *arg, enum store_table table, const struct store_row *row)
{
	if (table != STORE_DOMAIN || !audit_key_is(row)) return ERR_OK;
	enum coffer_err err = audit_key_take(arg, row);
	return err == ERR_MEMORY ? err : ERR_OK;
}

/* Audit rows stand in front of the keys of generations that left, under which some of their links are. */
static enum coffer_err take_audit_keys(struct archive *a, struct ring *ring, struct reason *reason)
{
	if (ring_generation_at(ring, 0) == 1) return ERR_OK; /* none has left */
	return archive_pass(a, take_audit_key, ring, reason);
}

static enum coffer_err open_all(struct archive *a, const struct domain_id *domain, const struct secret *private_key, struct ring **out,
	struct reason *reason)
{
	struct ring *ring = ring_new(domain);
	ENSURE(ring, ERR_MEMORY);
	enum coffer_err err = fill_ring(a, domain, private_key, ring, reason);
	if (!err) err = check_canary(a, ring, reason);
	if (!err) err = check_root(a, ring, reason);
	if (!err) err = take_audit_keys(a, ring, reason);
	if (err) {
		ring_free(ring);
		return err;
	}
	a->unlocked = true;
	*out = ring;
	return ERR_OK;
}

enum coffer_err archive_unlock_shares(struct archive *a, const struct view *texts, unsigned count, struct ring **out, struct reason *reason)
{
	AUTO_SECRET struct secret *private_key = NULL;
	struct domain_id domain;
	PRE(a->passed);
	archive_domain(&a->facts.header, &domain);
	TRY(recovery_open_shares(&domain, &a->stanza, texts, count, &private_key, reason));
	return open_all(a, &domain, private_key, out, reason);
}

enum coffer_err archive_unlock_passphrase(struct archive *a, struct view passphrase, struct ring **out, struct reason *reason)
{
	AUTO_SECRET struct secret *private_key = NULL;
	struct domain_id domain;
	PRE(a->passed);
	archive_domain(&a->facts.header, &domain);
	TRY(recovery_open_passphrase(&domain, &a->stanza, passphrase, &private_key, reason));
	return open_all(a, &domain, private_key, out, reason);
}
