/* The transport calls of the TPM backend. */
#include "token/transport.h"

#include "tpm/token_tpm.h"
#include "tpm/transport.h"

typedef enum coffer_err transport_fn(struct tpm_device *dev, const struct tpm_key *key, const struct token_transport_wish *wish,
	struct token_transport_answer *out, struct reason *reason);

struct transport {
	transport_fn *fn;
	const struct token_transport_wish *wish;
	struct token_transport_answer *out;
};

static enum coffer_err step(struct token *t, void *arg, struct reason *reason)
{
	struct transport *x = arg;
	TRY(tpm_ready(t, reason));
	return x->fn(&t->dev, &t->key, x->wish, x->out, reason);
}

static enum coffer_err run(struct token *t, transport_fn *fn, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason)
{
	struct transport x = { fn, wish, out };
	TRY(tpm_require_attached(t, reason));
	return tpm_run_step(t, step, &x, reason);
}

static enum coffer_err make(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	return run(t, tpm_transport_make, wish, out, reason);
}

static enum coffer_err public_point(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	return run(t, tpm_transport_public, wish, out, reason);
}

static enum coffer_err ecdh(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	return run(t, tpm_transport_ecdh, wish, out, reason);
}

/* Nothing of it is in the TPM. */
static enum coffer_err forget(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	(void)t;
	(void)wish;
	(void)reason;
	*out = (struct token_transport_answer){ .there = false };
	return ERR_OK;
}

const struct token_transport_ops token_transport_backend = { .make = make, .public_point = public_point, .ecdh = ecdh, .remove = forget };
