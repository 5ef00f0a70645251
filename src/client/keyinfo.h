/* Attributes of a key as the library shows them. Used by client/ only. */
#ifndef COFFER_CLIENT_KEYINFO_H
#define COFFER_CLIENT_KEYINFO_H

#include "client/call.h"

/* Reads the Attributes of a Get Attributes answer. */
enum coffer_status keyinfo_read(struct call *call, struct ttlv_cursor *payload, struct coffer_key_info *out);
/* The first Unique Identifier of an answer. Without one the connection is broken. */
enum coffer_status keyinfo_answer_uuid(struct call *call, char uuid[COFFER_UUID_TEXT]);
/* The UUID of a key given by name or UUID: asks the daemon (Locate) for a name. Not while a call is open. */
enum coffer_status keyinfo_resolve(struct coffer *c, const char *key, char uuid[COFFER_UUID_TEXT]);

/* Coffer's own attributes, answered by Get Attributes only when they are asked for by name. */
#define KEYINFO_VERSION_ATTRIBUTE "y-coffer-version" /* Integer */
#define KEYINFO_OWNER_ATTRIBUTE "y-coffer-owner"     /* Text String: principal */
#define KEYINFO_INTERVAL_ATTRIBUTE "y-coffer-rotate-interval" /* Interval: of its schedule */
#define KEYINFO_NEXT_ATTRIBUTE "y-coffer-rotate-next"         /* Date-Time: when it is due by it */
#define KEYINFO_ROTATED_ATTRIBUTE "y-coffer-rotated"          /* Date-Time: when it was replaced by it */

#endif
