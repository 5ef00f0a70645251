/* One event, one run, one verdict. */
#include "daemon/alert_tell.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/log.h"
#include "daemon/link.h"
#include "monitor/notify.h"

#define SEND_MS 1000u
#define PAUSE_MAX_MS 600000u
#define DOUBLINGS 6u

_Static_assert(ALERT_LINE_MAX == NOTIFY_EVENT_MAX, "a line is an event");

uint64_t alert_tell_pause_ms(uint64_t first_ms, unsigned failures)
{
	uint64_t pause = first_ms << (failures > DOUBLINGS ? DOUBLINGS : failures ? failures - 1 : 0);
	return pause < PAUSE_MAX_MS || pause <= first_ms ? pause : PAUSE_MAX_MS;
}

void alert_tell_init(struct alert_tell *t)
{
	*t = (struct alert_tell){ .fd = -1 };
}

static void let_go(struct alert_tell *t)
{
	if (t->fd >= 0) close(t->fd);
	t->fd = -1;
}

static void failed(struct alert_tell *t, struct daemon *d, const char *why)
{
	char sentence[ALERT_SENTENCE];
	snprintf(sentence, sizeof sentence, "%s", why);
	t->waiting = false;
	t->failures++;
	t->due_ms = clock_mono_ms() + alert_tell_pause_ms(d->engine.config->notify_retry_ms, t->failures);
	alerts_not_told(d->engine.alerts);
	alerts_note(d->engine.alerts, true, sentence);
	if (strcmp(sentence, t->said) != 0) log_warn("notify_command was not told event %" PRIu64 ": %s; it is tried again", t->number, sentence);
	snprintf(t->said, sizeof t->said, "%s", sentence);
}

static void told(struct alert_tell *t, struct daemon *d)
{
	t->waiting = false;
	if (t->failures) log_info("notify_command is told again, after %u failures", t->failures);
	t->failures = 0;
	t->due_ms = 0;
	t->said[0] = '\0';
	alerts_told(d->engine.alerts, t->dropped);
	alerts_note(d->engine.alerts, true, "");
}

/* The helper is not what it should be: another one next time. */
static void give_up(struct alert_tell *t, struct daemon *d, const char *why)
{
	link_kill_notify(d, t->instance);
	let_go(t);
	failed(t, d, why);
}

static void judge(struct alert_tell *t, struct daemon *d, const struct notify_answer *a)
{
	char why[ALERT_SENTENCE];
	const char *between = a->text[0] ? ": " : "";
	switch (a->outcome) {
	case NOTIFY_TOLD:
		told(t, d);
		return;
	case NOTIFY_EXIT:
		snprintf(why, sizeof why, "it ended with exit status %" PRIu32 "%s%s", a->number, between, a->text);
		break;
	case NOTIFY_SIGNAL:
		snprintf(why, sizeof why, "it was ended by signal %" PRIu32 "%s%s", a->number, between, a->text);
		break;
	case NOTIFY_TIMEOUT:
		snprintf(why, sizeof why, "it did not end within notify_timeout and was killed%s%s", between, a->text);
		break;
	case NOTIFY_NOT_STARTED:
	default:
		snprintf(why, sizeof why, "it was not started%s%s", between, a->text);
	}
	failed(t, d, why);
}

static void hear(struct alert_tell *t, struct daemon *d)
{
	uint8_t bytes[NOTIFY_ANSWER_MAX];
	struct notify_answer answer;
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	size_t len;
	int fd = -1;
	if (poll(&p, 1, 0) <= 0) {
		if (clock_mono_ms() >= t->deadline_ms) give_up(t, d, "its helper does not answer");
		return;
	}
	enum coffer_err err = fdio_recv_fd(t->fd, bytes, sizeof bytes, clock_mono_ms(), &len, &fd);
	if (fd >= 0) close(fd);
	if (!err) err = fd >= 0 ? ERR_INPUT : notify_decode(view_of(bytes, len), &answer);
	if (err) give_up(t, d, err == ERR_CLOSED ? "its helper ended; see the log" : "its helper answered something else");
	else judge(t, d, &answer);
}

static void begin(struct alert_tell *t, struct daemon *d, const struct alert_origin *origin, const struct alert_event *event)
{
	char line[ALERT_LINE_MAX];
	size_t len;
	struct reason reason = { "" };
	t->number = event->number;
	enum coffer_err err = alert_line(event, origin, t->dropped, line, sizeof line, &len);
	if (err) { /* cannot be: the sentence is short. It is not worth standing still for ever */
		log_error("event %" PRIu64 " cannot be told: %s", event->number, err_text(err));
		told(t, d);
		return;
	}
	if (t->fd < 0) {
		err = link_start_notify(d, &t->fd, &t->instance, &reason);
		t->started_ms = clock_mono_ms();
	}
	if (err) {
		failed(t, d, reason_text(&reason, err));
		return;
	}
	err = fdio_send_fd(t->fd, view_of((const uint8_t *)line, len), -1, clock_mono_ms() + SEND_MS);
	if (err) {
		give_up(t, d, "its helper takes nothing");
		return;
	}
	t->waiting = true;
	t->deadline_ms = clock_mono_ms() + d->engine.config->notify_timeout_ms + NOTIFY_EXTRA_MS;
}

void alert_tell_step(struct alert_tell *t, struct daemon *d, const struct alert_origin *origin)
{
	struct alert_event event;
	struct alerts *a = d->engine.alerts;
	bool wanted = d->engine.config->notify_command[0] != '\0';
	if (alerts_is_hurried(a)) t->due_ms = 0;
	if (t->waiting) hear(t, d);
	if (t->waiting || (wanted && clock_mono_ms() < t->due_ms)) return;
	if (t->fd < 0 && t->started_ms && clock_mono_ms() - t->started_ms < NOTIFY_SPACING_MS) return; /* the monitor would refuse it */
	if (!alerts_begin(a, &event, &t->dropped)) {
		let_go(t);
		alerts_note(a, wanted, wanted ? t->said : "");
	} else if (wanted) {
		begin(t, d, origin, &event);
	} else { /* log and journal are all there is */
		alerts_told(a, t->dropped);
		alerts_note(a, false, "");
		t->failures = 0;
	}
}

void alert_tell_end(struct alert_tell *t, struct daemon *d)
{
	if (t->waiting) alerts_not_told(d->engine.alerts);
	t->waiting = false;
	let_go(t);
}
