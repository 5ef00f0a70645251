/* The PKCS#11 token backend: the ops table, and what happens when a session or login is lost. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "crypto/rng.h"
#include "hsm/mech.h"
#include "hsm/provision.h"
#include "hsm/signer.h"
#include "hsm/slot.h"
#include "hsm/token_p11.h"
#include "hsm/transport.h"
#include "token/counter.h"
#include "token/endorse.h"
#include "token/erase.h"
#include "token/login.h"
#include "token/pin.h"

/* What a person gave for the next open (token/login.h). One thread, one token. */
static struct secret *given_pin;

static void p11_take_pin(struct secret **pin)
{
	secret_free(given_pin);
	given_pin = TAKE(*pin);
}

const struct token_login_ops token_login_backend = { .take_pin = p11_take_pin };

static void p11_close(struct token *t)
{
	if (!t) return;
	hsm_session_done(&t->session);
	hsm_module_close(&t->module);
	hsm_uri_done(&t->uri);
	free(t);
}

static enum coffer_err open_parts(struct token *t, const char *uri, struct reason *reason)
{
	CK_SLOT_ID slot = 0;
	CK_TOKEN_INFO info = { 0 };
	AUTO_SECRET struct secret *pin = TAKE(given_pin);
	TRY(hsm_uri_init(&t->uri, uri, reason));
	if (!pin && t->uri.pin_source) TRY(token_pin_read(t->uri.pin_source, &pin, reason));
	TRY(hsm_module_open(&t->module, t->uri.module_path, reason));
	TRY(hsm_slot_find(t->module.fn, &t->uri, &slot, &info, reason));
	TRY(hsm_session_init(&t->session, t->module.fn, slot, &info, TAKE(pin), reason));
	return hsm_object_sweep(&t->session, reason);
}

static enum coffer_err p11_open(const char *uri, struct token **out, struct reason *reason)
{
	struct token *t = calloc(1, sizeof *t);
	ENSURE(t, ERR_MEMORY);
	enum coffer_err err = open_parts(t, uri, reason);
	if (err != ERR_OK) {
		p11_close(t);
		return err;
	}
	*out = t;
	return ERR_OK;
}

/* ---- one call, and once more after a lost session or login ---- */

struct step {
	enum coffer_err (*run)(struct token *t, struct step *step, struct reason *reason);
	const struct secret *plain;
	struct buf *out_buf;
	struct view blob;
	struct secret **out_secret;
	struct hsm_binding *out_binding;
	uint8_t *out_bytes;
	size_t len;
	const struct token_signer_wish *wish;
	struct token_signer_answer *out_answer;
	const struct token_transport_wish *transport;
	struct token_transport_answer *out_transport;
};

static enum coffer_err find_again(struct token *t, struct reason *reason)
{
	struct hsm_key key;
	if (!t->attached) return ERR_OK;
	TRY(hsm_object_find(&t->session, t->binding.key.label, t->binding.key.id, t->binding.key.id_len, &key, reason));
	t->key = key;
	return ERR_OK;
}

static enum coffer_err recover(struct token *t, enum hsm_action action, struct reason *reason)
{
	if (action == HSM_ACTION_REOPEN) TRY(hsm_session_reopen(&t->session, reason));
	else TRY(hsm_session_login(&t->session, reason));
	return find_again(t, reason);
}

/* For idempotent steps alone: a lost session or login is mended and the step runs once more; an answer after which only a
 * re-initialisation helps makes every later call fail at once. */
static enum coffer_err run_step(struct token *t, struct step *step, struct reason *reason)
{
	if (t->dead) {
		return reason_fail(reason, ERR_TOKEN_GONE, "the token was lost; the token helper must be started again");
	}
	enum coffer_err err = ERR_OK;
	for (int attempt = 0; attempt < 2; attempt++) {
		t->session.last_rv = CKR_OK;
		err = step->run(t, step, reason);
		if (err == ERR_OK) return ERR_OK;
		enum hsm_action action = hsm_err_map(t->session.last_rv).action;
		if (attempt > 0 || (action != HSM_ACTION_REOPEN && action != HSM_ACTION_LOGIN)) break;
		t->session.last_rv = CKR_OK;
		err = recover(t, action, reason);
		if (err != ERR_OK) break;
	}
	if (err == ERR_TOKEN_GONE) t->dead = true;
	return err;
}

/* ---- provision and attach ---- */

/* Idempotent: a second run adopts what the first one made. */
static enum coffer_err provision_step(struct token *t, struct step *step, struct reason *reason)
{
	struct hsm_key key;
	TRY(hsm_provision(&t->session, &t->uri, &key, step->out_binding, reason));
	t->key = key;
	return ERR_OK;
}

static enum coffer_err p11_provision(struct token *t, struct token_binding *out, struct reason *reason)
{
	struct token_binding encoded;
	struct hsm_binding binding;
	struct step step = { .run = provision_step, .out_binding = &binding };
	t->attached = false;
	TRY(run_step(t, &step, reason));
	TRY(hsm_binding_encode(&binding, &encoded));
	t->binding = binding;
	t->attached = true;
	*out = encoded;
	return ERR_OK;
}

static enum coffer_err open_canary(struct token *t, struct reason *reason)
{
	t->session.last_rv = CKR_OK;
	return hsm_binding_check_canary(&t->binding, &t->session, &t->key, reason);
}

/* A canary that does not open: another key, a token that fails, or a fault that passed? A fresh round trip tells the first two
 * apart, and only a canary that is refused again after it is called another key's. */
static enum coffer_err judge_canary(struct token *t, enum coffer_err err, struct reason *reason)
{
	struct hsm_verdict v = hsm_err_map(t->session.last_rv);
	if (err == ERR_TOKEN_OTHER || !v.blame_blob) return err;
	struct reason ignored = { "" };
	t->session.last_rv = CKR_OK;
	if (hsm_mech_prove(&t->session, t->binding.mech, &t->key, &ignored) != ERR_OK) return err == ERR_CORRUPT ? ERR_TOKEN : err;
	enum coffer_err again = open_canary(t, &ignored);
	if (again == ERR_OK && reason) reason->text[0] = '\0';
	if (again == ERR_OK) return ERR_OK;
	if (!hsm_err_map(t->session.last_rv).blame_blob) return reason_fail(reason, again, "%s", ignored.text);
	t->session.last_rv = CKR_OK;
	return reason_fail(reason, ERR_TOKEN_OTHER, "the token has a key '%s' with the right id, but it is not this node's "
		"master secret: it does not open the canary; put the right token back or restore its files", t->key.label);
}

static enum coffer_err check_attached(struct token *t, struct reason *reason)
{
	enum coffer_err err = open_canary(t, reason);
	return err == ERR_OK ? ERR_OK : judge_canary(t, err, reason);
}

static enum coffer_err attach_step(struct token *t, struct step *step, struct reason *reason)
{
	(void)step;
	TRY(hsm_binding_check_token(&t->binding, &t->session, reason));
	t->attached = true; /* lets find_again work */
	TRY(find_again(t, reason));
	if (t->key.type != t->binding.key.type) {
		return reason_fail(reason, ERR_TOKEN_OTHER, "the token's key '%s' is of another type than this node's master "
			"secret", t->key.label);
	}
	return check_attached(t, reason);
}

static enum coffer_err p11_attach(struct token *t, const struct token_binding *binding, struct reason *reason)
{
	struct step step = { .run = attach_step };
	struct hsm_binding b;
	t->attached = false;
	TRY(hsm_binding_decode(binding, &b, reason));
	t->binding = b;
	enum coffer_err err = run_step(t, &step, reason);
	t->attached = err == ERR_OK;
	return err;
}

/* ---- wrap, unwrap, random, probe ---- */

static enum coffer_err require_attached(const struct token *t, struct reason *reason)
{
	if (!t->attached) return reason_fail(reason, ERR_STATE, "the token is not attached to this node's master secret");
	return ERR_OK;
}

static enum coffer_err wrap_step(struct token *t, struct step *step, struct reason *reason)
{
	size_t before = step->out_buf->len;
	enum coffer_err err = t->binding.mech->method->wrap(&t->session, t->binding.mech, &t->key, step->plain,
		step->out_buf, reason);
	if (err == ERR_OK && step->out_buf->len - before > TOKEN_BLOB_MAX) err = ERR_TOO_LARGE;
	if (err != ERR_OK) step->out_buf->len = before;
	return err;
}

static enum coffer_err p11_wrap(struct token *t, const struct secret *plain, struct buf *out, struct reason *reason)
{
	struct step step = { .run = wrap_step, .plain = plain, .out_buf = out };
	TRY(require_attached(t, reason));
	ENSURE(secret_len(plain) == TOKEN_SECRET_LEN, reason_fail(reason, ERR_INPUT, "a data key has 32 bytes"));
	return run_step(t, &step, reason);
}

static enum coffer_err unwrap_step(struct token *t, struct step *step, struct reason *reason)
{
	const struct hsm_mech *mech = t->binding.mech;
	for (int attempt = 0; attempt < 2; attempt++) {
		t->session.last_rv = CKR_OK;
		enum coffer_err err = mech->method->unwrap(&t->session, mech, &t->key, step->blob, step->out_secret, reason);
		if (err == ERR_OK || !hsm_err_map(t->session.last_rv).blame_blob) return err;
		/* The blob or the token? If the canary opens and then the blob still does not, it is the blob. */
		TRY(check_attached(t, reason));
	}
	t->session.last_rv = CKR_OK;
	return reason_fail(reason, ERR_CORRUPT, "the token refuses this wrapped data key, although it opens its canary: the "
		"wrapped data key was altered or belongs to another node");
}

static enum coffer_err p11_unwrap(struct token *t, struct view blob, struct secret **out, struct reason *reason)
{
	struct step step = { .run = unwrap_step, .blob = blob, .out_secret = out };
	TRY(require_attached(t, reason));
	if (blob.len == 0 || blob.len > TOKEN_BLOB_MAX) {
		return reason_fail(reason, ERR_CORRUPT, "a wrapped data key of %zu bytes is not one", blob.len);
	}
	return run_step(t, &step, reason);
}

static enum coffer_err random_step(struct token *t, struct step *step, struct reason *reason)
{
	CK_RV rv = t->session.fn->C_GenerateRandom(t->session.handle, step->out_bytes, step->len);
	return hsm_session_fail(&t->session, reason, "C_GenerateRandom", rv);
}

static enum coffer_err p11_random(struct token *t, uint8_t *out, size_t len, struct reason *reason)
{
	struct step step = { .run = random_step, .out_bytes = out, .len = len };
	ENSURE(len > 0, ERR_OK);
	return run_step(t, &step, reason);
}

static enum coffer_err probe_step(struct token *t, struct step *step, struct reason *reason)
{
	(void)step;
	TRY(hsm_session_token_present(&t->session, reason));
	TRY(find_again(t, reason));
	TRY(check_attached(t, reason));
	return hsm_mech_prove(&t->session, t->binding.mech, &t->key, reason);
}

static enum coffer_err p11_probe(struct token *t, struct reason *reason)
{
	struct step step = { .run = probe_step };
	TRY(require_attached(t, reason));
	return run_step(t, &step, reason);
}

/* ---- describe ---- */

static void describe_key(const struct token *t, struct token_info *info)
{
	char label[HSM_LABEL_MAX + 1], id[2 * HSM_ID_MAX + 1];
	text_printable(view_str(t->key.label), label, sizeof label);
	text_hex(view_of(t->key.id, t->key.id_len), id);
	(void)snprintf(info->master_secret, sizeof info->master_secret, "%s '%.40s' id %.64s",
		t->key.type == CKK_RSA ? "RSA" : "AES-256",
		label, t->key.id_len ? id : "(none)");
	(void)snprintf(info->mechanism, sizeof info->mechanism, "%s", t->binding.mech->name);
	if (t->binding.mech->weak) (void)snprintf(info->warning, sizeof info->warning, "master secret: weak usage");
	info->made_here = t->binding.made_here;
}

static enum coffer_err p11_describe(struct token *t, struct token_info *out, struct reason *reason)
{
	(void)reason;
	const CK_TOKEN_INFO *ti = &t->session.token;
	struct token_info info = { .kind = "pkcs11" };
	hsm_slot_text(ti->manufacturerID, sizeof ti->manufacturerID, info.manufacturer, sizeof info.manufacturer);
	hsm_slot_text(ti->model, sizeof ti->model, info.model, sizeof info.model);
	hsm_slot_text(ti->serialNumber, sizeof ti->serialNumber, info.serial, sizeof info.serial);
	hsm_slot_text(ti->label, sizeof ti->label, info.label, sizeof info.label);
	(void)snprintf(info.firmware, sizeof info.firmware, "%u.%u", ti->firmwareVersion.major, ti->firmwareVersion.minor);
	if (t->attached) describe_key(t, &info);
	*out = info;
	return ERR_OK;
}

const struct token_ops token_backend = {
	.kind = "pkcs11",
	.open = p11_open,
	.provision = p11_provision,
	.attach = p11_attach,
	.describe = p11_describe,
	.wrap = p11_wrap,
	.unwrap = p11_unwrap,
	.random = p11_random,
	.probe = p11_probe,
	.close = p11_close,
};

/* PKCS#11 has no number that only goes up. */
const struct token_counter_ops token_counter_backend = { .make = NULL, .read = NULL, .raise = NULL, .drop = NULL };

/* ---- erase ---- */

static enum coffer_err erase_step(struct token *t, struct step *step, struct reason *reason)
{
	TRY(find_again(t, reason)); /* handles change with a login */
	struct hsm_key key = t->binding.key; /* it is looked for again by what is pinned, not by what the token says of it */
	key.handle = t->key.handle;
	key.public_key = t->key.public_key;
	step->len = 1;
	return hsm_object_destroy(&t->session, &key, reason);
}

/* A session or handle that is not valid says nothing of the key: it is searched by its id in a new session. Gone after the token was told to destroy it is destroyed. */
static enum coffer_err p11_erase(struct token *t, struct reason *reason)
{
	struct step step = { .run = erase_step, .len = 0 };
	TRY(require_attached(t, reason));
	enum coffer_err err = run_step(t, &step, reason);
	if (err == ERR_TOKEN_KEY_MISSING && step.len) err = ERR_OK;
	if (!err) t->attached = false;
	return err;
}

const struct token_erase_ops token_erase_backend = { .erase = p11_erase };

/* ---- signer ---- */

static enum coffer_err make_signer_step(struct token *t, struct step *step, struct reason *reason)
{
	return hsm_signer_make(&t->session, step->wish, step->out_answer, reason);
}

static enum coffer_err sign_step(struct token *t, struct step *step, struct reason *reason)
{
	return hsm_signer_sign(&t->session, step->wish, step->out_answer, reason);
}

static enum coffer_err drop_signer_step(struct token *t, struct step *step, struct reason *reason)
{
	*step->out_answer = (struct token_signer_answer){ .there = false };
	return hsm_signer_drop(&t->session, step->wish, reason);
}

static enum coffer_err p11_make_signer(struct token *t, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	struct step step = { .run = make_signer_step, .wish = wish, .out_answer = out };
	TRY(require_attached(t, reason));
	return run_step(t, &step, reason);
}

static enum coffer_err p11_sign(struct token *t, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	struct step step = { .run = sign_step, .wish = wish, .out_answer = out };
	TRY(require_attached(t, reason));
	return run_step(t, &step, reason);
}

static enum coffer_err p11_drop_signer(struct token *t, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	struct step step = { .run = drop_signer_step, .wish = wish, .out_answer = out };
	TRY(require_attached(t, reason));
	return run_step(t, &step, reason);
}

const struct token_signer_ops token_signer_backend = { .make = p11_make_signer, .sign = p11_sign, .drop = p11_drop_signer };

/* ---- transport ---- */

static enum coffer_err make_transport_step(struct token *t, struct step *step, struct reason *reason)
{
	return hsm_transport_make(&t->session, step->transport, step->out_transport, reason);
}

static enum coffer_err public_transport_step(struct token *t, struct step *step, struct reason *reason)
{
	return hsm_transport_public(&t->session, step->transport, step->out_transport, reason);
}

static enum coffer_err ecdh_step(struct token *t, struct step *step, struct reason *reason)
{
	return hsm_transport_ecdh(&t->session, step->transport, step->out_transport, reason);
}

static enum coffer_err remove_transport_step(struct token *t, struct step *step, struct reason *reason)
{
	*step->out_transport = (struct token_transport_answer){ .there = false };
	return hsm_transport_remove(&t->session, step->transport, reason);
}

static enum coffer_err p11_make_transport(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	struct step step = { .run = make_transport_step, .transport = wish, .out_transport = out };
	TRY(require_attached(t, reason));
	return run_step(t, &step, reason);
}

static enum coffer_err p11_public_transport(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	struct step step = { .run = public_transport_step, .transport = wish, .out_transport = out };
	TRY(require_attached(t, reason));
	return run_step(t, &step, reason);
}

static enum coffer_err p11_ecdh(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	struct step step = { .run = ecdh_step, .transport = wish, .out_transport = out };
	TRY(require_attached(t, reason));
	return run_step(t, &step, reason);
}

static enum coffer_err p11_remove_transport(struct token *t, const struct token_transport_wish *wish, struct token_transport_answer *out, struct reason *reason)
{
	struct step step = { .run = remove_transport_step, .transport = wish, .out_transport = out };
	TRY(require_attached(t, reason));
	return run_step(t, &step, reason);
}

const struct token_transport_ops token_transport_backend = { .make = p11_make_transport, .public_point = p11_public_transport, .ecdh = p11_ecdh,
	.remove = p11_remove_transport };
/* Whose card or module it is says no certificate that such a token can be held to. */
const struct token_endorse_ops token_endorse_backend = { .describe = NULL, .activate = NULL };
