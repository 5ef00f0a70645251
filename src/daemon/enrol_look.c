/* Requests with an enrolment token or an endorsement certificate. */
#include "daemon/enrol_look.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store_care.h"
#include "daemon/store_thread.h"
#include "ops/admit_answer.h"
#include "ops/alert.h"
#include "ops/seat.h"

#define EVERY_MS 500u
#define REFUSED_MS 1000u /* so often at most: whoever writes the database fills no audit log */
#define FAILED_MS 5000u

static bool is_wanted(struct daemon *d, uint64_t now_ms)
{
	struct engine *e = &d->engine;
	if (now_ms < d->news.enrol_after_ms || d->care.away) return false;
	return e->seat && e->seat->taken && engine_state_get(e) == ENGINE_OPEN && seat_is_master(e);
}

static uint64_t tell(struct daemon *d, const struct admit_one *one)
{
	if (one->refused) log_warn("a request to join was refused: %s", one->said);
	if (!one->done) return one->refused ? REFUSED_MS : EVERY_MS; /* or challenged */
	log_info("%s", one->said);
	if (d->engine.alerts) (void)alert_happened(d->engine.alerts, ALERT_NODE_JOINED, one->said);
	return 0;
}

/* Milliseconds until the next look. */
static uint64_t answer(struct daemon *d, struct admit_one *one)
{
	struct reason reason = { "" };
	enum coffer_err err = store_thread_within(&d->engine, admit_one, one, &reason);
	if (!err) return tell(d, one);
	log_warn("a request to join by an enrolment token or an endorsement certificate is not answered yet: %s", reason_text(&reason, err));
	store_care_lost(d, err);
	return FAILED_MS;
}

void enrol_look(struct daemon *d)
{
	bool waits = false;
	struct admit_one one = { .done = false };
	uint64_t now_ms = clock_mono_ms();
	if (!is_wanted(d, now_ms)) return;
	d->news.enrol_after_ms = now_ms + EVERY_MS;
	enum coffer_err err = admit_waits(d->engine.store, d->news.enrol_last, &waits);
	if (err) store_care_lost(d, err);
	memcpy(one.node_id, d->news.enrol_last, UUID_LEN);
	if (!err && waits) d->news.enrol_after_ms = now_ms + answer(d, &one);
}
