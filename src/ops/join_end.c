/* The end of a join: the answer opened by the token, and the rows of a new member. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/chain.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain/answer.h"
#include "domain/level.h"
#include "domain/node_record.h"
#include "domain/transport_record.h"
#include "domain/waiting.h"
#include "keyring/audit_key.h"
#include "keyring/domain_record.h"
#include "keyring/generation.h"
#include "keyring/rooted_store.h"
#include "keyring/slot.h"
#include "kmip/enums.h"
#include "ops/alert.h"
#include "ops/domain_found.h"
#include "ops/join.h"
#include "token/proxy_transport.h"

struct ending {
	struct join *join;
	const struct principal *principal;
	struct admission_request request;
	uint8_t digest[ADMISSION_DIGEST_LEN];
	uint8_t print[DOMAIN_FINGERPRINT_LEN]; /* of the answer */
	struct secret *auth;
	struct ring *ring;                     /* of what the answer held; moved to the domain */
	struct answer_opened opened;
	struct buf blobs[ANSWER_GENERATIONS_MAX];
};

static void done(struct ending *e)
{
	secret_free(e->auth);
	ring_free(e->ring);
	for (size_t i = 0; i < ANSWER_GENERATIONS_MAX; i++) buf_free(&e->blobs[i]);
}

/* ---- by the token ---- */

static enum coffer_err by_token(void *arg, const uint8_t point[static HPKE_PUBLIC_LEN], struct secret **out_shared)
{
	struct ending *e = arg;
	const struct buf *reference = &e->join->kept.reference;
	struct token_transport_wish wish = { .auth = secret_view(e->auth), .ref = { .len = reference->len } };
	struct token_transport_answer answer = { .there = false };
	if (reference->len) memcpy(wish.ref.data, reference->ptr, reference->len);
	memcpy(wish.point, point, sizeof wish.point);
	TRY(token_proxy_transport_ecdh(e->join->proxy, &wish, &answer, NULL));
	ENSURE(answer.there && answer.shared, ERR_TOKEN_OTHER);
	*out_shared = answer.shared;
	return ERR_OK;
}

static enum coffer_err check_print(struct ending *e, const struct join_wish *wish, struct view answer, struct reason *reason)
{
	TRY(answer_fingerprint(answer, e->print));
	if (!wish->has_answer || memcmp(e->print, wish->answer, sizeof e->print) == 0) return ERR_OK;
	return reason_fail(reason, ERR_CONTEXT, "the answer is not the one whose fingerprint was given: it does not come from the master server that approved; tell an administrator");
}

static enum coffer_err open_answer(struct ending *e, const struct join_wish *wish, struct view answer, struct reason *reason)
{
	const struct join *j = e->join;
	AUTO_SECRET struct secret *enrolment = NULL;
	const struct answer_key key = { .dh = by_token, .arg = e, .public_key = e->request.transport_key };
	TRY(admission_request_read(buf_view(&j->kept.request), &e->request, reason));
	TRY(admission_digest(buf_view(&j->kept.request), e->digest));
	TRY(check_print(e, wish, answer, reason));
	if (e->request.evidence == ADMISSION_BY_ENROLMENT) TRY(join_unwrap_enrolment(e->join, &enrolment, reason));
	TRY(join_unwrap_auth(e->join, &e->auth, reason));
	e->ring = ring_new(&j->kept.domain);
	ENSURE(e->ring, ERR_MEMORY);
	return answer_open(e->ring, buf_view(&j->kept.request), enrolment, &key, answer, &e->opened, reason);
}

/* Each data key under this node's own master secret, and back again. */
static enum coffer_err wrap_ring(struct ending *e, struct reason *reason)
{
	for (size_t i = 0; i < e->opened.generation_count; i++) {
		AUTO_SECRET struct secret *back = NULL;
		const struct secret *key;
		TRY(ring_data_key(e->ring, e->opened.generations[i].generation, &key));
		TRY(token_proxy_wrap(e->join->proxy, key, &e->blobs[i], reason));
		TRY(token_proxy_unwrap(e->join->proxy, buf_view(&e->blobs[i]), &back, reason));
		if (!secret_equal(key, back)) return reason_fail(reason, ERR_TOKEN, "the token wraps a data key, but another one comes back: it cannot be used");
	}
	return ERR_OK;
}

/* ---- the rows ---- */

/* Who has no memory of its own begins with what the answer says of the store: one that is behind it is refused. */
static enum coffer_err check_floors(const struct ending *e, struct store *store, struct reason *reason)
{
	for (size_t i = 0; i < e->opened.root_count; i++) TRY(rooted_store_floor(store, e->opened.roots[i].node_id, e->opened.roots[i].version));
	TRY(rooted_store_look_again(store, reason));
	rooted_store_note_epoch(store, e->opened.epoch);
	return ERR_OK;
}

/* One that was in use when the answer was made may have left since: its slots went, and its audit subkey is on record. */
static enum coffer_err has_left(struct txn *txn, uint32_t generation, bool *out)
{
	AUTO_BUF struct buf subkey = BUF_EMPTY;
	char name[AUDIT_KEY_NAME];
	audit_key_name(generation, name);
	enum coffer_err err = domain_record_get(txn_store(txn), txn_ring(txn), name, &subkey);
	*out = err == ERR_OK;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum coffer_err put_slots(const struct ending *e, struct txn *txn)
{
	for (size_t i = 0; i < e->opened.generation_count; i++) {
		AUTO_BUF struct buf header = BUF_EMPTY;
		AUTO_BUF struct buf body = BUF_EMPTY;
		struct store_row row = { .version = 0 };
		bool left;
		TRY(has_left(txn, e->opened.generations[i].generation, &left));
		if (left) {
			ring_remove(txn_ring(txn), e->opened.generations[i].generation);
			continue;
		}
		TRY(slot_make(txn_ring(txn), e->opened.generations[i].generation, e->join->kept.token_kind, &e->join->kept.binding, buf_view(&e->blobs[i]),
			e->opened.generations[i].signature, clock_wall_s() * 1000, &row, &header, &body));
		TRY(store_put(txn_store(txn), STORE_SLOT, &row, false));
	}
	return ERR_OK;
}

static enum coffer_err become_member(const struct ending *e, struct txn *txn, struct reason *reason)
{
	struct node_record n;
	enum coffer_err err = node_record_get(txn_store(txn), txn_ring(txn), e->request.node_id, &n);
	if (err == ERR_NOT_FOUND || err == ERR_CORRUPT)
		return reason_fail(reason, ERR_CORRUPT, "the domain has no record of this node that goes with the answer (%s); have the request approved again", err_text(err));
	TRY(err);
	bool own = memcmp(n.request_digest, e->digest, sizeof e->digest) == 0 && memcmp(n.transport_key, e->request.transport_key, sizeof n.transport_key) == 0;
	if (n.state == NODE_REMOVED) return reason_fail(reason, ERR_DENIED, "this node was removed from the domain before it joined; add --anew, and have it approved as a new one");
	if (!own || n.state != NODE_ADMITTED) return reason_fail(reason, ERR_CONTEXT, "another request with this node's id was approved; add --anew to ask as a new one");
	n.state = NODE_MEMBER;
	n.joined_ms = clock_wall_s() * 1000;
	if (n.joined_ms < n.admitted_ms) n.joined_ms = n.admitted_ms; /* by the other node's clock */
	return node_record_put(txn_store(txn), txn_ring(txn), &n);
}

static enum coffer_err put_transport(const struct ending *e, struct txn *txn)
{
	struct transport_record record = { .auth = e->auth, .reference_len = e->join->kept.reference.len };
	ENSURE(record.reference_len <= sizeof record.reference, ERR_FIELD);
	if (record.reference_len) memcpy(record.reference, e->join->kept.reference.ptr, record.reference_len);
	memcpy(record.public_key, e->request.transport_key, sizeof record.public_key);
	return transport_record_put(txn_store(txn), txn_ring(txn), &record);
}

/* The ring is the domain's only when it opens what the domain keeps. */
static enum coffer_err check_domain_key(struct txn *txn, struct reason *reason)
{
	AUTO_SECRET struct secret *seed = NULL;
	enum coffer_err err = generation_get_domain_key(txn_store(txn), txn_ring(txn), &seed);
	return err ? reason_default(reason, err, "the data keys of the answer do not open the domain's records (%s); have the request approved again", err_text(err)) : ERR_OK;
}

static enum coffer_err append_joined(struct engine *engine, struct txn *txn, const struct ending *e, struct reason *reason)
{
	char print[DOMAIN_FINGERPRINT_TEXT], details[256];
	domain_fingerprint_format(e->print, print);
	snprintf(details, sizeof details, "joined as node '%s', by answer %s", e->request.name, print);
	struct audit_event event = { .principal = view_str(e->principal->text), .status = RESULT_STATUS_SUCCESS, .details = view_str(details) };
	if (!engine->audit) TRY(audit_chain_open(txn, &engine->audit, reason));
	return audit_append(engine->audit, txn, &event);
}

static enum coffer_err write_member(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct ending *e = arg;
	uint32_t level;
	TRY(check_floors(e, txn_store(txn), reason));
	TRY(level_check(txn_store(txn), txn_ring(txn), &level, reason));
	TRY(check_domain_key(txn, reason));
	TRY(become_member(e, txn, reason));
	TRY(put_slots(e, txn));
	TRY(put_transport(e, txn));
	TRY(waiting_erase(txn_store(txn), e->request.node_id));
	return append_joined(engine, txn, e, reason);
}

static enum coffer_err found(struct engine *engine, struct ending *e, struct reason *reason)
{
	const struct joining *kept = &e->join->kept;
	struct identity identity = { .domain = kept->domain, .binding = kept->binding, .rooted = true };
	memcpy(identity.token_kind, kept->token_kind, sizeof identity.token_kind);
	memcpy(identity.token_uri, kept->token_uri, sizeof identity.token_uri);
	const struct domain_founding founding = { .identity = &identity, .ring = &e->ring, .proxy = &e->join->proxy, .write = write_member, .arg = e, .recovery = "",
		.command = "coffer node join" };
	return domain_found(engine, &founding, reason);
}

enum coffer_err join_end(struct engine *engine, const struct principal *principal, struct join *j, const struct join_wish *wish, struct view answer, struct reason *reason)
{
	struct ending e = { .join = j, .principal = principal };
	char said[ADMISSION_NAME_MAX + 64];
	enum coffer_err err = open_answer(&e, wish, answer, reason);
	if (!err) err = wrap_ring(&e, reason);
	if (!err) err = found(engine, &e, reason);
	done(&e);
	TRY(err);
	snprintf(said, sizeof said, "this node joined the domain as '%s'", e.request.name);
	log_info("%s", said);
	if (engine->alerts) (void)alert_happened(engine->alerts, ALERT_NODE_JOINED, said);
	return ERR_OK;
}
