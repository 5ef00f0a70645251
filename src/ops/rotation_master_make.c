/* Where a new master secret stands, and making it: in the same token, or in another one. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "ops/rotation_master_internal.h"
#include "token/place.h"

#define PLACES 8u /* tries for a free one in the same TPM */

enum coffer_err master_store_record(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct master_flow *f = arg;
	(void)engine;
	(void)reason;
	return master_record_put(txn, &f->record);
}

/* Of a change that made nothing no record stays, or a zeroise would name its place; what one before it made is on record again. */
static void put_back(struct master_flow *f)
{
	struct reason why = { "" };
	f->record = f->found;
	enum coffer_err err = f->engine->on_store(f->engine, master_store_record, f, &why);
	if (err) log_warn("the record of a change of the master secret that made none stays: %s", reason_text(&why, err));
}

enum coffer_err master_already(struct master_flow *f, const char *how, struct reason *reason)
{
	put_back(f);
	return reason_fail(reason, ERR_EXISTS, "that is the master secret in force already%s", how);
}

static enum coffer_err name_place(struct master_flow *f, const char *uri, struct reason *reason)
{
	enum token_kind kind;
	TRY(token_kind_of_uri(uri, &kind, reason));
	snprintf(f->after.token_uri, sizeof f->after.token_uri, "%s", uri);
	snprintf(f->after.token_kind, sizeof f->after.token_kind, "%s", token_kind_name(kind));
	return ERR_OK;
}

static enum coffer_err provision(struct master_flow *f, struct reason *reason)
{
	struct engine *e = f->engine;
	enum coffer_err err = token_proxy_retarget(e->token, f->after.token_uri, NULL, reason);
	if (err) put_back(f); /* the token was not asked to make one */
	TRY(err);
	TRY(token_proxy_provision(e->token, &f->after.binding, reason));
	err = token_proxy_describe(e->token, &f->out->info, reason);
	return err == ERR_TOKEN_REFUSED ? ERR_TOKEN : err; /* of what is there now: no other place is tried, and the next change takes it up */
}

/* What the node made is known as such by its binding, so that goes into the record as soon as it is there. A repeat of what was cut off before finds it under a
 * CKA_ID that only this node's store knows, so nobody else made it: it is made anew. (A handle of a TPM may have become another's meanwhile.) */
static enum coffer_err try_place(struct master_flow *f, const char *uri, bool again, struct reason *reason)
{
	struct engine *e = f->engine;
	TRY(name_place(f, uri, reason));
	f->record = (struct master_record){ .phase = 1 };
	snprintf(f->record.uri, sizeof f->record.uri, "%s", uri);
	if (!f->wish->uri[0]) snprintf(f->record.kind, sizeof f->record.kind, "%s", f->after.token_kind);
	TRY(e->on_store(e, master_store_record, f, reason));
	TRY(provision(f, reason));
	if (again && !f->out->info.made_here && strcmp(f->after.token_kind, "pkcs11") == 0) {
		TRY(token_proxy_erase(e->token, reason));
		TRY(provision(f, reason));
	}
	if (!f->out->info.made_here) return ERR_OK;
	f->record.binding = f->after.binding;
	return e->on_store(e, master_store_record, f, reason);
}

/* One that a change before this one made, and that is not in force: attached to by its binding, so exactly that one. *out: it was. An error of its token's login: another attempt would be another try. */
static enum coffer_err take_up(struct master_flow *f, const struct master_record *found, bool *out, struct reason *reason)
{
	struct engine *e = f->engine;
	struct reason why = { "" };
	*out = false;
	if (found->phase != 1 || !found->binding.data_len || name_place(f, found->uri, &why) != ERR_OK) return ERR_OK;
	f->after.binding = found->binding;
	enum coffer_err err = token_proxy_retarget(e->token, found->uri, &found->binding, &why);
	if (!err) err = token_proxy_describe(e->token, &f->out->info, &why);
	if (err == ERR_AUTH || err == ERR_TOKEN_LOCKED) return reason_fail(reason, err, "%s", reason_text(&why, err));
	if (err) log_info("the master secret that an earlier change made is not taken up: %s", reason_text(&why, err));
	*out = !err && memcmp(f->before.binding.master_secret_id, found->binding.master_secret_id, TOKEN_MS_ID_LEN) != 0;
	return ERR_OK;
}

/* Whether the master secret that the token is attached to opens what another one wrapped: then they are one and the same, under two names. */
bool master_opens(struct engine *e, const struct moving *m, const struct buf *blob)
{
	AUTO_SECRET struct secret *back = NULL;
	struct reason ignored = { "" };
	if (blob->len == 0) return false;
	return token_proxy_unwrap(e->token, buf_view(blob), &back, &ignored) == ERR_OK && secret_equal(m->key, back);
}

/* A PKCS#11 binding holds a canary of its own each time, so it is what the token says of itself and of the key that tells. */
bool master_is_same_key(const struct token_info *a, const struct token_info *b)
{
	return strcmp(a->kind, "pkcs11") == 0 && strcmp(b->kind, "pkcs11") == 0 && strcmp(a->serial, b->serial) == 0 &&
		strcmp(a->master_secret, b->master_secret) == 0;
}

bool master_is_same(const struct identity *a, const struct identity *b)
{
	return memcmp(a->binding.master_secret_id, b->binding.master_secret_id, TOKEN_MS_ID_LEN) == 0;
}

/* Of the places in the same token the first where nothing was: what stands there may be another node's. A change in this token that was interrupted goes on where it
 * was; one that was to go to another token, and failed or was interrupted, says nothing about this one. */
enum coffer_err master_make(struct master_flow *f, struct reason *reason)
{
	char uri[TOKEN_URI_MAX + 1];
	const struct master_record found = f->found = f->record;
	bool here = found.phase == 1 && token_place_same_token(found.uri, f->before.token_uri);
	bool same_wish = f->wish->uri[0] ? strcmp(found.uri, f->wish->uri) == 0 : here;
	bool taken = false;
	if (same_wish) TRY(take_up(f, &found, &taken, reason));
	if (taken) return ERR_OK;
	if (f->wish->uri[0]) {
		TRY(try_place(f, f->wish->uri, false, reason));
		if (master_is_same(&f->before, &f->after)) return master_already(f, "", reason);
		return ERR_OK;
	}
	bool own = found.kind[0] != '\0'; /* the node chose it */
	if (here && !found.binding.data_len) {
		enum coffer_err err = try_place(f, found.uri, own, reason);
		if (err == ERR_AUTH || err == ERR_TOKEN_LOCKED) return err; /* one more place would be one more try */
		if (!err && !master_is_same(&f->before, &f->after)) return ERR_OK;
	}
	for (unsigned n = 1; n <= PLACES; n++) {
		TRY(master_next_uri(f->before.token_uri, n, uri));
		enum coffer_err err = try_place(f, uri, false, reason);
		if (err && err != ERR_TOKEN_REFUSED) return err;
		if (!err && f->out->info.made_here) return ERR_OK;
	}
	return reason_fail(reason, ERR_LIMIT, "the token has no free place for another master secret; free a persistent handle, or name a token with --token");
}
