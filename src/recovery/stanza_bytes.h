/* Numbers of the stanza's format. Used by stanza*.c only. */
#ifndef COFFER_RECOVERY_STANZA_BYTES_H
#define COFFER_RECOVERY_STANZA_BYTES_H

#define STANZA_FORMAT 1u
#define STANZA_SCHEMA 1u
#define STANZA_BODY_MAX (256u * 1024u) /* bytes: 1024 wraps and the rest */

#endif
