/* One look at everything that stands in the engine. */
#include "daemon/alert_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "ops/alert.h"
#include "ops/anchor.h"
#include "ops/seat.h"
#include "ops/signs.h"
#include "ops/store_check.h"
#include "ops/token_of.h"

#define CLOCK_SLACK_S 60u      /* what clocks are set back by in ordinary life */
#define GAPS_PAUSE_MS 600000u  /* between two events about gaps */

static void say(struct daemon *d, enum alert_name name, bool known, bool bad, const char *sentence)
{
	alert_set(d->engine.alerts, name, !known ? ALERT_UNKNOWN : bad ? ALERT_BAD : ALERT_WELL, sentence);
}

static void copy_note(struct engine *e, const char *note, char out[static REASON_MAX])
{
	pthread_mutex_lock(&e->note_lock);
	memcpy(out, note, REASON_MAX);
	pthread_mutex_unlock(&e->note_lock);
}

static void look_at_token(struct daemon *d)
{
	struct token_health h;
	char sentence[REASON_MAX + 64];
	struct token_proxy *proxy = token_of(&d->engine);
	if (!proxy) return;
	token_proxy_health(proxy, &h);
	bool known = h.state != TOKEN_STARTING && h.state != TOKEN_OPEN && h.state != TOKEN_WAITING;
	snprintf(sentence, sizeof sentence, "the token is %s%s%s", token_state_name(h.state), h.sentence[0] ? ": " : "", h.sentence);
	say(d, ALERT_TOKEN, known, h.state != TOKEN_WELL, sentence);
}

/* A node at fault for its store or its counter is told as that. */
static void look_at_state(struct daemon *d, enum engine_state state)
{
	struct engine *e = &d->engine;
	char note[REASON_MAX], found[STORE_CHECK_SENTENCE + 32];
	bool open = state == ENGINE_OPEN, fault = state == ENGINE_FAULT;
	copy_note(e, e->note, note);
	say(d, ALERT_CLOSED, !e->integrity_fault && !e->anchor_fault, !open, note);
	store_check_sentence(e->check, found, sizeof found);
	say(d, ALERT_INTEGRITY, open || e->integrity_fault, e->integrity_fault || !store_check_is_well(e->check), e->integrity_fault ? note : found);
	say(d, ALERT_ROLLBACK, open || e->anchor_fault, fault && e->anchor_fault, note);
}

static void look_at_store(struct daemon *d)
{
	struct engine *e = &d->engine;
	char note[REASON_MAX];
	enum store_health health = engine_store_health(e);
	copy_note(e, e->store_note, note);
	say(d, ALERT_STORE_FULL, true, health == STORE_FULL, note);
	say(d, ALERT_STORE_FAILED, true, health == STORE_READ_ONLY || health == STORE_FAILED, note);
	say(d, ALERT_AUDIT_UNWRITTEN, true, e->store_hangs, engine_store_hangs_note);
}

static void look_at_exports(struct daemon *d, struct alert_gaps *gaps)
{
	struct engine *e = &d->engine;
	char sentence[ALERT_SENTENCE] = "";
	uint64_t now = clock_mono_ms(), lost = 0;
	for (size_t i = 0; i < ENGINE_EXPORTS && e->exports[i].name; i++) {
		enum coffer_err trouble = (enum coffer_err)e->exports[i].trouble;
		lost += e->exports[i].lost;
		if (trouble && !sentence[0]) snprintf(sentence, sizeof sentence, "the copy of the audit log in the %s takes no records: %s", e->exports[i].name, err_text(trouble));
	}
	say(d, ALERT_AUDIT_EXPORT, true, sentence[0] != '\0', sentence);
	if (lost <= gaps->seen || (gaps->told && now - gaps->told_ms < GAPS_PAUSE_MS)) return;
	snprintf(sentence, sizeof sentence, "copies of the audit log lack %" PRIu64 " records more for good: their receivers were away for too long; 'coffer audit export' has what the store still holds", lost - gaps->seen);
	alert_happened(e->alerts, ALERT_AUDIT_GAP, sentence);
	*gaps = (struct alert_gaps){ .seen = lost, .told = true, .told_ms = now };
}

static void look_at_rest(struct daemon *d, bool open)
{
	struct anchor_facts anchor;
	char sentence[REASON_MAX + 64];
	uint64_t behind = clock_behind_s();
	anchor_facts(d->engine.anchor, &anchor);
	bool broken = anchor.level == ANCHOR_BROKEN || anchor.late;
	snprintf(sentence, sizeof sentence, "the counter in the token cannot be raised: %s", anchor.sentence);
	say(d, ALERT_UNANCHORED, open && (broken || anchor.level == ANCHOR_TOKEN || anchor.level == ANCHOR_NONE), broken, sentence);
	bool off = behind <= CLOCK_SLACK_S && signs_clock_is_off(&d->engine, sentence, sizeof sentence);
	if (!off) snprintf(sentence, sizeof sentence, "the clock is %" PRIu64 " s behind the audit log: set it; until then dates of keys are judged by the audit log's time", behind);
	say(d, ALERT_CLOCK, open, off || behind > CLOCK_SLACK_S, sentence);
	say(d, ALERT_MEMORY, true, arena_level() == ARENA_REDUCED, "memory protection is reduced: this kernel has no memfd_secret, so root can read the process's memory");
}

static void look_at_seat(struct daemon *d, bool open)
{
	struct engine *e = &d->engine;
	char sentence[ALERT_SENTENCE];
	if (!e->seat) return;
	bool own = e->seat->twin || e->twin_fault, other = !own && signs_cloned(e, sentence, sizeof sentence);
	say(d, ALERT_MASTER_LOST, open, e->seat->gone, "no master server is seen: new data is not sealed once encrypt_grace is over; see whether a standby runs, or run 'coffer promote' on a node");
	if (!other) snprintf(sentence, sizeof sentence, "two machines run with the identity of this node, so neither changes anything: remove one, then run 'coffer node accept NODE'");
	say(d, ALERT_NODE_CLONED, open || e->twin_fault, own || other, sentence);
}

/* In the words of who tried it: it may not answer, or answer and be refused, as an older one, another one or a former primary server is. A node that was opened from its cache says that itself. */
static void look_at_database(struct daemon *d)
{
	struct engine *e = &d->engine;
	char note[REASON_MAX];
	bool away = e->store_away, offline = e->cache.offline;
	if (!e->seat) return;
	copy_note(e, away ? e->store_note : e->note, note);
	say(d, ALERT_DATABASE_LOST, true, away || offline, note);
}

void alert_look(struct daemon *d, struct alert_gaps *gaps)
{
	enum engine_state state = engine_state_get(&d->engine);
	if (state == ENGINE_STARTING || state == ENGINE_UNINITIALISED || state == ENGINE_DRAINING) return;
	look_at_token(d);
	look_at_state(d, state);
	look_at_store(d);
	look_at_exports(d, gaps);
	look_at_rest(d, state == ENGINE_OPEN);
	look_at_seat(d, state == ENGINE_OPEN);
	look_at_database(d);
}
