/* Everything about an archive that is known before anything is changed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyring/root_mark.h"
#include "kmip/values.h"
#include "objects/codec.h"
#include "ops/kmip_usage.h"
#include "ops/restore_internal.h"
#include "ops/row_check.h"

struct looking {
	struct row_check check;
	struct restore_result *result;
	struct ring *ring;
	struct root_head *head;
	struct anchor_record *anchor;
	bool has_domain_key;
};

static enum coffer_err count_object(struct looking *l, const struct store_row *row)
{
	AUTO_OBJECT struct object *o = NULL;
	struct kmip_usage_limits limits;
	TRY(object_from_row(l->ring, row, &o));
	l->result->limited += o->state < OBJECT_DESTROYED && kmip_usage_limits(o, &limits);
	return ERR_OK;
}

static enum coffer_err look(void *arg, enum store_table table, const struct store_row *row)
{
	struct looking *l = arg;
	if (table == STORE_AUDIT) {
		root_head_follow(l->head, row);
		return ERR_OK; /* archive_check_rows followed it */
	}
	if (table == STORE_DOMAIN && view_equal_str(view_of(row->id, row->id_len), "domain-key")) l->has_domain_key = true;
	TRY(row_check(&l->check, table, row));
	if (table == STORE_DOMAIN && anchor_record_is(ring_domain(l->ring), row)) {
		anchor_record_clear(l->anchor);
		return anchor_record_open(l->ring, row, l->anchor);
	}
	return table == STORE_OBJECT ? count_object(l, row) : ERR_OK;
}

static enum coffer_err unlock(struct restoring *r, struct reason *reason)
{
	const struct restore_wish *w = r->wish;
	if (w->proof_count == 0)
		return reason_fail(reason, ERR_MISSING, r->result->facts.mode == STANZA_SHARES ? "give %u of the shares with --share-file" :
			"give the recovery passphrase with --secret-file, --secret-fd or at the prompt", r->result->facts.k);
	if (w->passphrase) return archive_unlock_passphrase(r->archive, w->proofs[0], &r->opened, reason);
	return archive_unlock_shares(r->archive, w->proofs, w->proof_count, &r->opened, reason);
}

/* What a store of the archive's node left here, when it is there and holds under the archive's keys. *out_foreign: it is there and does not. */
static enum coffer_err marked_version(struct restoring *r, uint64_t *out, bool *out_foreign, struct reason *reason)
{
	char path[4096];
	struct root_mark *mark = NULL;
	*out = 0;
	*out_foreign = false;
	if (snprintf(path, sizeof path, "%s/node.root", r->engine->config->state_dir) >= (int)sizeof path || access(path, F_OK) != 0) return ERR_OK;
	TRY(root_mark_open(path, &mark, reason)); /* one that is there and cannot be read could know better */
	enum coffer_err err = root_mark_read(mark, r->opened, out);
	if (err) *out = 0;
	*out_foreign = err == ERR_CORRUPT;
	root_mark_close(mark);
	return err == ERR_IO ? reason_fail(reason, err, "%s cannot be read; check the disk", path) : ERR_OK;
}

static enum coffer_err compare_mark(struct restoring *r, struct reason *reason)
{
	uint64_t known = 0, have = r->result->facts.header.root_version;
	bool foreign = false;
	TRY(marked_version(r, &known, &foreign, reason));
	r->result->mark_foreign = foreign;
	if (foreign && !r->wish->accept_older)
		return reason_fail(reason, ERR_STATE, "node.root in state_dir is of a newer data key than this archive has, or of another node: the store that it knew may be newer, "
			"so what was destroyed or revoked could come back; restore a newer archive, or add --accept-older");
	r->result->mark_known = known != 0;
	r->result->newer_by = known > have ? known - have : 0;
	if (r->result->newer_by == 0 || r->wish->accept_older) return ERR_OK;
	return reason_fail(reason, ERR_STATE, "the archive is older than what this node knows: its store had %" PRIu64 " changes more, so what they destroyed or revoked "
		"would come back; restore a newer archive, or add --accept-older", r->result->newer_by);
}

static enum coffer_err check_rows(struct restoring *r, struct reason *reason)
{
	struct looking l = { .check = { .ring = r->opened }, .result = r->result, .ring = r->opened, .head = &r->old_head, .anchor = &r->anchor };
	struct archive_look al = { .look = look, .arg = &l };
	memcpy(r->old_head.node_id, r->result->facts.header.node_id, UUID_LEN);
	TRY(archive_check_rows(r->archive, r->opened, &al, reason));
	r->result->faults = al.faults;
	if (!l.has_domain_key) return reason_fail(reason, ERR_CORRUPT, "the archive lacks the domain's own key, so no node can be made of it; use another copy");
	if (al.faults == 0 || r->wish->accept_damaged) return ERR_OK;
	return reason_fail(reason, ERR_CORRUPT, "the store was damaged when the archive was made (%" PRIu64 " faults; first: %.200s); use an older archive, or add "
		"--accept-damaged to restore what opens", al.faults, al.said);
}

enum coffer_err restore_check(struct restoring *r, int fd, struct reason *reason)
{
	TRY(archive_open(fd, &r->archive, reason));
	TRY(archive_pass(r->archive, NULL, NULL, reason));
	archive_facts(r->archive, &r->result->facts);
	TRY(unlock(r, reason));
	TRY(compare_mark(r, reason));
	return check_rows(r, reason);
}
