/* The status document, part by part. */
#include "ops/status_json.h"

#include <malloc.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/aead_choose.h"
#include "domain/level.h"
#include "keyring/rooted_store.h"
#include "ops/alert.h"
#include "ops/anchor_json.h"
#include "ops/audit_signer.h"
#include "ops/backup_status.h"
#include "ops/attend.h"
#include "ops/json_out.h"
#include "ops/key_rotation.h"
#include "ops/move_order.h"
#include "ops/rotation.h"
#include "ops/seat.h"
#include "ops/signs.h"
#include "ops/store_check.h"
#include "ops/token_of.h"
#include "store/remote.h"

#ifndef COFFER_VERSION
#define COFFER_VERSION "unknown"
#endif

#define PROBE_FRESH_MS 1000u
#define PROBE_WAIT_MS 2000u

/* What only the store lane knows. */
struct store_facts {
	uint32_t generation;
	uint64_t audit_records, audit_gone;
	struct rooted_facts root;
	struct backup_status backup;
	bool has_backup;
};

static enum coffer_err read_facts(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct store_facts *facts = arg;
	(void)reason;
	facts->generation = txn_ring(txn) ? ring_newest(txn_ring(txn)) : 0;
	facts->audit_records = engine->audit ? audit_chain_length(engine->audit) : 0;
	facts->audit_gone = engine->audit ? audit_chain_base(engine->audit)->seq : 0;
	rooted_store_facts(engine->store, &facts->root);
	if (signs_read(engine, txn, NULL, NULL) != ERR_OK) log_debug("the nodes' signs of life cannot be read now");
	facts->has_backup = engine->audit && txn_ring(txn) && backup_status_read(txn, &facts->backup) == ERR_OK;
	return ERR_OK;
}

/* The health as it is now, not as it was at the last probe: a token that hangs shows at once. Where the node is not open its state says what is the matter, and nothing is waited for:
 * an opening may be under way, behind whose calls a probe would stand. */
static const char *look_at_token(struct engine *engine, struct token_proxy *proxy, struct token_health *health)
{
	struct reason reason = { "" };
	enum engine_state state = engine_state_get(engine);
	token_proxy_health(proxy, health);
	if (state != ENGINE_OPEN && state != ENGINE_DRAINING) return token_state_name(health->state);
	if (health->state != TOKEN_WELL || (health->probed && health->probe_age_ms <= PROBE_FRESH_MS)) return token_state_name(health->state);
	enum coffer_err err = token_proxy_probe_now(proxy, PROBE_WAIT_MS, &reason);
	token_proxy_health(proxy, health);
	if (!err || health->state != TOKEN_WELL) return token_state_name(health->state);
	text_printable(view_str(reason_text(&reason, err)), health->sentence, sizeof health->sentence);
	return token_state_name(TOKEN_NOT_ANSWERING);
}

static void put_token(struct json_out *j, struct engine *engine, struct token_proxy *proxy)
{
	struct token_health h;
	char uri[TOKEN_URI_MAX + 1];
	const char *name = look_at_token(engine, proxy, &h);
	json_begin(j, "token");
	json_str(j, "kind", h.described ? h.info.kind : engine->identity.token_kind);
	json_str(j, "health", name);
	json_str(j, "sentence", h.sentence);
	json_u64(j, "since", h.since_wall_s);
	if (h.described) {
		json_str(j, "manufacturer", h.info.manufacturer);
		json_str(j, "model", h.info.model);
		json_str(j, "serial", h.info.serial);
		json_str(j, "label", h.info.label);
		json_str(j, "firmware", h.info.firmware);
		json_str(j, "master_secret", h.info.master_secret);
		json_str(j, "mechanism", h.info.mechanism);
		json_str(j, "warning", h.info.warning);
	}
	if (h.probed) {
		json_u64(j, "probe_age_s", h.probe_age_ms / 1000);
		json_u64(j, "probe_us", h.probe_duration_ms * 1000);
	}
	json_u64(j, "restarts", h.restarts);
	pthread_mutex_lock(&engine->note_lock); /* a reseal may change it */
	memcpy(uri, engine->identity.token_uri, sizeof uri);
	pthread_mutex_unlock(&engine->note_lock);
	json_str(j, "uri", uri);
	json_end(j);
}

static void put_domain(struct json_out *j, struct engine *engine)
{
	char uuid[UUID_TEXT_LEN + 1], fingerprint[DOMAIN_FINGERPRINT_TEXT];
	const struct domain_id *domain = &engine->identity.domain; /* the same from the start of the node on */
	text_uuid(domain->node_id, uuid);
	json_str(j, "node", uuid);
	text_uuid(domain->id, uuid);
	domain_fingerprint_text(domain, fingerprint);
	json_begin(j, "domain");
	json_str(j, "id", uuid);
	json_str(j, "fingerprint", fingerprint);
	json_end(j);
}

static void put_memory(struct json_out *j)
{
	struct arena_stats stats;
	arena_stats(&stats);
	json_begin(j, "memory");
	json_str(j, "protection", arena_level_name());
	json_u64(j, "size", stats.size);
	json_u64(j, "used", stats.used);
	json_u64(j, "used_max", stats.used_max);
	json_u64(j, "refused", stats.failed);
	json_end(j);
}

/* Memory shared with clients. */
/* Copies of the audit log: how far each is, and what is wrong with it. */
static void put_exports(struct json_out *j, struct engine *engine)
{
	json_begin(j, "audit_exports");
	for (size_t i = 0; i < ENGINE_EXPORTS && engine->exports[i].name; i++) {
		const struct engine_export *x = &engine->exports[i];
		json_begin(j, x->name);
		json_u64(j, "records", x->seq);
		json_u64(j, "lost", x->lost);
		json_str(j, "state", x->trouble ? err_text((enum coffer_err)x->trouble) : "well");
		json_end(j);
	}
	json_end(j);
}

static void put_rings(struct json_out *j, struct engine *engine)
{
	json_begin(j, "rings");
	json_u64(j, "count", engine->rings);
	json_u64(j, "bytes", engine->ring_bytes);
	json_u64(j, "limit", engine->config->ring_memory);
	json_end(j);
}

static void put_aead(struct json_out *j)
{
	const struct aead_chosen *chosen = aead_chosen();
	json_begin(j, "aead");
	json_str(j, "engine", chosen->name);
	json_str(j, "note", chosen->note);
	json_end(j);
}

/* Ordinary memory as the allocator sees it: without code, stacks and what the kernel keeps for descriptors. */
static void put_heap(struct json_out *j, struct engine *engine)
{
	struct mallinfo2 info = mallinfo2();
	json_begin(j, "heap");
	json_u64(j, "used", info.uordblks + info.hblkhd);
	json_u64(j, "held", info.arena + info.hblkhd);
	json_u64(j, "store_cache_limit", engine->config->store_cache);
	json_end(j);
}

/* What is kept open, and what it takes, beside what it may take (docs/operations.md section 11). */
static void put_objects(struct json_out *j, struct engine *engine)
{
	struct object_table_facts facts;
	object_table_facts(engine->objects, &facts);
	json_begin(j, "objects");
	json_u64(j, "open", facts.count);
	json_u64(j, "open_limit", facts.count_max);
	json_u64(j, "secret", facts.secret);
	json_u64(j, "secret_limit", facts.secret_max);
	json_u64(j, "heap", facts.heap);
	json_u64(j, "heap_limit", facts.heap_max);
	json_end(j);
}

static void put_connections(struct json_out *j, struct engine *engine)
{
	json_u64(j, "connections", engine->connections);
	json_u64(j, "connections_limit", engine->config->max_connections);
	json_u64(j, "connections_idle_bytes", engine->connections * engine->connection_bytes);
}

/* What the last pass found; and for ever after, that an operator once took the store as it was. */
static void put_integrity(struct json_out *j, struct engine *engine, const struct rooted_facts *root)
{
	char sentence[STORE_CHECK_SENTENCE + 32];
	if (!engine->check || !root->rooted) return;
	store_check_sentence(engine->check, sentence, sizeof sentence);
	json_begin(j, "integrity");
	json_str(j, "health", store_check_is_well(engine->check) ? "well" : "fault");
	json_str(j, "sentence", sentence);
	json_u64(j, "version", root->version);
	json_u64(j, "accepted", root->accepted);
	json_u64(j, "accepted_at", root->accepted_ms / 1000);
	json_u64(j, "accepted_version", root->accepted_from);
	store_check_json(engine->check, j);
	json_end(j);
}

/* And by what the node was opened: a person must see that it was not by its token. */
static void put_recovery(struct json_out *j, struct engine *engine)
{
	char text[sizeof engine->recovery], opening[256] = "";
	pthread_mutex_lock(&engine->note_lock);
	memcpy(text, engine->recovery, sizeof text);
	uint64_t drilled = engine->recovery_drilled_s;
	pthread_mutex_unlock(&engine->note_lock);
	json_str(j, "recovery", text);
	json_u64(j, "recovery_drilled_at", drilled);
	if (engine->attend) attend_opening(engine->attend, opening, sizeof opening);
	json_str(j, "opened_by", opening[0] ? opening : "token");
}

static void put_database(struct json_out *j, struct store *database)
{
	struct remote_facts facts;
	char version[32];
	store_remote_facts(database, &facts);
	snprintf(version, sizeof version, "%u.%u", facts.version / 10000, facts.version % 10000);
	json_begin(j, "database");
	json_str(j, "server", facts.server);
	json_str(j, "version", facts.version ? version : "");
	json_str(j, "schema", facts.schema);
	json_u64(j, "latency_us", facts.latency_us);
	json_u64(j, "opened", facts.opened);
	json_u64(j, "lost_at", facts.lost_wall_s);
	json_end(j);
}

/* What this node keeps of the database. */
static void put_cache(struct json_out *j, const struct engine_cache *c)
{
	if (!c->on) return;
	json_begin(j, "cache");
	json_str(j, "state", signs_cache_name(signs_cache(c)));
	json_str(j, "serving", c->offline ? "yes" : "no");
	json_u64(j, "rows", c->rows);
	json_u64(j, "bytes", c->bytes);
	json_u64(j, "limit", c->limit);
	json_u64(j, "pins", c->pins);
	json_u64(j, "pinned", c->pinned);
	json_u64(j, "pins_unfound", c->pins_unfound);
	json_u64(j, "pins_unkept", c->pins_unkept);
	json_u64(j, "as_of", c->as_of_s);
	json_u64(j, "to_compare", c->to_compare);
	json_u64(j, "held_audit_records", c->held);
	json_end(j);
}

/* Who is master server, as far as this node knows. */
static void put_lead(struct json_out *j, struct engine *engine)
{
	struct seat *s = engine->seat;
	uint64_t lag_ms;
	char master[UUID_TEXT_LEN + 1] = "";
	const struct config *c = engine->config;
	if (!s) return;
	bool is_master = seat_is_master(engine);
	pthread_mutex_lock(&s->lock);
	if (s->known) text_uuid(s->master, master);
	pthread_mutex_unlock(&s->lock);
	json_begin(j, "lead");
	json_str(j, "name", s->name);
	json_str(j, "role", is_master ? "master" : c->node_role == CONFIG_NODE_STANDBY ? "standby" : "member");
	json_str(j, "master", is_master || !s->gone ? master : "");
	if (s->epoch) json_u64(j, "epoch", s->epoch); /* 0: no lease was read yet, as after a start without the database */
	if (s->level) json_u64(j, "format_level", s->level);
	json_u64(j, "format_level_known", level_known());
	json_str(j, "sealing", seat_ask_sealing(engine, NULL) == ERR_OK ? "yes" : "no");
	json_str(j, "cloned", s->twin ? "yes" : "no");
	if (signs_lag(engine, &lag_ms)) json_u64(j, "lag_ms", lag_ms);
	json_u64(j, "lease_time_ms", c->lease_time_ms);
	json_end(j);
}

/* Of a store that is, or was, moved. */
static void put_move(struct json_out *j, struct engine *engine)
{
	enum move_phase phase = (enum move_phase)engine->move_phase;
	if (phase == MOVE_NONE) return;
	json_begin(j, "move");
	json_str(j, "to", engine->move_to_database ? "postgres" : "sqlite");
	json_str(j, "phase", move_phase_name(phase));
	json_str(j, "active", engine->moving ? "yes" : "no");
	json_u64(j, "rows", engine->move_rows);
	json_end(j);
}

/* *out_version: of the root, where it is known. */
static void put_store(struct json_out *j, struct engine *engine, uint64_t *out_version)
{
	struct store_facts facts = { 0 };
	char note[REASON_MAX];
	bool hangs = engine->store_hangs;
	json_str(j, "store_health", hangs ? "hangs" : store_health_name(engine_store_health(engine)));
	pthread_mutex_lock(&engine->note_lock);
	memcpy(note, engine->store_note, sizeof note);
	pthread_mutex_unlock(&engine->note_lock);
	json_str(j, "store_note", hangs ? engine_store_hangs_note : note);
	if (engine->database) put_database(j, engine->database);
	put_cache(j, &engine->cache);
	put_move(j, engine);
	if (hangs || engine->store_away) return; /* its thread would not answer */
	bool open = engine_state_get(engine) == ENGINE_OPEN;
	if (!open && !engine->integrity_fault) return;
	if (engine->on_store(engine, read_facts, &facts, NULL) != ERR_OK) return;
	put_integrity(j, engine, &facts.root);
	*out_version = facts.root.version;
	if (!open) return;
	rotation_json(engine, j);
	key_rotation_json(engine, j);
	json_u64(j, "generation", facts.generation);
	put_recovery(j, engine);
	json_str(j, "store", engine->config->store);
	json_u64(j, "audit_records", facts.audit_records);
	json_u64(j, "audit_taken_out", facts.audit_gone);
	if (facts.has_backup) backup_status_json(&facts.backup, engine->config->backup_max_age_ms, engine->config->store_shared, j);
	json_u64(j, "objects_in_memory", object_table_count(engine->objects));
}

#define CLOCK_SLACK_S 60u /* what clocks are set back by in ordinary life */

static void put_state(struct json_out *j, struct engine *engine)
{
	json_str(j, "state", engine_state_name(engine_state_get(engine)));
	json_str(j, "version", COFFER_VERSION);
}

static void put_note(struct json_out *j, struct engine *engine)
{
	char note[REASON_MAX];
	pthread_mutex_lock(&engine->note_lock);
	memcpy(note, engine->note, sizeof note);
	pthread_mutex_unlock(&engine->note_lock);
	json_str(j, "note", note);
}

void status_json_brief(struct engine *engine, struct writer *w)
{
	struct json_out j = { w, false };
	json_begin(&j, NULL);
	put_state(&j, engine);
	json_end(&j);
}

void status_json_full(struct engine *engine, struct writer *w)
{
	struct json_out j = { w, false };
	struct token_proxy *proxy = token_of(engine);
	uint64_t now = clock_wall_s();
	json_begin(&j, NULL);
	put_state(&j, engine);
	put_note(&j, engine);
	json_u64(&j, "uptime_s", now > engine->started_wall_s ? now - engine->started_wall_s : 0);
	if (clock_behind_s() > CLOCK_SLACK_S) json_u64(&j, "clock_behind_s", clock_behind_s());
	if (proxy) {
		put_domain(&j, engine);
		put_token(&j, engine, proxy);
		put_lead(&j, engine);
	}
	alerts_json(engine->alerts, &j);
	put_memory(&j);
	put_rings(&j, engine);
	put_exports(&j, engine);
	audit_signer_json(engine, &j);
	put_aead(&j);
	put_heap(&j, engine);
	put_objects(&j, engine);
	uint64_t version = 0;
	put_store(&j, engine, &version);
	signs_json(engine, &j); /* as that has read them, when it could */
	anchor_json(engine, version, &j);
	put_connections(&j, engine);
	json_u64(&j, "requests", engine_requests(engine));
	json_u64(&j, "refused", engine->refused);
	json_u64(&j, "bulk_bytes", engine_bulk_bytes(engine));
	json_end(&j);
}
