/* One datagram an event. No value of ours holds a newline. */
#include "daemon/alert_journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define USUAL "/run/systemd/journal/socket"

size_t alert_journal_message(const struct alert_event *event, const struct alert_origin *origin, char out[static ALERT_JOURNAL_MAX])
{
	int n = snprintf(out, ALERT_JOURNAL_MAX,
		"MESSAGE=%s %s: %s\nMESSAGE_ID=%s\nPRIORITY=%u\nSYSLOG_IDENTIFIER=coffer-alert\nCOFFER_EVENT=%s\nCOFFER_STATE=%s\nCOFFER_EVENT_ID=%s-%" PRIu64
		"\nCOFFER_NODE=%s\n", alert_name_text(event->name), alert_state_text(event->state), event->sentence, alert_message_id(event->name),
		(unsigned)alert_severity_of(event), alert_name_text(event->name), alert_state_text(event->state), origin->node, event->number, origin->node);
	return n > 0 && (size_t)n < ALERT_JOURNAL_MAX ? (size_t)n : 0;
}

static void send_to(const char *path, const char *message, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >= (int)sizeof address.sun_path) return;
	ssize_t n = sendto(fd, message, len, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&address, sizeof address);
	if (n < 0 && errno != ENOENT && errno != ECONNREFUSED) log_warn("the journal did not take an alert: %m");
}

void alert_journal_put(const char *setting, const struct alert_event *event, const struct alert_origin *origin)
{
	char message[ALERT_JOURNAL_MAX];
	enum alert_severity severity = alert_severity_of(event);
	log_line(severity <= ALERT_ERROR ? LOG_LEVEL_ERROR : severity == ALERT_WARNING ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "alert %" PRIu64 ": %s %s: %s",
		event->number, alert_name_text(event->name), alert_state_text(event->state), event->sentence);
	if (strcmp(setting, "no") == 0) return;
	size_t len = alert_journal_message(event, origin, message);
	if (len) send_to(strcmp(setting, "yes") == 0 ? USUAL : setting, message, len);
}
