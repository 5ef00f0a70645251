/* The endorsement calls of the TPM backend. */
#include "token/endorse.h"

#include "tpm/activate.h"
#include "tpm/token_tpm.h"

typedef enum coffer_err endorse_fn(struct tpm_device *dev, const struct tpm_key *key, const struct token_endorse_wish *wish, struct token_endorse_answer *out,
	struct reason *reason);

struct endorsing {
	endorse_fn *fn;
	const struct token_endorse_wish *wish;
	struct token_endorse_answer *out;
};

static enum coffer_err step(struct token *t, void *arg, struct reason *reason)
{
	struct endorsing *e = arg;
	TRY(tpm_ready(t, reason));
	return e->fn(&t->dev, &t->key, e->wish, e->out, reason);
}

static enum coffer_err run(struct token *t, endorse_fn *fn, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason)
{
	struct endorsing e = { fn, wish, out };
	TRY(tpm_require_attached(t, reason));
	return tpm_run_step(t, step, &e, reason);
}

static enum coffer_err describe(struct token *t, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason)
{
	return run(t, tpm_endorse_describe, wish, out, reason);
}

static enum coffer_err activate(struct token *t, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason)
{
	return run(t, tpm_endorse_activate, wish, out, reason);
}

const struct token_endorse_ops token_endorse_backend = { .describe = describe, .activate = activate };
