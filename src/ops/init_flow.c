/* Making a domain in memory. */
#include "ops/init_flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ct.h"
#include "crypto/rng.h"
#include "crypto/sign.h"
#include "keyring/generation.h"
#include "ops/domain_found.h"
#include "ops/token_of.h"
#include "token/kind.h"
#include "token/login.h"

#define FIRST_GENERATION 1u
#define MIX_LEN 64u /* bytes of the token's generator */

void init_forget_texts(struct init_pending *pending)
{
	for (unsigned i = 0; pending->texts && i < pending->shares; i++) buf_free(&pending->texts[i]);
	free(pending->texts);
	pending->texts = NULL;
}

static void pending_free(struct init_pending *p)
{
	if (!p) return;
	init_forget_texts(p);
	token_proxy_free(p->proxy);
	ring_free(p->ring);
	secret_free(p->seed);
	buf_free(&p->blob);
	buf_free(&p->stanza_body);
	free(p);
}

DEFINE_AUTO(struct init_pending, pending_free)

void init_drop(struct engine *engine)
{
	pending_free(TAKE(engine->pending));
}

enum coffer_err init_check_new(struct engine *engine, struct reason *reason)
{
	return domain_check_none(engine, reason);
}

static bool expired(const struct init_pending *p)
{
	return clock_mono_ms() >= p->ends_mono_ms;
}

static bool may_touch(const struct init_pending *p, const struct principal *principal)
{
	return (principal->is_unix && principal->uid == 0) || strcmp(p->owner, principal->text) == 0;
}

static enum coffer_err start_token(struct engine *engine, struct init_pending *p, struct view pin, struct reason *reason)
{
	enum token_kind kind;
	TRY(token_kind_of_uri(p->identity.token_uri, &kind, reason));
	strncpy(p->identity.token_kind, token_kind_name(kind), sizeof p->identity.token_kind - 1);
	TRY(token_begin(engine, p->identity.token_uri, NULL, pin, &p->proxy, reason));
	TRY(token_proxy_provision(p->proxy, &p->identity.binding, reason));
	return token_proxy_describe(p->proxy, &p->info, reason);
}

/* The keys that are made next hang on two generators. A token without one is no hindrance. */
static enum coffer_err mix_token_random(struct init_pending *p, struct reason *reason)
{
	uint8_t bytes[MIX_LEN];
	enum coffer_err err = token_proxy_random(p->proxy, bytes, sizeof bytes, reason);
	if (err == ERR_UNSUPPORTED) {
		reason->text[0] = '\0';
		return ERR_OK;
	}
	if (!err) err = rng_mix(view_of(bytes, sizeof bytes));
	wipe(bytes, sizeof bytes);
	return err;
}

static enum coffer_err wrap_and_prove(struct init_pending *p, const struct secret *key, struct reason *reason)
{
	AUTO_SECRET struct secret *back = NULL;
	TRY(token_proxy_wrap(p->proxy, key, &p->blob, reason));
	TRY(token_proxy_unwrap(p->proxy, buf_view(&p->blob), &back, reason));
	if (!secret_equal(key, back))
		return reason_fail(reason, ERR_TOKEN, "the token wraps a data key, but another one comes back: it cannot be used");
	return ERR_OK;
}

/* Ids, domain key pair, and the first data key: made here, signed, wrapped, and opened again. */
static enum coffer_err make_keys(struct init_pending *p, struct reason *reason)
{
	struct domain_id *domain = &p->identity.domain;
	uint8_t key_check[32];
	p->identity.rooted = true;
	TRY(rng_bytes(domain->id, sizeof domain->id));
	TRY(rng_bytes(domain->node_id, sizeof domain->node_id));
	TRY(sign_keypair_generate(&p->seed, domain->public_key));
	p->ring = ring_new(domain);
	AUTO_SECRET struct secret *key = secret_new(DATA_KEY_LEN);
	ENSURE(p->ring && key, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(key), DATA_KEY_LEN));
	TRY(ring_key_check(domain, FIRST_GENERATION, key, key_check));
	TRY(generation_sign(p->seed, domain, FIRST_GENERATION, key_check, p->signature));
	TRY(generation_verify(domain, FIRST_GENERATION, key_check, p->signature));
	TRY(wrap_and_prove(p, key, reason));
	return ring_add(p->ring, FIRST_GENERATION, &key);
}

static enum coffer_err make_recovery(struct init_pending *p, const struct init_wish *wish, struct reason *reason)
{
	if (p->recovery == INIT_RECOVERY_NONE) return ERR_OK;
	if (p->recovery == INIT_RECOVERY_PASSPHRASE)
		return recovery_new_passphrase(p->ring, p->seed, wish->passphrase, &p->stanza, &p->stanza_body, reason);
	p->texts = calloc(p->shares, sizeof *p->texts);
	ENSURE(p->texts, ERR_MEMORY);
	return recovery_new_shares(p->ring, p->seed, p->threshold, p->shares, &p->stanza, &p->stanza_body, p->texts, reason);
}

/* What can be refused before the token is touched. */
static enum coffer_err check_wish(const struct init_wish *wish, struct reason *reason)
{
	enum token_kind kind;
	TRY(token_kind_of_uri(wish->token_uri, &kind, reason));
	if (wish->recovery == INIT_RECOVERY_SHARES && (wish->threshold < 1 || wish->threshold > wish->shares || wish->shares > SHAMIR_SHARES_MAX))
		return reason_fail(reason, ERR_FIELD, "%u of %u shares cannot be: take 1 to 255 shares and a threshold from 1 to their number",
			wish->threshold, wish->shares);
	if (wish->pin.len > TOKEN_PIN_MAX) return reason_fail(reason, ERR_FIELD, "a PIN has at most %u bytes", TOKEN_PIN_MAX);
	if (wish->recovery == INIT_RECOVERY_PASSPHRASE && wish->passphrase.len < RECOVERY_PASSPHRASE_MIN)
		return reason_fail(reason, ERR_FIELD, "the recovery passphrase must have %u to %u bytes", RECOVERY_PASSPHRASE_MIN,
			RECOVERY_PASSPHRASE_MAX);
	return ERR_OK;
}

enum coffer_err init_begin(struct engine *engine, const struct principal *principal, const struct init_wish *wish,
	struct reason *reason)
{
	TRY(init_check_new(engine, reason));
	TRY(check_wish(wish, reason));
	TRY(domain_check_store(engine, reason));
	if (engine->join) return reason_fail(reason, ERR_BUSY, "this node asks to join a domain ('coffer node join'); restart the daemon to make a domain instead");
	if (engine->pending && !expired(engine->pending) && !may_touch(engine->pending, principal))
		return reason_fail(reason, ERR_BUSY, "%s has begun an init; it ends by itself after 10 minutes", engine->pending->owner);
	init_drop(engine);
	AUTO(auto_pending_free) struct init_pending *p = calloc(1, sizeof *p);
	ENSURE(p, ERR_MEMORY);
	p->recovery = wish->recovery;
	p->shares = wish->recovery == INIT_RECOVERY_SHARES ? wish->shares : 0;
	p->threshold = wish->recovery == INIT_RECOVERY_SHARES ? wish->threshold : 0;
	memcpy(p->owner, principal->text, sizeof p->owner);
	memcpy(p->identity.token_uri, wish->token_uri, sizeof p->identity.token_uri);
	TRY(start_token(engine, p, wish->pin, reason));
	TRY(mix_token_random(p, reason));
	TRY(make_keys(p, reason));
	TRY(make_recovery(p, wish, reason));
	TRY(rng_bytes(p->init_id, sizeof p->init_id));
	p->ends_mono_ms = clock_mono_ms() + INIT_LIFETIME_MS;
	engine->pending = TAKE(p);
	return ERR_OK;
}

enum coffer_err init_find(struct engine *engine, const struct principal *principal, struct view init_id, struct init_pending **out,
	struct reason *reason)
{
	TRY(init_check_new(engine, reason));
	if (engine->pending && expired(engine->pending)) init_drop(engine);
	struct init_pending *p = engine->pending;
	if (!p || !may_touch(p, principal) || init_id.len != sizeof p->init_id || !ct_equal(p->init_id, init_id.ptr, sizeof p->init_id))
		return reason_fail(reason, ERR_NOT_FOUND, "this init is over: another one took its place, or 10 minutes passed; run 'coffer init' again");
	*out = p;
	return ERR_OK;
}

enum coffer_err init_prove(const struct init_pending *p, const struct view *proofs, unsigned count, struct reason *reason)
{
	const struct domain_id *domain = &p->identity.domain;
	if (p->recovery == INIT_RECOVERY_NONE) return ERR_OK;
	if (count == 0)
		return reason_fail(reason, ERR_MISSING, p->recovery == INIT_RECOVERY_SHARES ? "give %u of the shares as proof" :
			"give the recovery passphrase once more as proof", p->threshold);
	if (p->recovery == INIT_RECOVERY_PASSPHRASE) return recovery_prove_passphrase(domain, &p->stanza, proofs[0], reason);
	return recovery_prove_shares(domain, &p->stanza, proofs, count, reason);
}
