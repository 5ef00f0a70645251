/* Tries that failed: pauses between them, and what the audit log is told when it can be written. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "kmip/enums.h"
#include "ops/attend_internal.h"

bool attend_wanted(struct engine *engine)
{
	enum engine_state state = engine_state_get(engine);
	return state == ENGINE_SEALED || (state == ENGINE_FAULT && engine->slot_fault);
}

/* Words of unseal_users: names or numbers. One that is not known is nobody. */
static bool is_named(const char *users, const struct principal *principal)
{
	for (const char *at = users ? users : ""; *at;) {
		size_t blanks = strspn(at, " "), len = strcspn(at + blanks, " ");
		char text[128];
		struct principal named;
		at += blanks;
		int n = snprintf(text, sizeof text, "unix:%.*s", (int)len, at);
		at += len;
		if (len == 0 || n < 0 || (size_t)n >= sizeof text) continue;
		if (principal_parse(view_str(text), &named, NULL) == ERR_OK && named.is_unix && named.uid == principal->uid) return true;
	}
	return false;
}

enum coffer_err attend_may(const struct config *config, const struct principal *principal, struct reason *reason)
{
	if (principal_is_own(principal) || (principal->is_unix && is_named(config->unseal_users, principal))) return ERR_OK;
	return reason_fail(reason, ERR_DENIED, "%.64s may not unseal this node: a sealed node cannot read its grants, so only root, the daemon's own user and those "
		"of unseal_users in its configuration may", principal->text);
}

enum coffer_err attend_passphrase_begin(struct attend *a, struct reason *reason)
{
	pthread_mutex_lock(&a->lock);
	uint64_t now = clock_mono_ms(), wait_ms = a->passphrase_next_ms > now ? a->passphrase_next_ms - now : 0;
	bool busy = a->passphrase_busy;
	if (!busy && !wait_ms) a->passphrase_busy = true;
	pthread_mutex_unlock(&a->lock);
	if (busy) return reason_fail(reason, ERR_BUSY, "a passphrase is being tried just now; try again in a moment");
	if (wait_ms)
		return reason_fail(reason, ERR_BUSY, "the last passphrase was wrong; this one was not looked at, give it again in %" PRIu64 " s", wait_ms / 1000 + 1);
	return ERR_OK;
}

void attend_passphrase_end(struct attend *a, enum coffer_err err)
{
	pthread_mutex_lock(&a->lock);
	a->passphrase_busy = false;
	if (err == ERR_OK) a->passphrases_wrong = 0;
	else if (err == ERR_AUTH) a->passphrases_wrong++;
	uint64_t pause_s = a->passphrases_wrong > 6 ? ATTEND_PAUSE_MAX_S : (UINT64_C(1) << a->passphrases_wrong) >> 1;
	if (pause_s > ATTEND_PAUSE_MAX_S) pause_s = ATTEND_PAUSE_MAX_S;
	a->passphrase_next_ms = clock_mono_ms() + pause_s * 1000;
	pthread_mutex_unlock(&a->lock);
}

enum coffer_err attend_pin_begin(struct attend *a, struct reason *reason)
{
	pthread_mutex_lock(&a->lock);
	bool busy = a->pin_busy, used_up = a->pins_refused >= ATTEND_PINS_MAX;
	if (!busy && !used_up) a->pin_busy = true;
	pthread_mutex_unlock(&a->lock);
	if (busy) return reason_fail(reason, ERR_BUSY, "a PIN is being tried just now; try again in a moment");
	if (used_up)
		return reason_fail(reason, ERR_TOKEN_LOCKED, "the token refused %u PINs in a row, and another one could lock it: this one was not sent; make sure of "
			"the PIN with the token's own tool, then restart cofferd, or unseal with recovery shares", ATTEND_PINS_MAX);
	return ERR_OK;
}

void attend_pin_end(struct attend *a, enum coffer_err err)
{
	pthread_mutex_lock(&a->lock);
	a->pin_busy = false;
	if (err == ERR_OK) a->pins_refused = 0;
	else if (err == ERR_AUTH || err == ERR_TOKEN_LOCKED) a->pins_refused++;
	pthread_mutex_unlock(&a->lock);
}

enum coffer_err attend_token_begin(struct attend *a, struct reason *reason)
{
	pthread_mutex_lock(&a->lock);
	bool busy = a->token_busy;
	a->token_busy = true;
	pthread_mutex_unlock(&a->lock);
	return busy ? reason_fail(reason, ERR_BUSY, "the token is opening this node just now; 'coffer status' says how it went") : ERR_OK;
}

void attend_token_end(struct attend *a)
{
	pthread_mutex_lock(&a->lock);
	a->token_busy = false;
	pthread_mutex_unlock(&a->lock);
}

/* Under the lock. */
static struct attend_try *try_of(struct attend *a, const char *principal, uint32_t operation)
{
	for (unsigned i = 0; i < a->try_count; i++)
		if (a->tries[i].operation == operation && strcmp(a->tries[i].principal, principal) == 0) return &a->tries[i];
	struct attend_try *t = &a->tries[a->try_count];
	if (a->try_count == ATTEND_TRIES_MAX) {
		snprintf(t->principal, sizeof t->principal, "others");
		return t;
	}
	a->try_count++;
	*t = (struct attend_try){ .operation = operation };
	snprintf(t->principal, sizeof t->principal, "%s", principal);
	return t;
}

void attend_note(struct attend *a, const struct principal *principal, uint32_t operation, enum coffer_err err, const char *why)
{
	uint64_t now_s = clock_wall_s(), now_ms = clock_mono_ms();
	pthread_mutex_lock(&a->lock);
	struct attend_try *t = try_of(a, principal->text, operation);
	if (err == ERR_DENIED) t->refused++;
	else t->failed++;
	if (t->first_s == 0) t->first_s = now_s;
	t->last_s = now_s;
	snprintf(t->why, sizeof t->why, "%s", why);
	bool say = a->logged_ms == 0 || now_ms - a->logged_ms >= 1000;
	if (say) a->logged_ms = now_ms;
	pthread_mutex_unlock(&a->lock);
	if (say) log_warn("sealed: %s of %s: %s", err == ERR_DENIED ? "a try" : "a failed try", principal->text, why);
}

static void format_time(uint64_t s, char out[static 32])
{
	time_t t = (time_t)s;
	struct tm tm;
	out[0] = '\0';
	if (gmtime_r(&t, &tm)) (void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static enum coffer_err tell(const struct attend_try *t, struct audit_chain *audit, struct txn *txn)
{
	char details[512], from[32], to[32];
	format_time(t->first_s, from);
	format_time(t->last_s, to);
	snprintf(details, sizeof details, "while the node was sealed: %" PRIu64 " failed, %" PRIu64 " refused; from %s to %s; the last: %s", t->failed, t->refused,
		from, to, t->why);
	struct audit_event event = { .principal = view_str(t->principal), .operation = t->operation, .status = RESULT_STATUS_OPERATION_FAILED,
		.result_reason = t->failed ? RESULT_REASON_AUTHENTICATION_NOT_SUCCESSFUL : RESULT_REASON_PERMISSION_DENIED, .details = view_str(details) };
	return audit_append(audit, txn, &event);
}

static void told(void *arg)
{
	struct attend *a = arg;
	pthread_mutex_lock(&a->lock);
	memset(a->tries, 0, sizeof a->tries);
	a->try_count = 0;
	pthread_mutex_unlock(&a->lock);
}

enum coffer_err attend_tell(struct attend *a, struct audit_chain *audit, struct txn *txn)
{
	unsigned count = a->try_count; /* changed on this thread alone */
	if (count == ATTEND_TRIES_MAX && a->tries[count].last_s) count++;
	for (unsigned i = 0; i < count; i++) TRY(tell(&a->tries[i], audit, txn));
	return count ? txn_on_commit(txn, told, NULL, a) : ERR_OK;
}

void attend_set_opening(struct attend *a, const char *text)
{
	pthread_mutex_lock(&a->lock);
	snprintf(a->opening, sizeof a->opening, "%s", text);
	pthread_mutex_unlock(&a->lock);
}

void attend_opening(struct attend *a, char *out, size_t cap)
{
	pthread_mutex_lock(&a->lock);
	snprintf(out, cap, "%s", a->opening);
	pthread_mutex_unlock(&a->lock);
}
