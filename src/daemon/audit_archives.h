/* Archives of the audit log's file: NAME.FIRST-LAST beside it (docs/formats.md section 20.4). What a file is called says nothing: it counts when it begins with the header of this
 * node's log in front of record FIRST, and, where its end matters, ends with a checkpoint over record LAST that the domain signed. Whatever else is called so is
 * never touched. The sink's own thread. */
#ifndef COFFER_DAEMON_AUDIT_ARCHIVES_H
#define COFFER_DAEMON_AUDIT_ARCHIVES_H

#include "audit/digest.h"

struct audit_archives {
	int folder_fd;
	const char *name;               /* of the live file, in the folder */
	const struct domain_id *domain; /* and node */
};

/* The place behind the newest archive; seq 0: there is none. ERR_MEMORY, ERR_IO and what opening a folder can fail with. */
enum coffer_err audit_archives_newest(const struct audit_archives *a, struct audit_place *out) MUST_USE;
/* Removes the oldest until `keep` are left; a few at a time, so that a number that was lowered stops nothing. What fails is logged. */
void audit_archives_drop(const struct audit_archives *a, unsigned keep);

#endif
