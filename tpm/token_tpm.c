/* The TPM 2.0 token backend: the ops table, and what happens when the TPM lost what was loaded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "token/counter.h"
#include "token/erase.h"
#include "token/login.h"
#include "token/token.h"
#include "token/pin.h"
#include "tpm/binding.h"
#include "tpm/counter.h"
#include "tpm/provision.h"
#include "tpm/seal.h"
#include "tpm/session.h"
#include "tpm/template.h"
#include "tpm/token_tpm.h"
#include "tpm/tpm_err.h"

#define RANDOM_CHUNK 32u /* bytes: every TPM gives at least a SHA-256 digest's worth at once */

/* What a person gave for the next open (token/login.h). One thread, one token. */
static struct secret *given_pin;

static void tpm_take_pin(struct secret **pin)
{
	secret_free(given_pin);
	given_pin = TAKE(*pin);
}

const struct token_login_ops token_login_backend = { .take_pin = tpm_take_pin };

static void tpm_close(struct token *t)
{
	if (!t) return;
	tpm_key_release(&t->dev, &t->key);
	tpm_device_close(&t->dev);
	secret_free(t->pin);
	secret_free(t->made_pin);
	free(t);
}

static enum coffer_err tpm_open(const char *uri, struct token **out, struct reason *reason)
{
	struct token *t = calloc(1, sizeof *t);
	ENSURE(t, ERR_MEMORY);
	t->key = TPM_KEY_NONE;
	t->pin = TAKE(given_pin);
	enum coffer_err err = tpm_uri_parse(uri, &t->uri, reason);
	if (err == ERR_OK && !t->pin && t->uri.pin_source[0]) err = token_pin_read(t->uri.pin_source, &t->pin, reason);
	if (err == ERR_OK) err = tpm_device_open(&t->uri, &t->dev, reason);
	if (err != ERR_OK) {
		tpm_close(t);
		return err;
	}
	*out = t;
	return ERR_OK;
}

/* ---- one operation, and once more after the TPM lost what was loaded ---- */

struct step {
	const struct secret *plain;
	struct buf *out_buf;
	struct view blob;
	struct secret **out_secret;
	uint8_t *out_bytes;
	size_t len;
	const struct token_counter_wish *wish;
	struct token_counter_answer *out_answer;
};

enum coffer_err tpm_run_step(struct token *t, tpm_step *run, void *arg, struct reason *reason)
{
	t->dev.last_rc = TSS2_RC_SUCCESS;
	enum coffer_err err = run(t, arg, reason);
	if (err == ERR_OK || t->dev.dead || tpm_err_map(t->dev.last_rc).action != TPM_ACTION_REFRESH) return err;
	tpm_key_release(&t->dev, &t->key);
	t->dev.last_rc = TSS2_RC_SUCCESS;
	if (reason) reason->text[0] = '\0';
	TRY(tpm_device_sweep(&t->dev, reason));
	return run(t, arg, reason);
}

struct tpm_means tpm_means_of(const struct token *t)
{
	return (struct tpm_means){ .policy_file = t->uri.policy_file, .pin_source = t->uri.pin_source[0] ? t->uri.pin_source : "the request",
		.pin = t->pin };
}

enum coffer_err tpm_ready(struct token *t, struct reason *reason)
{
	ESYS_TR session = ESYS_TR_NONE;
	TRY(tpm_key_load_primary(&t->dev, &t->key, reason));
	if (t->key.master != ESYS_TR_NONE) return ERR_OK;
	TRY(tpm_session_open(&t->dev, t->key.primary, &session, reason));
	enum coffer_err err = tpm_key_confirm_master(&t->dev, &t->key, session, reason);
	tpm_device_flush(&t->dev, &session);
	return err;
}

/* ---- provision and attach ---- */

static enum coffer_err provision_step(struct token *t, void *arg, struct reason *reason)
{
	(void)arg;
	const struct tpm_means means = tpm_means_of(t);
	return tpm_provision(&t->dev, &t->key, &t->uri, &means, &t->facts, reason);
}

static enum coffer_err tpm_provision_token(struct token *t, struct token_binding *out, struct reason *reason)
{
	t->attached = t->pinned = false;
	tpm_key_release(&t->dev, &t->key);
	t->key = TPM_KEY_NONE;
	t->key.handle = t->uri.handle;
	TRY(tpm_run_step(t, provision_step, NULL, reason));
	TRY(tpm_binding_encode(&t->key, &t->facts, out));
	t->attached = t->pinned = true;
	return ERR_OK;
}

static enum coffer_err attach_step(struct token *t, void *arg, struct reason *reason)
{
	(void)arg;
	return tpm_ready(t, reason);
}

static enum coffer_err tpm_attach(struct token *t, const struct token_binding *binding, struct reason *reason)
{
	struct tpm_key key;
	struct tpm_facts facts;
	t->attached = t->pinned = false;
	TRY(tpm_binding_decode(binding, &key, &facts, reason));
	if (t->uri.handle_given && t->uri.handle != key.handle) {
		return reason_fail(reason, ERR_USAGE,
			"the token URI says handle=0x%08X, but this node's master secret stands at 0x%08X; "
			"correct the URI", t->uri.handle, key.handle);
	}
	tpm_key_release(&t->dev, &t->key);
	t->key = key;
	t->facts = facts;
	t->pinned = true;
	TRY(tpm_run_step(t, attach_step, NULL, reason));
	t->attached = true;
	return ERR_OK;
}

/* ---- wrap, unwrap, random, probe ---- */

enum coffer_err tpm_require_attached(const struct token *t, struct reason *reason)
{
	if (!t->attached) return reason_fail(reason, ERR_STATE, "the token is not attached to this node's master secret");
	return ERR_OK;
}

static enum coffer_err wrap_step(struct token *t, void *arg, struct reason *reason)
{
	struct step *step = arg;
	TRY(tpm_ready(t, reason));
	return tpm_seal_wrap(&t->dev, &t->key, step->plain, step->out_buf, reason);
}

static enum coffer_err tpm_wrap(struct token *t, const struct secret *plain, struct buf *out, struct reason *reason)
{
	struct step step = { .plain = plain, .out_buf = out };
	TRY(tpm_require_attached(t, reason));
	return tpm_run_step(t, wrap_step, &step, reason);
}

static enum coffer_err unwrap_step(struct token *t, void *arg, struct reason *reason)
{
	struct step *step = arg;
	TRY(tpm_ready(t, reason));
	const struct tpm_means means = tpm_means_of(t);
	return tpm_seal_unwrap(&t->dev, &t->key, &means, step->blob, step->out_secret, reason);
}

static enum coffer_err tpm_unwrap(struct token *t, struct view blob, struct secret **out, struct reason *reason)
{
	struct step step = { .blob = blob, .out_secret = out };
	TRY(tpm_require_attached(t, reason));
	return tpm_run_step(t, unwrap_step, &step, reason);
}

/* Through the salted session, so that the bus does not see it. Before attach the primary is made but compared with
 * nothing. */
static enum coffer_err random_step(struct token *t, void *arg, struct reason *reason)
{
	struct step *step = arg;
	ESYS_TR session = ESYS_TR_NONE;
	size_t done = 0;
	enum coffer_err err = ERR_OK;
	if (!t->key.profile) TRY(tpm_template_choose(&t->dev, &t->key.profile, reason));
	TRY(tpm_key_load_primary(&t->dev, &t->key, reason));
	TRY(tpm_session_open(&t->dev, t->key.primary, &session, reason));
	err = tpm_session_encrypt(&t->dev, session, false, true, reason);
	while (err == ERR_OK && done < step->len) {
		size_t want = step->len - done < RANDOM_CHUNK ? step->len - done : RANDOM_CHUNK;
		TPM2B_DIGEST *bytes = NULL;
		struct tpm_call c = tpm_call_begin(&t->dev, "TPM2_GetRandom");
		while (tpm_call_again(&c)) {
			c.rc = Esys_GetRandom(t->dev.esys, session, ESYS_TR_NONE, ESYS_TR_NONE, (UINT16)want, &bytes);
		}
		err = tpm_call_end(&c, reason);
		if (err != ERR_OK) break;
		POST(bytes);
		if (bytes->size == 0 || bytes->size > want) err = reason_fail(reason, ERR_TOKEN,
			"TPM2_GetRandom: the TPM gives no random bytes");
		else memcpy(step->out_bytes + done, bytes->buffer, bytes->size);
		done += bytes->size;
		Esys_Free(bytes);
	}
	tpm_device_flush(&t->dev, &session);
	return err;
}

static enum coffer_err tpm_random(struct token *t, uint8_t *out, size_t len, struct reason *reason)
{
	struct step step = { .out_bytes = out, .len = len };
	ENSURE(len > 0, ERR_OK);
	return tpm_run_step(t, random_step, &step, reason);
}

/* The primary is made anew and the master secret read again: a TPM that was cleared or exchanged shows here. */
static enum coffer_err probe_step(struct token *t, void *arg, struct reason *reason)
{
	(void)arg;
	tpm_key_release(&t->dev, &t->key);
	TRY(tpm_ready(t, reason));
	return tpm_seal_probe(&t->dev, &t->key, reason);
}

static enum coffer_err tpm_probe(struct token *t, struct reason *reason)
{
	TRY(tpm_require_attached(t, reason));
	return tpm_run_step(t, probe_step, NULL, reason);
}

/* ---- describe ---- */

/* Four characters of text in a property, most significant first. */
static void property_text(struct token *t, uint32_t first, unsigned count, char *out, size_t cap)
{
	uint8_t raw[16] = { 0 };
	size_t len = 0;
	for (unsigned i = 0; i < count; i++) {
		uint32_t value = 0;
		if (tpm_device_property(&t->dev, first + i, &value, NULL) != ERR_OK) break;
		for (int shift = 24; shift >= 0; shift -= 8) {
			uint8_t byte = (uint8_t)(value >> shift);
			if (byte != 0 && len < sizeof raw) raw[len++] = byte;
		}
	}
	while (len > 0 && raw[len - 1] == ' ') len--;
	text_printable(view_of(raw, len), out, cap);
}

/* A TPM has no label of its own: this is where status says what its certificate is worth. */
static void describe_ek(enum tpm_ek ek, struct token_info *info)
{
	static const char *const texts[] = {
		[TPM_EK_NONE] = "no EK certificate",
		[TPM_EK_MATCHES] = "EK certificate matches",
		[TPM_EK_DIFFERS] = "EK certificate of another TPM",
		[TPM_EK_UNCHECKED] = "EK certificate not compared",
	};
	(void)snprintf(info->label, sizeof info->label, "%s", texts[ek]);
	if (ek == TPM_EK_DIFFERS) {
		(void)snprintf(info->warning, sizeof info->warning,
			"the EK certificate belongs to another TPM: something may stand between");
	}
}

static void describe_master(const struct token *t, char *out, size_t cap)
{
	const struct tpm_policy *p = &t->key.policy;
	int len = snprintf(out, cap, "%s, persistent 0x%08" PRIX32, t->key.profile->name, t->key.handle);
	if (tpm_policy_is_none(p) || len < 0 || (size_t)len >= cap) return;
	(void)snprintf(out + len, cap - (size_t)len, ", bound to %s%s%s%s", p->is_signed ? "signed " : "", p->pcrs.mask ? "PCRs" : "",
		p->pcrs.mask && p->has_pin ? " and " : "", p->has_pin ? "a PIN" : "");
}

static enum coffer_err tpm_describe(struct token *t, struct token_info *out, struct reason *reason)
{
	struct token_info info = { .kind = "tpm2" };
	uint32_t v1 = 0, v2 = 0, permanent = 0;
	TRY(tpm_device_property(&t->dev, TPM2_PT_FIRMWARE_VERSION_1, &v1, reason));
	TRY(tpm_device_property(&t->dev, TPM2_PT_FIRMWARE_VERSION_2, &v2, reason));
	TRY(tpm_device_property(&t->dev, TPM2_PT_PERMANENT, &permanent, reason));
	property_text(t, TPM2_PT_MANUFACTURER, 1, info.manufacturer, sizeof info.manufacturer);
	property_text(t, TPM2_PT_VENDOR_STRING_1, 4, info.model, sizeof info.model);
	(void)snprintf(info.firmware, sizeof info.firmware, "%" PRIu32 ".%" PRIu32 ".%08" PRIX32, v1 >> 16, v1 & 0xFFFF, v2);
	if (t->attached) {
		describe_master(t, info.master_secret, sizeof info.master_secret);
		(void)snprintf(info.mechanism, sizeof info.mechanism, "%s", TPM_SEAL_MECHANISM);
		info.made_here = t->facts.made_here;
	}
	if (permanent & TPMA_PERMANENT_INLOCKOUT) {
		(void)snprintf(info.warning, sizeof info.warning,
			"the TPM is in dictionary-attack lockout (Coffer's own keys do not need it)");
	}
	if (t->attached) describe_ek(t->facts.ek, &info);
	*out = info;
	return ERR_OK;
}


const struct token_ops token_backend = {
	.kind = "tpm2",
	.open = tpm_open,
	.provision = tpm_provision_token,
	.attach = tpm_attach,
	.describe = tpm_describe,
	.wrap = tpm_wrap,
	.unwrap = tpm_unwrap,
	.random = tpm_random,
	.probe = tpm_probe,
	.close = tpm_close,
};

/* ---- counter ---- */

/* It does not hang on the master secret, which may be gone or another one: the primary that the binding names carries the session, and says which TPM this is. */
static enum coffer_err ready_to_count(struct token *t, struct reason *reason)
{
	if (!t->pinned) return reason_fail(reason, ERR_STATE, "the token was not held against this node's binding yet");
	return tpm_key_load_primary(&t->dev, &t->key, reason);
}

static enum coffer_err make_counter_step(struct token *t, void *arg, struct reason *reason)
{
	struct step *step = arg;
	TRY(ready_to_count(t, reason));
	return tpm_counter_make(&t->dev, &t->key, step->wish, step->out_answer, reason);
}

static enum coffer_err read_counter_step(struct token *t, void *arg, struct reason *reason)
{
	struct step *step = arg;
	TRY(ready_to_count(t, reason));
	return tpm_counter_read(&t->dev, &t->key, step->wish, step->out_answer, reason);
}

static enum coffer_err raise_counter_step(struct token *t, void *arg, struct reason *reason)
{
	struct step *step = arg;
	TRY(ready_to_count(t, reason));
	return tpm_counter_raise(&t->dev, &t->key, step->wish, step->out_answer, reason);
}

static enum coffer_err make_counter(struct token *t, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason)
{
	struct step step = { .wish = wish, .out_answer = out };
	return tpm_run_step(t, make_counter_step, &step, reason);
}

static enum coffer_err read_counter(struct token *t, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason)
{
	struct step step = { .wish = wish, .out_answer = out };
	return tpm_run_step(t, read_counter_step, &step, reason);
}

static enum coffer_err raise_counter(struct token *t, const struct token_counter_wish *wish, struct token_counter_answer *out,
	struct reason *reason)
{
	struct step step = { .wish = wish, .out_answer = out };
	return tpm_run_step(t, raise_counter_step, &step, reason);
}

/* The master secret may be gone: the primary alone carries the session. */
static enum coffer_err drop_counter_step(struct token *t, void *arg, struct reason *reason)
{
	struct step *step = arg;
	if (!t->key.profile) TRY(tpm_template_choose(&t->dev, &t->key.profile, reason));
	TRY(tpm_key_load_primary(&t->dev, &t->key, reason));
	return tpm_counter_drop(&t->dev, &t->key, step->wish, step->out_answer, reason);
}

static enum coffer_err drop_counter(struct token *t, const struct token_counter_wish *wish, struct token_counter_answer *out, struct reason *reason)
{
	struct step step = { .wish = wish, .out_answer = out };
	return tpm_run_step(t, drop_counter_step, &step, reason);
}

const struct token_counter_ops token_counter_backend = { .make = make_counter, .read = read_counter, .raise = raise_counter, .drop = drop_counter };

/* ---- erase ---- */

static enum coffer_err erase_in(struct token *t, ESYS_TR session, struct reason *reason)
{
	TRY(tpm_key_confirm_master(&t->dev, &t->key, session, reason));
	return tpm_key_evict_master(&t->dev, &t->key, session, reason);
}

static enum coffer_err tpm_erase(struct token *t, struct reason *reason)
{
	ESYS_TR session = ESYS_TR_NONE;
	TRY(tpm_require_attached(t, reason));
	tpm_key_release(&t->dev, &t->key); /* read anew; and ESYS gives one handle for one object, so a second look would close the first one's */
	TRY(tpm_key_load_primary(&t->dev, &t->key, reason));
	TRY(tpm_session_open(&t->dev, t->key.primary, &session, reason));
	enum coffer_err err = erase_in(t, session, reason);
	tpm_device_flush(&t->dev, &session);
	if (!err) t->attached = false;
	return err;
}

const struct token_erase_ops token_erase_backend = { .erase = tpm_erase };
