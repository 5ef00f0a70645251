/* The order of a join. */
#include "ops/join.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "domain/enrolment.h"
#include "domain/waiting.h"
#include "ops/domain_found.h"
#include "ops/seat.h"
#include "token/kind.h"

#define FRESH_MS (ADMISSION_AGE_MAX_MS / 24u * 23u) /* an older request may not be approved in time: another one is made */

static void join_free(struct join *j)
{
	if (!j) return;
	token_proxy_free(j->proxy);
	joining_clear(&j->kept);
	free(j);
}

DEFINE_AUTO(struct join, join_free)

void join_drop(struct engine *engine)
{
	join_free(TAKE(engine->join));
}

/* ---- what was begun ---- */

static enum coffer_err check_free(struct engine *engine, struct reason *reason)
{
	TRY(domain_check_none(engine, reason));
	if (!engine->seat)
		return reason_fail(reason, ERR_UNSUPPORTED, "the store of this node is its own; set store = postgres, the database of the domain and store_shared = yes, and start the daemon again");
	if (engine->pending) return reason_fail(reason, ERR_BUSY, "an init waits for its proof; finish it first, or wait 10 minutes");
	if (engine->restore) return reason_fail(reason, ERR_BUSY, "a restore is under way; finish it first");
	return ERR_OK;
}

/* pending/join, once a process. */
static enum coffer_err load(struct engine *engine, struct reason *reason)
{
	if (engine->join) return ERR_OK;
	AUTO(auto_join_free) struct join *j = calloc(1, sizeof *j);
	ENSURE(j, ERR_MEMORY);
	j->kept = JOINING_NONE;
	enum coffer_err err = joining_read(engine->config->state_dir, &j->kept, reason);
	if (err == ERR_NOT_FOUND) {
		if (reason) reason->text[0] = '\0';
		return ERR_OK;
	}
	TRY(err);
	engine->join = TAKE(j);
	return ERR_OK;
}

static enum coffer_err keep(struct engine *engine, struct join *j, struct reason *reason)
{
	return joining_write(engine->config->state_dir, &j->kept, reason);
}

static enum coffer_err erase_row(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct join *j = arg;
	(void)engine;
	(void)reason;
	return waiting_erase(txn_store(txn), j->kept.domain.node_id);
}

/* Its row is of no use to anybody; one that cannot be erased is cleared after a day. */
static enum coffer_err forget(struct engine *engine, bool row, struct reason *reason)
{
	struct join *j = engine->join;
	if (!j) return joining_erase(engine->config->state_dir, reason);
	if (row && engine->on_store(engine, erase_row, j, NULL) != ERR_OK) log_warn("the request to join could not be taken back; it is cleared after a day");
	if (j->kept.stage >= JOINING_KEYS && join_open_token(engine, j, view_of(NULL, 0), NULL) == ERR_OK) join_remove_key(j);
	TRY(joining_erase(engine->config->state_dir, reason));
	join_drop(engine);
	return ERR_OK;
}

struct card {
	const uint8_t *typed;
	struct domain_id domain;
};

static enum coffer_err read_card(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct card *c = arg;
	(void)engine;
	return waiting_card(txn_store(txn), c->typed, &c->domain, reason);
}

/* The node id is this node's from here on: written down before anything is made in the token. */
static enum coffer_err begin(struct engine *engine, const struct join_wish *wish, struct reason *reason)
{
	enum token_kind kind;
	struct card card = { .typed = wish->domain };
	TRY(token_kind_of_uri(wish->token_uri, &kind, reason));
	TRY(engine->on_store(engine, read_card, &card, reason));
	AUTO(auto_join_free) struct join *j = calloc(1, sizeof *j);
	ENSURE(j, ERR_MEMORY);
	j->kept = JOINING_NONE;
	j->kept.domain = card.domain;
	memcpy(j->kept.token_uri, wish->token_uri, sizeof j->kept.token_uri);
	snprintf(j->kept.token_kind, sizeof j->kept.token_kind, "%s", token_kind_name(kind));
	TRY(rng_bytes(j->kept.domain.node_id, UUID_LEN));
	TRY(keep(engine, j, reason));
	engine->join = TAKE(j);
	return ERR_OK;
}

static enum coffer_err check_same(const struct join *j, const struct join_wish *wish, struct reason *reason)
{
	uint8_t own[DOMAIN_FINGERPRINT_LEN];
	TRY(domain_fingerprint(&j->kept.domain, own));
	if (memcmp(own, wish->domain, sizeof own) != 0)
		return reason_fail(reason, ERR_STATE, "a join of another domain was begun here; give its fingerprint, or add --anew to forget what was begun");
	if (strcmp(j->kept.token_uri, wish->token_uri) != 0)
		return reason_fail(reason, ERR_STATE, "this join was begun with the token %.300s; give the same, or add --anew to forget what was begun", j->kept.token_uri);
	return ERR_OK;
}

/* ---- the request ---- */

static enum coffer_err name_of(const struct join *j, const struct join_wish *wish, const char *own_name, struct admission_request *q, struct reason *reason)
{
	struct admission_request before;
	struct view name = wish->name;
	if (name.len == 0 && j->kept.request.len && admission_request_read(buf_view(&j->kept.request), &before, NULL) == ERR_OK) name = view_str(before.name);
	if (name.len == 0) name = view_str(own_name);
	char shown[ADMISSION_NAME_MAX + 1];
	if (name.len >= 1 && name.len <= ADMISSION_NAME_MAX && text_is_utf8(name)) {
		text_printable(name, shown, sizeof shown);
		if (view_equal_str(name, shown)) {
			memcpy(q->name, shown, sizeof q->name);
			return ERR_OK;
		}
	}
	return reason_fail(reason, ERR_FIELD, "a node's name has 1 to %u printable bytes of UTF-8; give one with --name", ADMISSION_NAME_MAX);
}

/* ---- evidence ---- */

/* The token that was given: its id, and its key, which is kept as what else this join has. */
static enum coffer_err take_enrolment(struct join *j, struct view text, uint8_t out_id[static ADMISSION_ENROLMENT_ID_LEN], struct reason *reason)
{
	AUTO_SECRET struct secret *token = NULL, *key = NULL;
	TRY(enrolment_token_parse(text, &token, reason));
	TRY(enrolment_id(token, out_id));
	TRY(enrolment_key(token, &key));
	return join_keep_enrolment(j, key, reason);
}

/* The proof covers the request, so that another request needs another one. Without evidence it is that which this join was begun with, where there is one. */
static enum coffer_err prove(struct join *j, const struct join_wish *wish, struct token_endorse_answer *shown, struct admission_request *q, struct reason *reason)
{
	AUTO_SECRET struct secret *key = NULL;
	struct admission_request before = { .evidence = ADMISSION_BY_FINGERPRINT };
	uint8_t id[ADMISSION_ENROLMENT_ID_LEN];
	if (j->kept.request.len) TRY(admission_request_read(buf_view(&j->kept.request), &before, reason));
	if (wish->endorsement || (!wish->enrolment.len && before.evidence == ADMISSION_BY_ENDORSEMENT)) return join_endorse(j, shown, q, reason);
	if (wish->enrolment.len) TRY(take_enrolment(j, wish->enrolment, id, reason));
	else if (before.evidence == ADMISSION_BY_ENROLMENT) memcpy(id, before.enrolment_id, sizeof id);
	else return ERR_OK;
	TRY(join_unwrap_enrolment(j, &key, reason));
	return enrolment_prove_again(key, id, q);
}

/* Whether the request has the token that is given now. */
static bool is_by(const struct admission_request *q, struct view text)
{
	AUTO_SECRET struct secret *token = NULL;
	uint8_t id[ADMISSION_ENROLMENT_ID_LEN];
	if (!text.len) return true;
	if (q->evidence != ADMISSION_BY_ENROLMENT || enrolment_token_parse(text, &token, NULL) != ERR_OK || enrolment_id(token, id) != ERR_OK) return false;
	return memcmp(id, q->enrolment_id, sizeof id) == 0;
}

/* Whether what was asked is still what is to be asked. */
static bool is_current(const struct join *j, const struct join_wish *wish)
{
	struct admission_request q;
	uint64_t now_ms = clock_wall_s() * 1000;
	if (j->kept.stage != JOINING_ASKED || admission_request_read(buf_view(&j->kept.request), &q, NULL) != ERR_OK) return false;
	if ((wish->name.len && !view_equal_str(wish->name, q.name)) || !is_by(&q, wish->enrolment)) return false;
	if (wish->endorsement && q.evidence != ADMISSION_BY_ENDORSEMENT) return false;
	return (now_ms > q.created_ms ? now_ms - q.created_ms : q.created_ms - now_ms) < FRESH_MS;
}

static enum coffer_err make_request(struct engine *engine, struct join *j, const struct join_wish *wish, struct reason *reason)
{
	AUTO_BUF struct buf request = BUF_EMPTY;
	struct token_endorse_answer shown = { .there = false };
	struct admission_request q = { .created_ms = clock_wall_s() * 1000, .evidence = ADMISSION_BY_FINGERPRINT };
	memcpy(q.domain_id, j->kept.domain.id, UUID_LEN);
	memcpy(q.node_id, j->kept.domain.node_id, UUID_LEN);
	memcpy(q.token_kind, j->kept.token_kind, sizeof q.token_kind);
	TRY(name_of(j, wish, engine->seat->name, &q, reason));
	TRY(join_public_key(j, q.transport_key, reason));
	TRY(rng_bytes(q.nonce, sizeof q.nonce));
	TRY(prove(j, wish, &shown, &q, reason));
	TRY(admission_request_write(&q, &request));
	buf_clear(&j->kept.request);
	TRY(buf_append(&j->kept.request, buf_view(&request)));
	j->kept.stage = JOINING_ASKED;
	return keep(engine, j, reason);
}

/* ---- the row ---- */

struct asking {
	const struct join *j;
	struct admission_row row;
	struct buf bytes;
};

/* Leaves the row of this very request as it is; anything else under this node's id gives way. */
static enum coffer_err put_or_read(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct asking *a = arg;
	struct store *store = txn_store(txn);
	(void)engine;
	buf_clear(&a->bytes);
	enum coffer_err err = waiting_get(store, a->j->kept.domain.node_id, &a->bytes);
	if (err && err != ERR_NOT_FOUND) return reason_default(reason, err, "the request to join cannot be read: %s", err_text(err));
	if (!err && admission_row_read(buf_view(&a->bytes), &a->row, NULL) == ERR_OK && view_equal(a->row.request, buf_view(&a->j->kept.request))) return ERR_OK;
	buf_clear(&a->bytes);
	TRY(admission_row_write(&(struct admission_row){ .state = ADMISSION_ASKED, .request = buf_view(&a->j->kept.request) }, &a->bytes));
	err = waiting_put(store, a->j->kept.domain.node_id, buf_view(&a->bytes));
	if (err == ERR_LIMIT) return reason_fail(reason, err, "%u other requests to join wait; an administrator has to look at 'coffer node list' first", ADMISSION_WAITING_MAX);
	if (err) return reason_default(reason, err, "the request to join cannot be written: %s", err_text(err));
	return admission_row_read(buf_view(&a->bytes), &a->row, reason);
}

/* A request that waits is forgotten by the next call where it was refused. */
static enum coffer_err refused(struct engine *engine, struct view sentence, struct reason *reason)
{
	char why[ADMISSION_SENTENCE_MAX + 1];
	text_printable(sentence, why, sizeof why);
	TRY(forget(engine, true, reason));
	return reason_fail(reason, ERR_DENIED, "the request was refused: %s", why);
}

static enum coffer_err fill(const struct join *j, struct join_result *out, struct reason *reason)
{
	struct admission_request q;
	uint8_t digest[ADMISSION_DIGEST_LEN];
	TRY(admission_request_read(buf_view(&j->kept.request), &q, reason));
	TRY(admission_digest(buf_view(&j->kept.request), digest));
	admission_fingerprint_text(digest, out->request);
	memcpy(out->name, q.name, sizeof out->name);
	out->evidence = q.evidence;
	if (q.evidence == ADMISSION_BY_ENDORSEMENT) {
		TRY(hash_sha256(q.certificate, digest));
		text_hex(view_of(digest, sizeof digest), out->certificate);
	}
	out->domain = j->kept.domain;
	out->token = j->info;
	return ERR_OK;
}

static enum coffer_err ask(struct engine *engine, const struct principal *principal, const struct join_wish *wish, struct join_result *out, struct reason *reason)
{
	struct join *j = engine->join;
	AUTO_BUF struct buf answer = BUF_EMPTY;
	AUTO_BUF struct buf challenge = BUF_EMPTY;
	struct asking a = { .j = j, .bytes = BUF_EMPTY };
	enum coffer_err err = engine->on_store(engine, put_or_read, &a, reason);
	if (!err && a.row.state == ADMISSION_ANSWERED) err = buf_append(&answer, a.row.answer);
	if (!err && a.row.state == ADMISSION_CHALLENGED && !a.row.proof.len) err = buf_append(&challenge, a.row.challenge);
	enum admission_state state = a.row.state;
	if (!err && state == ADMISSION_REFUSED) err = refused(engine, a.row.sentence, reason);
	buf_free(&a.bytes);
	TRY(err);
	TRY(fill(j, out, reason));
	if (state != ADMISSION_ANSWERED) return challenge.len ? join_prove(engine, j, buf_view(&challenge), reason) : ERR_OK;
	err = join_end(engine, principal, j, wish, buf_view(&answer), reason);
	out->member = !err || engine_state_get(engine) == ENGINE_SEALED; /* sealed: it has joined, and is opened later */
	if (!out->member) return err;
	struct reason why = { "" };
	if (joining_erase(engine->config->state_dir, &why) != ERR_OK) log_warn("%s", reason_text(&why, ERR_IO));
	join_drop(engine);
	return err;
}

static enum coffer_err prepare(struct engine *engine, const struct join_wish *wish, struct reason *reason)
{
	TRY(wish->anew ? forget(engine, true, reason) : ERR_OK);
	if (!engine->join) TRY(begin(engine, wish, reason));
	struct join *j = engine->join;
	TRY(check_same(j, wish, reason));
	if (j->kept.stage < JOINING_KEYS) TRY(join_make_keys(engine, j, wish->pin, reason));
	TRY(join_open_token(engine, j, wish->pin, reason));
	return is_current(j, wish) ? ERR_OK : make_request(engine, j, wish, reason);
}

/* A token that is mistyped makes nothing. */
static enum coffer_err check_enrolment(const struct join_wish *wish, struct reason *reason)
{
	AUTO_SECRET struct secret *token = NULL;
	return wish->enrolment.len ? enrolment_token_parse(wish->enrolment, &token, reason) : ERR_OK;
}

enum coffer_err join_run(struct engine *engine, const struct principal *principal, const struct join_wish *wish, struct join_result *out, struct reason *reason)
{
	*out = (struct join_result){ .member = false };
	if (wish->endorsement && wish->enrolment.len) return reason_fail(reason, ERR_INPUT, "a node joins by an enrolment token or by its TPM's endorsement certificate: give one of them");
	TRY(check_enrolment(wish, reason));
	TRY(check_free(engine, reason));
	TRY(load(engine, reason));
	enum coffer_err err = prepare(engine, wish, reason);
	if (!err) err = ask(engine, principal, wish, out, reason);
	if (err && engine->join) token_proxy_free(TAKE(engine->join->proxy)); /* the next call begins with it anew */
	return err;
}
