/* The new node: its ids, its token, and the data keys wrapped by that. */
#include <stdlib.h>
#include <string.h>

#include "crypto/rng.h"
#include "ops/restore_internal.h"
#include "token/kind.h"

static enum coffer_err start_token(struct restoring *r, struct reason *reason)
{
	enum token_kind kind;
	struct engine *e = r->engine;
	struct identity *id = &r->identity;
	TRY(token_kind_of_uri(r->wish->token_uri, &kind, reason));
	strncpy(id->token_kind, token_kind_name(kind), sizeof id->token_kind - 1);
	strncpy(id->token_uri, r->wish->token_uri, sizeof id->token_uri - 1);
	struct token_proxy_config config = {
		.uri = id->token_uri, .spawner = e->spawner, .deadline_ms = e->config->token_deadline_ms,
		.probe_interval_ms = e->config->token_probe_interval_ms, .on_health = e->token_changed, .on_health_arg = e->daemon,
	};
	TRY(token_proxy_new(&config, &r->proxy, reason));
	TRY(token_proxy_provision(r->proxy, &id->binding, reason));
	return token_proxy_describe(r->proxy, &r->result->token, reason);
}

static enum coffer_err wrap(struct restoring *r, unsigned i, struct reason *reason)
{
	AUTO_SECRET struct secret *back = NULL;
	const struct secret *key;
	TRY(ring_data_key(r->ring, ring_generation_at(r->ring, i), &key));
	TRY(token_proxy_wrap(r->proxy, key, &r->blobs[i], reason));
	TRY(token_proxy_unwrap(r->proxy, buf_view(&r->blobs[i]), &back, reason));
	if (!secret_equal(key, back))
		return reason_fail(reason, ERR_TOKEN, "the token wraps a data key, but another one comes back: it cannot be used");
	return ERR_OK;
}

/* The same data keys for a node with another id. */
static enum coffer_err make_ring(struct restoring *r)
{
	r->ring = ring_new(&r->identity.domain);
	ENSURE(r->ring, ERR_MEMORY);
	for (unsigned i = 0; i < ring_count(r->opened); i++) {
		uint32_t generation = ring_generation_at(r->opened, i);
		const struct secret *key;
		TRY(ring_data_key(r->opened, generation, &key));
		AUTO_SECRET struct secret *copy = secret_copy(secret_bytes(key), secret_len(key));
		ENSURE(copy, ERR_MEMORY);
		TRY(ring_add(r->ring, generation, &copy));
	}
	return ERR_OK;
}

enum coffer_err restore_provision(struct restoring *r, struct reason *reason)
{
	archive_domain(&r->result->facts.header, &r->identity.domain);
	r->identity.rooted = true;
	TRY(rng_bytes(r->identity.domain.node_id, UUID_LEN));
	TRY(make_ring(r));
	TRY(start_token(r, reason));
	unsigned count = ring_count(r->ring);
	r->blobs = calloc(count, sizeof *r->blobs);
	ENSURE(r->blobs, ERR_MEMORY);
	r->blob_count = count;
	for (unsigned i = 0; i < count; i++) TRY(wrap(r, i, reason));
	return ERR_OK;
}
