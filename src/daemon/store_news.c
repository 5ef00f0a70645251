/* When the others' changes are read. */
#include "daemon/store_news.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/admin_pool.h"
#include "daemon/enrol_look.h"
#include "daemon/level_watch.h"
#include "daemon/removal.h"
#include "daemon/store_cache.h"
#include "daemon/store_care.h"
#include "daemon/store_held.h"
#include "daemon/store_thread.h"
#include "keyring/rooted_store.h"
#include "ops/generation_take.h"
#include "ops/seat.h"
#include "ops/shared_news.h"
#include "ops/signs.h"

#define AGAIN_MS 1000u /* after a reading that failed */
#define TAKE_AGAIN_MS 2000u /* after a token that did not open what waits */

static bool can_hear(struct daemon *d)
{
	struct engine *e = &d->engine;
	enum engine_state state = engine_state_get(e);
	return (state == ENGINE_OPEN || state == ENGINE_DRAINING) && !d->care.away && !e->cache.offline && rooted_store_is_shared(e->store);
}

void store_news_want(struct daemon *d)
{
	d->news.due = true;
}

static bool is_time(const struct store_news *n, uint64_t now_ms, uint64_t interval_ms)
{
	if (n->failed) return now_ms - n->tried_ms >= AGAIN_MS;
	return n->due || now_ms - n->heard_ms >= interval_ms;
}

/* Once for each trouble. */
static void note(struct store_news *n, const struct reason *reason, enum coffer_err err)
{
	if (err && !n->failed) log_error("what the other nodes changed cannot be read: %s", reason_text(reason, err));
	if (!err && n->failed) log_info("what the other nodes changed is read again");
	n->failed = err != ERR_OK;
}

/* Who does not hear goes on with what others revoked. What is damaged is not waited for; all else, also a root under a data key that is to come, which anybody can write, for as long as a change may
 * take to be heard. */
static void judge(struct daemon *d, enum coffer_err err, struct reason *reason)
{
	struct store_news *n = &d->news;
	if (!n->deaf_ms) n->deaf_ms = n->tried_ms;
	if (err != ERR_CORRUPT && n->tried_ms - n->deaf_ms < d->engine.config->refresh_interval_ms) return;
	(void)reason_default(reason, err, "what the other nodes changed cannot be read: %s", err_text(err));
	store_care_deaf(d, reason);
}

/* ---- a later generation of the data key ---- */

/* Admin lane: the token is asked. */
static void take_generation(void *arg)
{
	struct daemon *d = arg;
	struct engine *e = &d->engine;
	struct reason reason = { "" };
	pthread_mutex_lock(&e->admin_lock);
	enum coffer_err err = engine_state_get(e) == ENGINE_OPEN ? generation_take(e, &reason) : ERR_OK;
	pthread_mutex_unlock(&e->admin_lock);
	if (err && !d->news.take_failed) log_error("the new data key is not taken over: %s", reason_text(&reason, err));
	d->news.take_failed = err != ERR_OK;
	d->news.take_after_ms = err ? clock_mono_ms() + TAKE_AGAIN_MS : 0;
	d->news.taking = false;
}

/* True: one waits for this node, and somebody is at it. */
static bool begin_taking(struct daemon *d)
{
	bool waits = false;
	if (d->news.taking) return true;
	if (generation_waits(&d->engine, &waits) != ERR_OK || !waits) return false;
	if (clock_mono_ms() < d->news.take_after_ms) return true;
	d->news.taking = true;
	if (!admin_pool_call(d, take_generation, d)) d->news.taking = false;
	return true;
}

static bool is_lost(enum coffer_err err)
{
	return err == ERR_CLOSED || err == ERR_TIMEOUT;
}

enum coffer_err store_news_hear(struct daemon *d)
{
	struct store_news *n = &d->news;
	struct shared_news news = { .rows = 0 };
	struct reason reason = { "" };
	bool told = false;
	if (!can_hear(d)) return ERR_OK;
	enum coffer_err err = store_take_news(d->engine.store, &told);
	uint64_t now = clock_mono_ms();
	n->due = n->due || told;
	if (err) return is_lost(err) ? err : ERR_OK;
	if (!is_time(n, now, d->engine.config->refresh_interval_ms) && !removal_is_near(d)) return ERR_OK;
	if (removal_heed(d)) return ERR_OK;
	n->tried_ms = now;
	err = shared_news_read(&d->engine, &news, &reason);
	if (!err) n->due = false;
	if (!err) n->heard_ms = now;
	if (!err && d->engine.seat) d->engine.seat->heard_ms = now;
	if (!err) n->deaf_ms = 0;
	if (!err) store_cache_heard(d);
	if (!err) level_watch_heard(d, &news);
	if (!err && store_care_heard(d) != ERR_OK) return ERR_OK; /* it is away again */
	if (err == ERR_BUSY) return ERR_OK; /* before the next one */
	bool taking = !is_lost(err) && begin_taking(d);
	if (err && !is_lost(err)) judge(d, err, &reason);
	if (taking && err == ERR_STATE) return ERR_OK; /* likewise, when it is here */
	note(n, &reason, err);
	if (!err && news.everything) log_info("what the other nodes changed is more than is told one by one: everything is read anew");
	return is_lost(err) ? err : ERR_OK;
}

/* For those who look from another node; what goes wrong with it is tried again, and the store's own care hears of a lost connection with the next call. */
static void give_sign(struct daemon *d)
{
	struct engine *e = &d->engine;
	struct node_sign sign;
	struct reason reason = { "" };
	if (!can_hear(d) || !signs_due(e, &sign)) return;
	enum coffer_err err = store_thread_within(e, signs_write, &sign, &reason);
	if (!err) err = store_thread_within(e, signs_read, NULL, &reason);
	if (err) log_debug("the sign of life of this node cannot be written: %s", reason_text(&reason, err));
}

static void hear_now(void *arg)
{
	struct daemon *d = arg;
	d->news.queued = false;
	enum coffer_err err = store_news_hear(d);
	if (err && !store_care_mend(d, err)) store_care_lost(d, err);
	if (!err) give_sign(d);
	level_watch_raise(d);
	enrol_look(d);
	store_cache_care(d);
	store_held_care(d);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	(void)fd;
	(void)what;
	if (engine_state_get(&d->engine) != ENGINE_OPEN || atomic_exchange(&d->news.queued, true)) return;
	d->news.job = (struct job){ .kind = JOB_CALL, .call = hear_now, .arg = d };
	if (!store_thread_put(d, &d->news.job)) d->news.queued = false;
}

enum coffer_err store_news_start(struct daemon *d)
{
	struct timeval tick = { 0, STORE_NEWS_TICK_MS * 1000 };
	if (!rooted_store_is_shared(d->engine.store)) return ERR_OK;
	d->news.timer = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	return d->news.timer && event_add(d->news.timer, &tick) == 0 ? ERR_OK : ERR_MEMORY;
}

void store_news_stop(struct daemon *d)
{
	if (d->news.timer) event_free(d->news.timer);
	d->news.timer = NULL;
}
