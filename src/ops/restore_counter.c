/* What the token saw of the archive's node: a restore onto the machine that made the archive is held against the counter there (docs/formats.md section 16.2). */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "ops/restore_internal.h"
#include "token/kind.h"

static enum restore_counter judge(struct restoring *r, const struct token_counter_answer *answer)
{
	uint64_t have = r->anchor.counter;
	if (answer->state == TOKEN_COUNTER_NONE) return RESTORE_COUNTER_NONE;
	if (answer->state == TOKEN_COUNTER_OTHER) return RESTORE_COUNTER_OTHER;
	if (answer->value > have) r->result->counter_ahead = answer->value - have;
	if (answer->value > have) return RESTORE_COUNTER_AHEAD;
	return answer->value + 1 >= have ? RESTORE_COUNTER_SAME : RESTORE_COUNTER_BEHIND; /* one behind: cut off before the raise (19.4) */
}

static enum coffer_err read_counter(struct restoring *r, const struct domain_id *domain, bool by_reference, struct token_counter_answer *out, struct reason *reason)
{
	struct token_counter_wish wish;
	TRY(anchor_wish(domain, &r->anchor, &wish));
	if (!by_reference) wish.ref.len = 0;
	return token_proxy_counter_read(r->proxy, &wish, out, reason);
}

static bool names_counter(const struct restoring *r)
{
	return r->anchor.stage == ANCHOR_MADE || r->anchor.stage == ANCHOR_LEFT;
}

/* The counter that the archive names. Where it is not, in another token as well as in this one after a removal, any other of the archive's node counts, which the token knows by its owner
 * digest. The record is not one of this node: its authorization value serves to read alone. */
static enum coffer_err ask(struct restoring *r, struct reason *reason)
{
	struct domain_id domain;
	struct token_counter_answer answer = { .state = TOKEN_COUNTER_NONE };
	archive_domain(&r->result->facts.header, &domain);
	bool named = names_counter(r);
	if (!r->anchor.auth) TRY(anchor_record_new_auth(&r->anchor)); /* which no counter takes */
	if (named) TRY(read_counter(r, &domain, true, &answer, reason));
	if (answer.state != TOKEN_COUNTER_WELL) {
		TRY(read_counter(r, &domain, false, &answer, reason));
		/* One that takes the value and is not at its place, or was made after the archive: not where the archive has it. */
		if (answer.state == TOKEN_COUNTER_WELL) answer.state = TOKEN_COUNTER_OTHER;
	}
	r->result->counter = judge(r, &answer);
	return ERR_OK;
}

static enum coffer_err refuse(const struct restoring *r, struct reason *reason)
{
	if (r->result->counter == RESTORE_COUNTER_AHEAD)
		return reason_fail(reason, ERR_STATE, "the archive is older than what this token saw: its counter for the archive's node was raised %" PRIu64 " times since, so what was destroyed or "
			"revoked meanwhile would come back; restore a newer archive, or add --accept-older", r->result->counter_ahead);
	return reason_fail(reason, ERR_STATE, "this token has a counter of the archive's node that the archive does not know: it may be older than what the token saw, so what was destroyed or "
		"revoked meanwhile could come back; restore a newer archive, or add --accept-older");
}

/* What was made for this restore goes again: the next try must make its own, not adopt one that then counts as another's. */
static void take_back_master(struct restoring *r)
{
	struct reason why = { "" };
	if (!r->result->token.made_here) return;
	enum coffer_err err = token_proxy_erase(r->proxy, &why);
	if (err && err != ERR_TOKEN_KEY_MISSING) log_warn("the master secret that was made for a restore stays in the token: %s", reason_text(&why, err));
}

enum coffer_err restore_compare_counter(struct restoring *r, struct reason *reason)
{
	struct reason why = { "" };
	enum coffer_err err = ask(r, &why);
	/* Of a TPM that is an error code, which nothing authenticates, and any TPM can count: where there was a counter it is not believed. */
	if (err == ERR_UNSUPPORTED && (!names_counter(r) || strcmp(r->result->token.kind, token_kind_name(TOKEN_KIND_TPM2)) != 0)) return ERR_OK;
	if (err && r->wish->accept_older) {
		log_warn("the token's counter for the archive's node could not be read: %s", reason_text(&why, err));
		return ERR_OK;
	}
	if (err) err = reason_fail(reason, err, "whether the token saw a newer store than the archive could not be read: %.300s; try again, or add --accept-older", reason_text(&why, err));
	else if (r->result->counter >= RESTORE_COUNTER_AHEAD && !r->wish->accept_older) err = refuse(r, reason);
	if (err) take_back_master(r);
	return err;
}
