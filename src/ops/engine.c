/* The engine's shared state: small accessors. */
#include "ops/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum engine_state engine_state_get(struct engine *engine)
{
	return (enum engine_state)atomic_load(&engine->state);
}

const char *engine_state_name(enum engine_state state)
{
	static const char *const names[] = { "starting", "uninitialised", "sealed", "open", "draining", "fault" };
	return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "?";
}

struct grants *engine_grants(struct engine *engine)
{
	pthread_rwlock_rdlock(&engine->grants_lock);
	struct grants *g = grants_ref(engine->grants);
	pthread_rwlock_unlock(&engine->grants_lock);
	return g;
}

void engine_set_grants(struct engine *engine, struct grants *grants)
{
	pthread_rwlock_wrlock(&engine->grants_lock);
	struct grants *old = engine->grants;
	engine->grants = grants;
	engine->grants_version++;
	pthread_rwlock_unlock(&engine->grants_lock);
	grants_unref(old);
}

enum store_health engine_store_health(struct engine *engine)
{
	return (enum store_health)atomic_load(&engine->store_health);
}

const char engine_removed_note[] = "this node was removed from the domain; to join as a new one clear its state directory and run 'coffer node join'";
const char engine_store_hangs_note[] = "the store does not answer: what is in memory is served, and nothing is changed until it does; look at the kernel's log and "
	"at the disk, or at the database";

const char engine_not_cached_note[] = "the database does not answer, and this node's cache does not have what the request names (it keeps what was used here); see whether the database is up and "
	"reachable, then try again";

bool engine_is_cached(const struct engine *engine, const struct txn *txn)
{
	return txn_is_reading(txn) && txn != engine->txn;
}

const char *store_health_name(enum store_health health)
{
	static const char *const names[] = { "well", "full", "read-only", "failed" };
	return (unsigned)health < sizeof names / sizeof names[0] ? names[health] : "?";
}

void engine_set_store_health(struct engine *engine, enum store_health health, const char *note)
{
	pthread_mutex_lock(&engine->note_lock);
	snprintf(engine->store_note, sizeof engine->store_note, "%s", note);
	atomic_store(&engine->store_health, health);
	pthread_mutex_unlock(&engine->note_lock);
}

enum coffer_err engine_store_refuses(struct engine *engine, enum coffer_err err, struct reason *reason)
{
	char note[REASON_MAX];
	pthread_mutex_lock(&engine->note_lock);
	memcpy(note, engine->store_note, sizeof note);
	pthread_mutex_unlock(&engine->note_lock);
	return reason_fail(reason, err, "%s", note[0] ? note : err_text(err));
}

enum coffer_err engine_offline_refuses(struct engine *engine, struct reason *reason)
{
	if (engine->store_away) return engine_store_refuses(engine, ERR_IO, reason);
	if (engine->integrity_fault || engine->anchor_fault)
		return reason_fail(reason, ERR_IO, "the database is back, and its store is not the one that this node knows: the node goes on from its cache and changes nothing; 'coffer status' says what is wrong, and "
			"what to do");
	return reason_fail(reason, ERR_IO, "the database is back, and this node, which was opened from its cache, is about to open from there: nothing is changed until then; try again in a moment, or "
		"see 'coffer status'");
}

void engine_note(struct engine *engine, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	pthread_mutex_lock(&engine->note_lock);
	vsnprintf(engine->note, sizeof engine->note, fmt, args);
	pthread_mutex_unlock(&engine->note_lock);
	va_end(args);
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
	atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

void engine_count_request(struct engine *engine, unsigned which)
{
	add(&engine->counts[which % ENGINE_COUNTS].requests, 1);
}

void engine_count_bytes(struct engine *engine, unsigned which, uint64_t bytes)
{
	add(&engine->counts[which % ENGINE_COUNTS].bulk_bytes, bytes);
}

uint64_t engine_requests(const struct engine *engine)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < ENGINE_COUNTS; i++) sum += atomic_load_explicit(&engine->counts[i].requests, memory_order_relaxed);
	return sum;
}

uint64_t engine_bulk_bytes(const struct engine *engine)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < ENGINE_COUNTS; i++) sum += atomic_load_explicit(&engine->counts[i].bulk_bytes, memory_order_relaxed);
	return sum;
}
