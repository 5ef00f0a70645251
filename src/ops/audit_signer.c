/* Place from the store, signature from the token, record into the store. */
#include "ops/audit_signer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/line.h"
#include "audit/page.h"
#include "audit/signer_record.h"
#include "audit/witness.h"
#include "base/clock.h"
#include "base/log.h"
#include "ops/anchor.h"

#define FAILED_AGAIN_MS 60000u
#define NOT_READY_AGAIN_MS 5000u /* the token was not asked for anything */
#define IDLE_MS 60000u /* nothing is new: looked again */

struct audit_signer {
	pthread_mutex_t work; /* held while the token is asked; before `lock` */
	pthread_mutex_t lock; /* guards what status shows */
	bool has_key;
	uint8_t public_key[AUDIT_WITNESS_PUBLIC_LEN];
	uint64_t signed_to, time_ms;
	char sentence[REASON_MAX]; /* why it does not sign now; "" when well, or not tried yet */
	/* of the one thread that signs */
	uint64_t own_seq; /* record of the newest signature: alone it is no reason for another one */
};

struct audit_signer *audit_signer_new(void)
{
	struct audit_signer *s = calloc(1, sizeof *s);
	if (s && pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return NULL;
	}
	if (s && pthread_mutex_init(&s->work, NULL) != 0) {
		pthread_mutex_destroy(&s->lock);
		free(s);
		return NULL;
	}
	return s;
}

void audit_signer_free(struct audit_signer *signer)
{
	if (!signer) return;
	pthread_mutex_destroy(&signer->work);
	pthread_mutex_destroy(&signer->lock);
	free(signer);
}

void audit_signer_hold(struct engine *engine)
{
	if (engine->audit_signer) pthread_mutex_lock(&engine->audit_signer->work);
}

bool audit_signer_hold_for(struct engine *engine, uint64_t ms)
{
	const struct timespec pause = { 0, 5000000 };
	uint64_t until_ms = clock_mono_ms() + ms;
	if (!engine->audit_signer) return true;
	while (pthread_mutex_trylock(&engine->audit_signer->work) != 0) {
		if (clock_mono_ms() >= until_ms) return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

void audit_signer_let(struct engine *engine)
{
	if (engine->audit_signer) pthread_mutex_unlock(&engine->audit_signer->work);
}

static void know(struct audit_signer *s, const struct signer_record *record)
{
	pthread_mutex_lock(&s->lock);
	s->has_key = record->made;
	memcpy(s->public_key, record->public_key, sizeof s->public_key);
	s->signed_to = record->signed_to;
	s->time_ms = record->time_ms;
	pthread_mutex_unlock(&s->lock);
}

/* To status, and to the log when it is news. */
static void tell(struct audit_signer *s, const char *why)
{
	pthread_mutex_lock(&s->lock);
	bool news = strcmp(s->sentence, why) != 0;
	snprintf(s->sentence, sizeof s->sentence, "%s", why);
	pthread_mutex_unlock(&s->lock);
	if (!news) return;
	if (why[0]) log_warn("the audit log is not signed by the token: %s", why);
	else log_info("the audit log is signed by the token");
}

/* One signature. */
struct signing {
	struct signer_record record;
	struct audit_witness witness;
	uint64_t length;
	uint64_t interval_ms;
	uint64_t wait_ms; /* until it is due; 0: it is */
	bool nothing;     /* is new */
	bool asked;       /* the token was asked for something */
};

/* ---- on the store thread ---- */

static void judge_due(struct engine *engine, struct signing *s)
{
	uint64_t now = clock_wall_s() * 1000, since = s->record.time_ms;
	s->nothing = s->length == 0 || (s->record.signed_to && s->length <= s->record.signed_to) || s->length == engine->audit_signer->own_seq;
	if (since && since <= now && now - since < s->interval_ms) s->wait_ms = s->interval_ms - (now - since);
}

static enum coffer_err load_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct signing *s = arg;
	ENSURE(engine->audit, ERR_SEALED);
	enum coffer_err err = signer_record_read(txn_store(txn), txn_ring(txn), &s->record);
	if (err == ERR_CORRUPT || err == ERR_VERSION) return reason_fail(reason, err, "the record of its signing key does not open ('coffer store check')");
	if (err && err != ERR_NOT_FOUND) return err;
	s->length = audit_chain_length(engine->audit);
	judge_due(engine, s);
	return ERR_OK;
}

static enum coffer_err put_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct signing *s = arg;
	(void)engine;
	(void)reason;
	return signer_record_put(txn_store(txn), txn_ring(txn), &s->record);
}

static enum coffer_err place_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct signing *s = arg;
	(void)reason;
	ENSURE(engine->audit, ERR_SEALED);
	s->witness.time_ms = clock_wall_s() * 1000;
	return audit_page_place(txn, audit_chain_length(engine->audit), &s->witness.at);
}

static enum coffer_err append_on_store(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct signing *s = arg;
	char details[AUDIT_WITNESS_TEXT];
	ENSURE(engine->audit, ERR_SEALED);
	if (audit_chain_length(engine->audit) - s->witness.at.seq >= AUDIT_WITNESS_BEHIND)
		return reason_fail(reason, ERR_BUSY, "it is slower than the records that are written");
	audit_witness_write(&s->witness, details);
	const struct audit_event event = { .principal = view_str("node"), .details = view_str(details) };
	TRY(audit_append(engine->audit, txn, &event));
	s->record.signed_to = s->witness.at.seq;
	s->record.time_ms = s->witness.time_ms;
	s->length = audit_chain_length(engine->audit);
	return signer_record_put(txn_store(txn), txn_ring(txn), &s->record);
}

/* ---- with the token ---- */

static enum coffer_err make_key(struct engine *engine, struct signing *s, struct reason *reason)
{
	struct token_signer_wish wish = { .drop = false };
	struct token_signer_answer answer;
	uint64_t signed_to = s->record.signed_to, time_ms = s->record.time_ms;
	TRY(signer_record_begin(&s->record));
	s->record.signed_to = signed_to;
	s->record.time_ms = time_ms;
	TRY(signer_owner(&engine->identity.domain, wish.owner));
	wish.auth = secret_view(s->record.auth);
	TRY(token_proxy_signer_make(engine->token, &wish, &answer, reason));
	s->record.made = true;
	s->record.ref = answer.ref;
	memcpy(s->record.public_key, answer.public_key, sizeof s->record.public_key);
	return engine->on_store(engine, put_on_store, s, reason);
}

static enum coffer_err ask(struct engine *engine, struct signing *s, bool *out_there, struct reason *reason)
{
	struct token_signer_wish wish = { .drop = false };
	struct token_signer_answer answer;
	TRY(engine->on_store(engine, place_on_store, s, reason));
	TRY(signer_owner(&engine->identity.domain, wish.owner));
	TRY(audit_witness_digest(&engine->identity.domain, &s->witness, wish.digest));
	wish.auth = secret_view(s->record.auth);
	wish.ref = s->record.ref;
	TRY(token_proxy_sign(engine->token, &wish, &answer, reason));
	*out_there = answer.there;
	memcpy(s->witness.signature, answer.signature, sizeof s->witness.signature);
	memcpy(s->witness.public_key, s->record.public_key, sizeof s->witness.public_key);
	return ERR_OK;
}

static enum coffer_err sign(struct engine *engine, struct signing *s, struct reason *reason)
{
	bool there = false;
	if (s->record.made) TRY(ask(engine, s, &there, reason));
	if (!there) {
		if (s->record.made) log_warn("the token does not know the key that signed the audit log: another one is made");
		TRY(make_key(engine, s, reason));
		TRY(ask(engine, s, &there, reason));
	}
	if (!there || audit_witness_verify(&engine->identity.domain, &s->witness) != ERR_OK)
		return reason_fail(reason, ERR_TOKEN, "it gives a signature that does not hold");
	return engine->on_store(engine, append_on_store, s, reason);
}

static enum coffer_err check_ready(struct engine *engine, struct reason *reason)
{
	struct token_health health;
	if (!engine->token) return reason_fail(reason, ERR_TOKEN_GONE, "the node has no token now");
	token_proxy_health(engine->token, &health);
	if (health.state != TOKEN_WELL) return reason_fail(reason, ERR_TOKEN_GONE, "the token is %s", token_state_name(health.state));
	return engine_store_health(engine) == STORE_WELL ? ERR_OK : engine_store_refuses(engine, ERR_IO, reason);
}

/* The token stays the one that it is meanwhile. */
static enum coffer_err sign_when_due(struct engine *engine, struct signing *s, struct reason *reason)
{
	TRY(engine->on_store(engine, load_on_store, s, reason));
	know(engine->audit_signer, &s->record);
	if (s->wait_ms || s->nothing) return ERR_OK;
	TRY(check_ready(engine, reason));
	if (!anchor_keep_token(engine->anchor)) return reason_fail(reason, ERR_BUSY, "the token is being changed");
	s->asked = true;
	enum coffer_err err = sign(engine, s, reason);
	anchor_let_token(engine->anchor);
	if (err) return err;
	engine->audit_signer->own_seq = s->length;
	know(engine->audit_signer, &s->record);
	return ERR_OK;
}

enum coffer_err audit_signer_step(struct engine *engine, uint64_t *out_again_ms)
{
	struct signing s = { .record = SIGNER_RECORD_NONE, .interval_ms = engine->config->audit_token_interval_ms };
	struct reason why = { "" };
	*out_again_ms = IDLE_MS;
	if (engine_state_get(engine) != ENGINE_OPEN) return ERR_OK;
	if (s.interval_ms == 0) {
		tell(engine->audit_signer, "audit_token_interval is 0");
		return ERR_OK;
	}
	audit_signer_hold(engine);
	bool open = engine_state_get(engine) == ENGINE_OPEN; /* who held it may have ended the node */
	enum coffer_err err = open ? sign_when_due(engine, &s, &why) : ERR_OK;
	audit_signer_let(engine);
	if (!open) return ERR_OK;
	signer_record_clear(&s.record);
	if (err) {
		*out_again_ms = s.asked ? FAILED_AGAIN_MS : NOT_READY_AGAIN_MS;
		tell(engine->audit_signer, reason_text(&why, err));
		return err;
	}
	*out_again_ms = s.wait_ms ? s.wait_ms : s.interval_ms < IDLE_MS ? s.interval_ms : IDLE_MS;
	if (!s.wait_ms && !s.nothing) tell(engine->audit_signer, "");
	return ERR_OK;
}

void audit_signer_drop(struct engine *engine)
{
	uint8_t owner[TOKEN_SIGNER_OWNER_LEN];
	struct reason why = { "" };
	if (!engine->token) return;
	enum coffer_err err = signer_owner(&engine->identity.domain, owner);
	if (!err) err = token_proxy_signer_drop(engine->token, owner, &why);
	if (err && err != ERR_UNSUPPORTED) log_warn("the key that signs the audit log could not be destroyed in the token: %s", reason_text(&why, err));
}

void audit_signer_json(struct engine *engine, struct json_out *j)
{
	struct audit_signer *s = engine->audit_signer;
	char key[DOMAIN_FINGERPRINT_TEXT] = "", when[AUDIT_TIME_TEXT] = "";
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	if (!s) return;
	pthread_mutex_lock(&s->lock);
	if (s->has_key && audit_witness_fingerprint(s->public_key, fingerprint) == ERR_OK) domain_fingerprint_format(fingerprint, key);
	if (s->time_ms) audit_time_text(s->time_ms, when);
	json_begin(j, "audit_token");
	json_str(j, "state", s->sentence[0] ? "not signed by the token" : s->time_ms ? "signed" : "not signed yet");
	json_str(j, "note", s->sentence);
	json_str(j, "key", key);
	json_u64(j, "records", s->signed_to);
	json_str(j, "time", when);
	json_end(j);
	pthread_mutex_unlock(&s->lock);
}
