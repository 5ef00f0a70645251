/* The thread that has the token sign the audit log (ops/audit_signer.h), and takes old records out of the store (ops/audit_keep.h). Nothing waits for it; it waits
 * for the token. */
#ifndef COFFER_DAEMON_AUDIT_SIGNER_THREAD_H
#define COFFER_DAEMON_AUDIT_SIGNER_THREAD_H

#include "daemon/daemon.h"

/* With the store thread running. ERR_LIMIT: no thread; ERR_MEMORY. */
enum coffer_err audit_signer_start(struct daemon *d) MUST_USE;
/* The node has opened. Any thread. */
void audit_signer_opened(struct daemon *d);
/* While token and store thread still run: it asks for nothing more. What is under way ends by the token's deadline. Fine when it was not started. */
void audit_signer_stop(struct daemon *d);

#endif
