/* Removing the counter. */
#include "ops/zeroise_counter.h"

#include "keyring/anchor_record.h"
#include "token/kind.h"

/* A token that has just lost its master secret may still be open in the helper; else another helper looks, which finds no master secret, and no PIN is needed then. */
static enum coffer_err drop(struct engine *e, struct reason *reason)
{
	uint8_t owner[TOKEN_COUNTER_OWNER_LEN];
	struct reason first = { "" };
	TRY(anchor_owner(&e->identity.domain, owner));
	if (token_proxy_counter_drop(e->token, owner, &first) == ERR_OK) return ERR_OK;
	(void)!token_proxy_probe_now(e->token, 4 * e->config->token_deadline_ms, &first);
	return token_proxy_counter_drop(e->token, owner, reason);
}

enum coffer_err zeroise_drop_counter(struct engine *engine, const char **out_what, struct reason *reason)
{
	enum token_kind kind;
	*out_what = "this kind of token has none";
	TRY(token_kind_of_uri(engine->identity.token_uri, &kind, reason));
	if (kind != TOKEN_KIND_TPM2) return ERR_OK;
	*out_what = "could not be removed (no secret is in it): remove the NV index that 'coffer status' named with tpm2_nvundefine -C o";
	if (!engine->token) return reason_fail(reason, ERR_TOKEN_GONE, "the token is not connected");
	TRY(drop(engine, reason));
	*out_what = "not in the token any more";
	return ERR_OK;
}
