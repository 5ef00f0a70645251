/* The signer calls of the TPM backend. */
#include "token/sign.h"

#include "tpm/signer.h"
#include "tpm/token_tpm.h"

struct signing {
	const struct token_signer_wish *wish;
	struct token_signer_answer *out;
};

static enum coffer_err make_step(struct token *t, void *arg, struct reason *reason)
{
	struct signing *s = arg;
	TRY(tpm_ready(t, reason));
	return tpm_signer_make(&t->dev, &t->key, s->wish, s->out, reason);
}

static enum coffer_err sign_step(struct token *t, void *arg, struct reason *reason)
{
	struct signing *s = arg;
	TRY(tpm_ready(t, reason));
	return tpm_signer_sign(&t->dev, &t->key, s->wish, s->out, reason);
}

static enum coffer_err make(struct token *t, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	struct signing s = { wish, out };
	TRY(tpm_require_attached(t, reason));
	return tpm_run_step(t, make_step, &s, reason);
}

static enum coffer_err sign(struct token *t, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	struct signing s = { wish, out };
	TRY(tpm_require_attached(t, reason));
	return tpm_run_step(t, sign_step, &s, reason);
}

/* Nothing of it is in the TPM. */
static enum coffer_err drop(struct token *t, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	(void)t;
	(void)wish;
	(void)reason;
	*out = (struct token_signer_answer){ .there = false };
	return ERR_OK;
}

const struct token_signer_ops token_signer_backend = { .make = make, .sign = sign, .drop = drop };
