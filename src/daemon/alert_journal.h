/* Alerts in the log and, as structured messages, in the journal of systemd. */
#ifndef COFFER_DAEMON_ALERT_JOURNAL_H
#define COFFER_DAEMON_ALERT_JOURNAL_H

#include <stddef.h>

#include "ops/alert.h"

#define ALERT_JOURNAL_MAX 2048u

/* The message in the journal's native protocol; its length. Fields: MESSAGE, MESSAGE_ID, PRIORITY, SYSLOG_IDENTIFIER, COFFER_EVENT, COFFER_STATE, COFFER_EVENT_ID, COFFER_NODE. */
size_t alert_journal_message(const struct alert_event *event, const struct alert_origin *origin, char out[static ALERT_JOURNAL_MAX]);
/* To the log, and to the socket that alert_journal names, without waiting; nobody there is no trouble. */
void alert_journal_put(const char *setting, const struct alert_event *event, const struct alert_origin *origin);

#endif
