/* The TPM backend's policies: status, making, wrapping for a new one, going over to it. */
#include "token/policy.h"

#include <stdio.h>
#include <string.h>

#include "token/pin.h"
#include "tpm/binding.h"
#include "tpm/policy_make.h"
#include "tpm/seal.h"
#include "tpm/session.h"
#include "tpm/token_tpm.h"

/* ---- status ---- */

static void add(char *out, size_t cap, const char *before, const char *text)
{
	size_t len = strlen(out);
	(void)snprintf(out + len, cap - len, "%s%s", len ? before : "", text);
}

static void describe_policy(const struct token *t, struct token_policy_status *s)
{
	const struct tpm_policy *p = &t->key.policy;
	char pcrs[PCR_LIST_TEXT], text[2 * PCR_LIST_TEXT];
	if (p->pcrs.mask) {
		pcr_list_text(&p->pcrs, pcrs);
		if (p->is_signed) (void)snprintf(text, sizeof text, "PCRs %s with the vendor's signature for '%s'", pcrs, p->ref);
		else (void)snprintf(text, sizeof text, "PCRs %s, %u %s of values", pcrs, p->set_count, p->set_count == 1 ? "set" : "sets");
		add(s->policy, sizeof s->policy, "; ", text);
	}
	if (p->has_pin) {
		(void)snprintf(text, sizeof text, "PIN from %.100s", t->uri.pin_source[0] ? t->uri.pin_source : "'coffer unseal'");
		add(s->policy, sizeof s->policy, "; ", text);
	}
	if (tpm_policy_is_none(p)) add(s->policy, sizeof s->policy, "", "none: whoever starts this machine opens it");
}

static bool all_same(const uint8_t *value, size_t len, uint8_t byte)
{
	while (len > 0 && value[len - 1] == byte) len--;
	return len == 0;
}

static void describe_pcrs(const struct token *t, const struct pcr_values *now, struct token_policy_status *s)
{
	const struct tpm_policy *p = &t->key.policy;
	const size_t len = hash_len(p->pcrs.bank);
	struct pcr_file file;
	char text[64];
	bool has_file = p->is_signed && tpm_policy_read_file(p, t->uri.policy_file, &file, NULL) == ERR_OK;
	uint32_t differing = p->is_signed && !has_file ? 0 : tpm_policy_differing(p, has_file ? &file : NULL, now);
	for (unsigned n = 0; n < PCR_COUNT; n++) {
		if (!(p->pcrs.mask >> n & 1)) continue;
		(void)snprintf(text, sizeof text, "%u %s", n, differing >> n & 1 ? "differs" : "as bound");
		add(s->pcrs, sizeof s->pcrs, ", ", text);
		if (!all_same(now->value[n], len, 0x00) && !all_same(now->value[n], len, 0xFF)) continue;
		(void)snprintf(text, sizeof text, "PCR %u has its first value: nothing has measured it", n);
		add(s->warning, sizeof s->warning, "; ", text);
	}
}

static void warn_of_lockout(struct token *t, struct token_policy_status *s)
{
	uint32_t permanent = 0;
	if (!t->key.policy.has_pin || tpm_device_property(&t->dev, TPM2_PT_PERMANENT, &permanent, NULL) != ERR_OK) return;
	if (!(permanent & TPMA_PERMANENT_LOCKOUTAUTHSET)) {
		add(s->warning, sizeof s->warning, "; ", "the TPM's lockout hierarchy has no authorization value, so whoever has the TPM may try PINs without end: "
			"tpm2_changeauth -c lockout");
	}
}

static enum coffer_err status_step(struct token *t, void *arg, struct reason *reason)
{
	struct token_policy_status *out = arg, s = { .boot = TOKEN_BOOT_OPENS };
	const struct tpm_means means = tpm_means_of(t);
	struct pcr_values now;
	struct reason why = { "" };
	ESYS_TR session = ESYS_TR_NONE;
	TRY(tpm_ready(t, reason));
	TRY(tpm_session_open(&t->dev, t->key.primary, &session, reason));
	enum coffer_err err = tpm_policy_try(&t->dev, &t->key, &means, session, &now, &why);
	tpm_device_flush(&t->dev, &session);
	if (err != ERR_OK && err != ERR_TOKEN_POLICY) return reason_fail(reason, err, "%s", reason_text(&why, err));
	if (err == ERR_OK && t->key.policy.has_pin && !t->pin) {
		err = reason_fail(&why, ERR_TOKEN_POLICY, "the start waits for the PIN: 'coffer unseal --pin'");
	}
	if (err != ERR_OK) s.boot = TOKEN_BOOT_CLOSED;
	(void)snprintf(s.sentence, sizeof s.sentence, "%s", why.text);
	describe_policy(t, &s);
	if (t->key.policy.pcrs.mask) describe_pcrs(t, &now, &s);
	warn_of_lockout(t, &s);
	*out = s;
	return ERR_OK;
}

static enum coffer_err policy_status(struct token *t, struct token_policy_status *out, struct reason *reason)
{
	TRY(tpm_require_attached(t, reason));
	return tpm_run_step(t, status_step, out, reason);
}

/* ---- make ---- */

struct making {
	struct tpm_uri uri;
	struct tpm_next next;
	struct secret *new_pin;   /* of the new pin-source, or the caller's; NULL: the PIN does not change */
	struct tpm_policy policy; /* what comes out */
};

/* Under the new policy, which is the token's only for the length of the proof. */
static enum coffer_err prove(struct token *t, const struct making *m, struct reason *reason)
{
	const struct tpm_means means = { .policy_file = m->uri.policy_file, .pin_source = m->uri.pin_source[0] ? m->uri.pin_source : "the request",
		.pin = m->new_pin ? m->new_pin : t->pin };
	struct tpm_policy before = t->key.policy;
	t->key.policy = m->policy;
	enum coffer_err err = tpm_seal_prove(&t->dev, &t->key, &means, reason);
	t->key.policy = before;
	return err;
}

static enum coffer_err make_step(struct token *t, void *arg, struct reason *reason)
{
	struct making *m = arg;
	TRY(tpm_ready(t, reason));
	TRY(tpm_policy_make(&t->dev, &t->key, &m->uri, &m->next, m->new_pin, &t->key.policy, &m->policy, reason));
	return prove(t, m, reason);
}

/* A pin-source that was not there before is read now; one PIN may come with the request. */
static enum coffer_err find_pin(const struct token *t, const struct secret *given, struct making *m, struct reason *reason)
{
	if (given) {
		m->new_pin = secret_copy(secret_bytes(given), secret_len(given));
		ENSURE(m->new_pin, ERR_MEMORY);
		return ERR_OK;
	}
	if (m->uri.pin_source[0] == '\0' || strcmp(m->uri.pin_source, t->uri.pin_source) == 0) return ERR_OK;
	return token_pin_read(m->uri.pin_source, &m->new_pin, reason);
}

static enum coffer_err make_with(struct token *t, struct making *m, struct token_policy_made *out, struct reason *reason)
{
	struct token_policy_made made = { .uri = "" };
	TRY(tpm_run_step(t, make_step, m, reason));
	struct tpm_key key = t->key;
	key.policy = m->policy;
	enum coffer_err err = tpm_binding_encode(&key, &t->facts, &made.binding);
	if (err == ERR_TOO_LARGE) {
		return reason_fail(reason, ERR_TOO_LARGE, "so many PCRs, sets of values and a PIN do not fit into the binding; choose fewer");
	}
	TRY(err);
	TRY(tpm_uri_text(&m->uri, made.uri, reason));
	*out = made;
	return ERR_OK;
}

static enum coffer_err policy_make(struct token *t, const char *changes, const struct secret *pin, struct token_policy_made *out,
	struct reason *reason)
{
	struct making m = { .new_pin = NULL };
	TRY(tpm_require_attached(t, reason));
	TRY(tpm_uri_change(&t->uri, changes, &m.uri, &m.next, reason));
	if (pin && !t->key.policy.has_pin && m.uri.pin_source[0] == '\0') {
		return reason_fail(reason, ERR_STATE, "this node's data key wants no PIN; 'coffer token reseal --pin-source' makes it want one");
	}
	enum coffer_err err = find_pin(t, pin, &m, reason);
	if (err == ERR_OK) err = make_with(t, &m, out, reason);
	if (err == ERR_OK) {
		secret_free(t->made_pin);
		t->made_pin = TAKE(m.new_pin);
	}
	secret_free(m.new_pin);
	return err;
}

/* ---- wrap and adopt ---- */

struct wrapping {
	const struct tpm_policy *under;
	const struct secret *plain;
	struct buf *out;
};

static enum coffer_err wrap_step(struct token *t, void *arg, struct reason *reason)
{
	const struct wrapping *w = arg;
	struct tpm_policy before = t->key.policy;
	TRY(tpm_ready(t, reason));
	t->key.policy = *w->under;
	enum coffer_err err = tpm_seal_wrap(&t->dev, &t->key, w->plain, w->out, reason);
	t->key.policy = before;
	return err;
}

/* Of this TPM and this master secret, whatever else. */
static enum coffer_err decode(const struct token *t, const struct token_binding *binding, struct tpm_key *out, struct tpm_facts *out_facts,
	struct reason *reason)
{
	TRY(tpm_binding_decode(binding, out, out_facts, reason));
	if (out->handle == t->key.handle && tpm_name_equal(&out->primary_name, &t->key.primary_name) &&
		tpm_name_equal(&out->master_name, &t->key.master_name)) return ERR_OK;
	return reason_fail(reason, ERR_TOKEN_OTHER, "this binding is another master secret's");
}

static enum coffer_err policy_wrap(struct token *t, const struct token_binding *under, const struct secret *plain, struct buf *out,
	struct reason *reason)
{
	struct tpm_key key;
	struct tpm_facts facts;
	TRY(tpm_require_attached(t, reason));
	TRY(decode(t, under, &key, &facts, reason));
	struct wrapping w = { .under = &key.policy, .plain = plain, .out = out };
	return tpm_run_step(t, wrap_step, &w, reason);
}

static enum coffer_err policy_adopt(struct token *t, const struct token_policy_made *made, struct reason *reason)
{
	struct tpm_uri uri;
	struct tpm_key key;
	struct tpm_facts facts;
	TRY(tpm_require_attached(t, reason));
	TRY(tpm_uri_parse(made->uri, &uri, reason));
	TRY(decode(t, &made->binding, &key, &facts, reason));
	t->uri = uri;
	t->key.policy = key.policy;
	if (t->made_pin) { /* not read again: its file may still hold the old one */
		secret_free(t->pin);
		t->pin = TAKE(t->made_pin);
	}
	if (!key.policy.has_pin) secret_free(TAKE(t->pin));
	return ERR_OK;
}

const struct token_policy_ops token_policy_backend = {
	.status = policy_status,
	.make = policy_make,
	.wrap = policy_wrap,
	.adopt = policy_adopt,
};
