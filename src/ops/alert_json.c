/* Alerts as JSON: for notify_command, and in the status document. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "ops/alert_internal.h"

#ifndef COFFER_VERSION
#define COFFER_VERSION "unknown"
#endif

#define FORMAT 1u

static void put_time(struct json_out *j, const char *name, uint64_t wall_s)
{
	char text[32] = "";
	time_t when = (time_t)wall_s;
	struct tm utc;
	if (gmtime_r(&when, &utc)) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_str(j, name, text);
}

enum coffer_err alert_line(const struct alert_event *event, const struct alert_origin *origin, uint64_t dropped, char *out, size_t cap, size_t *out_len)
{
	struct writer w;
	struct json_out j = { &w, false };
	char id[80];
	snprintf(id, sizeof id, "%.40s-%" PRIu64, origin->node, event->number);
	writer_init(&w, out, cap);
	json_begin(&j, NULL);
	json_u64(&j, "format", FORMAT);
	json_str(&j, "id", id);
	json_u64(&j, "number", event->number);
	json_str(&j, "event", alert_name_text(event->name));
	json_str(&j, "state", alert_state_text(event->state));
	json_str(&j, "severity", alert_severity_text(alert_severity_of(event)));
	put_time(&j, "time", event->time_s);
	put_time(&j, "since", event->since_s);
	json_str(&j, "sentence", event->sentence);
	json_str(&j, "host", origin->host);
	json_str(&j, "node", origin->node);
	json_str(&j, "domain", origin->domain);
	json_u64(&j, "dropped", dropped);
	json_str(&j, "version", COFFER_VERSION);
	json_end(&j);
	writer_u8(&w, '\n');
	TRY(writer_done(&w));
	*out_len = writer_len(&w);
	return ERR_OK;
}

static void put_raised(const struct alerts *a, struct json_out *j)
{
	json_begin(j, "raised");
	for (unsigned i = 0; i < ALERT_NAMES; i++) {
		const struct alert_condition *c = &a->conditions[i];
		if (!c->raised) continue;
		json_begin(j, alert_kinds[i].name);
		json_str(j, "severity", alert_severity_text(alert_kinds[i].severity));
		json_u64(j, "since", c->since_s);
		json_str(j, "sentence", c->sentence);
		json_end(j);
	}
	json_end(j);
}

/* Those that something in this version can raise, so that a monitoring system sees them before they are. */
static void put_conditions(const struct alerts *a, struct json_out *j)
{
	json_begin(j, "conditions");
	for (unsigned i = 0; i < ALERT_NAMES; i++)
		if (alert_kinds[i].stands && (a->conditions[i].raised || a->conditions[i].fact != ALERT_UNKNOWN)) json_u64(j, alert_kinds[i].name, a->conditions[i].raised);
	json_end(j);
}

void alerts_json(struct alerts *a, struct json_out *j)
{
	if (!a) return;
	pthread_mutex_lock(&a->lock);
	json_begin(j, "alerts");
	put_raised(a, j);
	put_conditions(a, j);
	json_u64(j, "newest", a->next - 1);
	json_u64(j, "pending", a->count);
	json_u64(j, "oldest_pending", a->count ? a->events[0].number : 0);
	json_u64(j, "dropped", a->dropped);
	json_str(j, "command", !a->has_command ? "none" : a->trouble[0] ? "failing" : "well");
	json_str(j, "trouble", a->trouble);
	json_end(j);
	pthread_mutex_unlock(&a->lock);
}
