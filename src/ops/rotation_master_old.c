/* What becomes of the master secret that a change left, or that one began with and did not put in force. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "ops/anchor_internal.h"
#include "ops/audit_signer.h"
#include "ops/rotation_internal.h"
#include "ops/rotation_master_internal.h"
#include "token/place.h"

#define LEFT_REFUSED "its token did not take the PIN (wrong, or locked), and is not asked again by itself: 'coffer rotate master --pin' asks it with the PIN that you give, --forget-old gives it up"

/* The blobs as they stand in the store now, in place of those that were meant to be there. */
static enum coffer_err read_slots(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_flow *f = arg;
	(void)engine;
	for (unsigned i = 0; i < f->count; i++) {
		uint8_t id[UUID_LEN + 4];
		struct store_row row;
		struct slot slot;
		master_slot_id(&f->after.domain, f->keys[i].generation, id);
		buf_clear(&f->keys[i].blob);
		enum coffer_err err = store_get(txn_store(txn), STORE_SLOT, view_of(id, sizeof id), &row);
		if (err == ERR_NOT_FOUND) continue; /* that generation left meanwhile */
		TRY(err);
		TRY(slot_parse(&row, &slot, reason));
		TRY(slot_check_binding(&slot, f->after.token_kind, &f->after.binding, reason));
		TRY(buf_append(&f->keys[i].blob, slot.blob));
	}
	return ERR_OK;
}

void master_old_say(enum master_old old, const char *still, char *out, size_t cap)
{
	const char *what = old == MASTER_OLD_DESTROYED ? "destroyed" : old == MASTER_OLD_ADOPTED ? "left to its owner: Coffer did not make it" : "not shown by its token, so it is not known whether it is destroyed";
	if (old == MASTER_OLD_STANDS) snprintf(out, cap, "not destroyed yet: %.400s", still);
	else snprintf(out, cap, "%s%s%.350s", what, still[0] ? "; " : "", still);
}

/* What is on record for ever of the old one: also of one that is given up, of which nobody may say what it is. */
static enum coffer_err store_end(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct master_flow *f = arg;
	char details[2 * REASON_MAX], what[REASON_MAX];
	master_old_say(f->out->old, "", what, sizeof what);
	if (f->out->old == MASTER_OLD_DESTROYED) snprintf(what, sizeof what, "destroyed, and looked for again");
	if (f->given_up) snprintf(what, sizeof what, "given up%s%.400s", f->last_said[0] ? "; last known of it: " : "", f->last_said);
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason)); /* of a node at fault */
	TRY(master_record_put(txn, &f->record));
	snprintf(details, sizeof details, "master secret: %s is %s", f->begun ? "the one that a change had begun with" : "the earlier one", what);
	const struct audit_event event = { .principal = view_str(f->wish ? f->wish->principal : "node"), .operation = OPERATION_COFFER_ROTATE_MASTER,
		.status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

/* A PKCS#11 token keeps the pair that signed the audit log; the one in force has a pair of its own. The same token keeps it: it signs with it. */
static void drop_signer(struct engine *e, const struct token_info *old, const struct token_info *now)
{
	bool stays = strcmp(old->kind, "pkcs11") != 0 || (strcmp(now->kind, "pkcs11") == 0 && strcmp(old->serial, now->serial) == 0);
	if (!stays) audit_signer_drop(e);
}

/* The token that was left is not the one whose PIN a start knows: what it refused once it is not asked again at every start. Noted behind the try: noted before, each start that is cut off, or finds the
 * token away, would leave one that takes its PIN to an operator. A store that cannot be written does not get here: opening the node writes to it. */
static void note_refused(struct master_flow *f, enum coffer_err err, struct reason *reason)
{
	struct engine *e = f->engine;
	struct reason why = { "" };
	if (err != ERR_AUTH && err != ERR_TOKEN_LOCKED && err != ERR_USAGE) return;
	snprintf(why.text, sizeof why.text, "%.300s", reason_text(reason, err));
	(void)reason_fail(reason, err, "%s: that is the token that was left%s; 'coffer rotate master --pin' gives it its PIN", why.text, err == ERR_TOKEN_LOCKED ? ": unlock it" : "");
	if (err == ERR_USAGE || f->record.refused) return; /* that cost no try, or is known */
	f->record.refused = true;
	err = e->on_store(e, master_store_record, f, &why);
	if (err) log_warn("that the token which was left refused the PIN is not on record: %s", reason_text(&why, err));
}

/* A start may ask it again: what failed behind that was not the PIN. */
static void note_taken(struct master_flow *f)
{
	struct reason why = { "" };
	if (!f->record.refused) return;
	f->record.refused = false;
	enum coffer_err err = f->engine->on_store(f->engine, master_store_record, f, &why);
	if (err) log_warn("that the token which was left takes the PIN again is not on record: %s", reason_text(&why, err));
}

enum coffer_err master_destroy_old(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct token_info info, now;
	struct reason why = { "" };
	f->out->old = MASTER_OLD_STANDS; /* of one before this one */
	enum coffer_err err = e->on_store(e, read_slots, f, reason);
	if (!err) err = master_prove(f, reason);
	if (!err) err = token_proxy_describe(e->token, &now, reason);
	if (err) return err;
	err = token_proxy_retarget(e->token, f->record.uri, &f->record.binding, reason);
	enum coffer_err left = token_proxy_counts(e->token) ? rotation_anchor_leave(f, &why) : ERR_OK;
	if (f->rolled_back) { /* evidence: it stays until an administrator has taken the store against it */
		master_back_to(f, &e->identity);
		return reason_fail(reason, left, "%s", reason_text(&why, left));
	}
	if (!err) err = token_proxy_describe(e->token, &info, reason);
	if (!err) note_taken(f);
	const struct moving *newest = &f->keys[f->count - 1];
	if (!err && master_opens(e, newest, &newest->blob))
		err = reason_fail(reason, ERR_BUG, "the earlier master secret opens what the new one wrapped, so it is the same and stays");
	if (!err) drop_signer(e, &info, &now);
	if (!err && info.made_here) err = token_proxy_erase(e->token, reason);
	if (!err) f->out->old = info.made_here ? MASTER_OLD_DESTROYED : MASTER_OLD_ADOPTED;
	if (err == ERR_TOKEN_KEY_MISSING) {
		f->out->old = MASTER_OLD_NOT_SHOWN;
		err = ERR_OK;
	}
	if (err) note_refused(f, err, reason);
	if (!err && left) err = reason_fail(reason, left, "the counter in the token that was left could not be raised once more: %.300s", reason_text(&why, left));
	master_back_to(f, &e->identity);
	return err;
}

void master_tell_old(const struct master_flow *f, const char *still)
{
	char text[REASON_MAX];
	master_old_say(f->out->old, still, text, sizeof text);
	rotation_tell_old(f->engine, text);
}

enum coffer_err master_end(struct master_flow *f, struct reason *reason)
{
	anchor_record_clear(&f->record.left);
	f->record = (struct master_record){ .phase = 0 };
	TRY(f->engine->on_store(f->engine, store_end, f, reason));
	if (f->begun) return ERR_OK;
	if (f->out->old == MASTER_OLD_NOT_SHOWN) master_tell_old(f, "");
	else rotation_tell_old(f->engine, "");
	return ERR_OK;
}

/* Of an earlier one, in a node that serves. */
static void stop_rolled_back(struct master_flow *f)
{
	if (!f->rolled_back) return;
	rotation_anchor_tell(f->engine, true);
	anchor_stop_serving(f->engine);
}

enum coffer_err master_settle_earlier(struct master_flow *f, struct reason *reason)
{
	struct reason why = { "" };
	char text[REASON_MAX];
	const bool to_other = f->wish->uri[0] != '\0';
	if (f->record.phase != 2 && f->wish->pin.len && !to_other) return reason_fail(reason, ERR_USAGE, "no other token wants a PIN: name the one that it is for with --token");
	if (f->record.phase != 2) return ERR_OK;
	if (!to_other || token_place_same_token(f->wish->uri, f->record.uri)) TRY(master_give_pin(f, f->record.uri));
	f->given_up = f->wish->forget_old;
	rotation_old(f->engine, f->last_said);
	enum coffer_err err = f->given_up ? ERR_OK : f->engine->on_store(f->engine, master_take_keys, f, &why);
	if (!err && !f->given_up) err = master_destroy_old(f, &why);
	master_flow_end(f);
	f->count = 0;
	if (!err) err = master_end(f, reason);
	else {
		stop_rolled_back(f);
		master_old_say(f->out->old, reason_text(&why, err), text, sizeof text);
		err = f->rolled_back ? reason_fail(reason, err, "%s", reason_text(&why, err))
			: reason_fail(reason, err, "the master secret before this one is %.400s; mend its token, or say --forget-old", text);
	}
	f->given_up = false;
	return err;
}

/* A change made one and did not put it in force, or may have; what stands in the place of the one in force goes with that. */
static bool has_begun(const struct engine *e, const struct master_record *record)
{
	if (record->phase != 1) return false;
	if (!record->binding.data_len) return strcmp(record->uri, e->identity.token_uri) != 0;
	return memcmp(record->binding.master_secret_id, e->identity.binding.master_secret_id, TOKEN_MS_ID_LEN) != 0;
}

void rotation_master_stands(struct engine *engine, char out[static TOKEN_URI_MAX + 1], bool *out_begun)
{
	struct master_flow f = { .engine = engine };
	struct reason why = { "" };
	enum engine_state state = engine_state_get(engine);
	out[0] = '\0';
	*out_begun = false;
	if ((state != ENGINE_OPEN && state != ENGINE_FAULT) || engine->store_hangs) return;
	enum coffer_err err = engine->on_store(engine, master_load, &f, &why);
	if (err) log_warn("whether a master secret was left cannot be read: %s", reason_text(&why, err));
	if (err) return;
	*out_begun = has_begun(engine, &f.record);
	if (f.record.phase == 2 || *out_begun) snprintf(out, TOKEN_URI_MAX + 1, "%s", f.record.uri);
	anchor_record_clear(&f.record.left);
}

/* Attached to by its binding, so exactly that one. Nothing is wrapped by it. */
static enum coffer_err destroy_begun(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	struct token_info info;
	f->begun = true;
	enum coffer_err err = token_proxy_retarget(e->token, f->record.uri, &f->record.binding, reason);
	if (!err) err = token_proxy_describe(e->token, &info, reason);
	if (!err && info.made_here) err = token_proxy_erase(e->token, reason);
	if (!err) f->out->old = info.made_here ? MASTER_OLD_DESTROYED : MASTER_OLD_ADOPTED;
	if (err == ERR_TOKEN_KEY_MISSING) {
		f->out->old = MASTER_OLD_NOT_SHOWN;
		err = ERR_OK;
	}
	master_back_to(f, &e->identity);
	return err;
}

static void finish_begun(struct master_flow *f)
{
	struct reason why = { "" };
	master_keep_raises(f->engine);
	enum coffer_err err = destroy_begun(f, &why);
	master_let_raises(f->engine);
	if (!err) err = master_end(f, &why);
	const bool gone = f->out->old == MASTER_OLD_DESTROYED;
	if (err) log_warn("the master secret that a change had begun with is %s: %s", gone ? "destroyed, and still on record" : "not destroyed", reason_text(&why, err));
}

static void finish_left(struct master_flow *f)
{
	struct engine *e = f->engine;
	struct reason why = { "" };
	f->before = f->after = e->identity;
	enum coffer_err err = e->on_store(e, master_take_keys, f, &why);
	master_keep_raises(e);
	if (!err) err = master_destroy_old(f, &why);
	master_let_raises(e);
	if (!err) err = master_end(f, &why);
	if (err) log_warn("not all is done about the master secret before this one: %s", reason_text(&why, err));
	if (err) master_tell_old(f, reason_text(&why, err));
	stop_rolled_back(f);
}

/* Asked again by nobody but an administrator who changes the master secret. */
static void finish_refused(struct master_flow *f)
{
	f->out->old = MASTER_OLD_STANDS;
	log_warn("the master secret before this one is not destroyed yet: %s", LEFT_REFUSED);
	master_tell_old(f, LEFT_REFUSED);
}

void rotation_master_finish(struct engine *engine, const char *ends_by, char *out_gone)
{
	const bool ends = ends_by != NULL;
	const struct master_wish wish = { .principal = ends_by };
	struct master_change out = { .old = MASTER_OLD_STANDS };
	struct master_flow f = { .engine = engine, .wish = ends ? &wish : NULL, .out = &out, .for_good = ends };
	struct reason why = { "" };
	char uri[TOKEN_URI_MAX + 1];
	pthread_mutex_lock(&engine->admin_lock);
	enum engine_state state = engine_state_get(engine);
	const bool may = state == ENGINE_OPEN || (ends && state == ENGINE_FAULT && !engine->store_hangs);
	enum coffer_err err = may && engine->token ? engine->on_store(engine, master_load, &f, &why) : ERR_STATE;
	if (err && may && engine->token) log_warn("whether a master secret was left cannot be read: %s", reason_text(&why, err));
	snprintf(uri, sizeof uri, "%s", err ? "" : f.record.uri);
	if (!err && f.record.phase == 2 && f.record.refused) finish_refused(&f);
	else if (!err && f.record.phase == 2) finish_left(&f);
	else if (!err && ends && f.record.binding.data_len && has_begun(engine, &f.record)) finish_begun(&f);
	if (out_gone) snprintf(out_gone, TOKEN_URI_MAX + 1, "%s", out.old == MASTER_OLD_DESTROYED ? uri : "");
	anchor_record_clear(&f.record.left);
	master_flow_end(&f);
	pthread_mutex_unlock(&engine->admin_lock);
}
