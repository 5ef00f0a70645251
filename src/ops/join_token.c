/* The token of a node that joins: its master secret and its transport key. */
#include <string.h>

#include "crypto/rng.h"
#include "domain/enrolment.h"
#include "domain/transport_record.h"
#include "ops/join.h"
#include "ops/token_of.h"
#include "token/proxy_transport.h"

enum coffer_err join_open_token(struct engine *engine, struct join *j, struct view pin, struct reason *reason)
{
	if (j->proxy) return ERR_OK;
	TRY(token_begin(engine, j->kept.token_uri, j->kept.stage >= JOINING_KEYS ? &j->kept.binding : NULL, pin, &j->proxy, reason));
	return j->kept.stage >= JOINING_KEYS ? token_proxy_describe(j->proxy, &j->info, reason) : ERR_OK;
}

/* The last byte is not zero: some tokens cut zeros off. */
static enum coffer_err fresh_auth(struct secret **out)
{
	AUTO_SECRET struct secret *auth = secret_new(TOKEN_TRANSPORT_AUTH_LEN);
	ENSURE(auth, ERR_MEMORY);
	do TRY(rng_bytes(secret_mut(auth), TOKEN_TRANSPORT_AUTH_LEN));
	while (secret_bytes(auth)[TOKEN_TRANSPORT_AUTH_LEN - 1] == 0);
	*out = TAKE(auth);
	return ERR_OK;
}

static enum coffer_err make_transport(struct join *j, const struct secret *auth, struct reason *reason)
{
	struct token_transport_wish wish = { .auth = secret_view(auth) };
	struct token_transport_answer answer = { .there = false };
	TRY(transport_owner(&j->kept.domain, wish.owner));
	TRY(token_proxy_transport_make(j->proxy, &wish, &answer, reason));
	if (!answer.there || answer.ref.len == 0) return reason_fail(reason, ERR_TOKEN, "the token made no transport key; it cannot be used");
	buf_clear(&j->kept.reference);
	return buf_append(&j->kept.reference, view_of(answer.ref.data, answer.ref.len));
}

static enum coffer_err wrap(struct join *j, const struct secret *key, struct buf *out, struct reason *reason)
{
	AUTO_SECRET struct secret *back = NULL;
	buf_clear(out);
	TRY(token_proxy_wrap(j->proxy, key, out, reason));
	TRY(token_proxy_unwrap(j->proxy, buf_view(out), &back, reason));
	return secret_equal(key, back) ? ERR_OK : reason_fail(reason, ERR_TOKEN, "the token wraps a key, but another one comes back: it cannot be used");
}

enum coffer_err join_make_keys(struct engine *engine, struct join *j, struct view pin, struct reason *reason)
{
	AUTO_SECRET struct secret *auth = NULL;
	struct token_binding binding;
	TRY(join_open_token(engine, j, pin, reason));
	TRY(token_proxy_provision(j->proxy, &binding, reason));
	TRY(token_proxy_describe(j->proxy, &j->info, reason));
	TRY(fresh_auth(&auth));
	TRY(make_transport(j, auth, reason));
	TRY(wrap(j, auth, &j->kept.wrapped_auth, reason));
	j->kept.binding = binding;
	j->kept.stage = JOINING_KEYS;
	return joining_write(engine->config->state_dir, &j->kept, reason);
}

enum coffer_err join_public_key(struct join *j, uint8_t out[static HPKE_PUBLIC_LEN], struct reason *reason)
{
	struct token_transport_ref ref = { .len = j->kept.reference.len };
	struct token_transport_answer answer = { .there = false };
	if (ref.len) memcpy(ref.data, j->kept.reference.ptr, ref.len);
	TRY(token_proxy_transport_public(j->proxy, &ref, &answer, reason));
	if (!answer.there)
		return reason_fail(reason, ERR_TOKEN_OTHER, "the token has no transport key of this join any more; add --anew to forget what was begun");
	memcpy(out, answer.public_key, HPKE_PUBLIC_LEN);
	return ERR_OK;
}

static enum coffer_err unwrap(struct join *j, const struct buf *wrapped, size_t len, struct secret **out, struct reason *reason)
{
	AUTO_SECRET struct secret *key = NULL;
	TRY(token_proxy_unwrap(j->proxy, buf_view(wrapped), &key, reason));
	if (secret_len(key) != len) return reason_fail(reason, ERR_CORRUPT, "what is kept of the join under way is damaged; add --anew to forget it");
	*out = TAKE(key);
	return ERR_OK;
}

enum coffer_err join_unwrap_auth(struct join *j, struct secret **out, struct reason *reason)
{
	return unwrap(j, &j->kept.wrapped_auth, TOKEN_TRANSPORT_AUTH_LEN, out, reason);
}

enum coffer_err join_keep_enrolment(struct join *j, const struct secret *key, struct reason *reason)
{
	AUTO_BUF struct buf wrapped = BUF_EMPTY;
	TRY(wrap(j, key, &wrapped, reason)); /* what was kept stays where that fails */
	buf_clear(&j->kept.wrapped_enrolment);
	return buf_append(&j->kept.wrapped_enrolment, buf_view(&wrapped));
}

enum coffer_err join_unwrap_enrolment(struct join *j, struct secret **out, struct reason *reason)
{
	ENSURE(j->kept.wrapped_enrolment.len, ERR_NOT_FOUND);
	return unwrap(j, &j->kept.wrapped_enrolment, ENROLMENT_KEY_LEN, out, reason);
}

void join_remove_key(struct join *j)
{
	uint8_t owner[TOKEN_TRANSPORT_OWNER_LEN];
	if (transport_owner(&j->kept.domain, owner) == ERR_OK) (void)!token_proxy_transport_remove(j->proxy, owner, NULL);
}
