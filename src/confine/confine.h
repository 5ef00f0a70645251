/* What a process gives up for good before it serves anybody: system calls (seccomp) and files (Landlock). One profile per process; a call that is
 * not in its list ends the process at once (SECCOMP_RET_KILL_PROCESS), so that code that was taken over from outside cannot go anywhere.
 * The lists stand in cofferd.def, tokend.def and stored.def; they were made from traces of every story and unit test (docs/security.md says how to repeat it).
 *
 * Call from the main thread before others are started, after process_harden. Not undone by anything. */
#ifndef COFFER_CONFINE_CONFINE_H
#define COFFER_CONFINE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/reason.h"

enum confine_profile {
	CONFINE_COFFERD,          /* allow list: no exec, no new process, Unix sockets only, no executable memory */
	CONFINE_TOKEND_TPM2,      /* allow list: Unix sockets and devices */
	CONFINE_TOKEND_TPM2_NET,  /* the same with network sockets, for a TPM simulator or remote TPM */
	CONFINE_STORED,           /* allow list: network and Unix sockets, no exec, no new process */
	CONFINE_MONITOR,          /* deny list, for it and all that it starts: no other process's memory, no kernel code, no mounts */
	CONFINE_TOKEND_PKCS11     /* a vendor's library is in the process: deny list of what no token needs */
};

/* Whether this build has seccomp filters at all: sanitizers need system calls of their own, so builds with them have none. */
bool confine_built(void);
/* Installs the filter on every thread of this process and all that they start. ERR_IO: the kernel refused it; the caller must not go on. */
enum coffer_err confine_syscalls(enum confine_profile profile, struct reason *reason) MUST_USE;

struct confine_path {
	const char *path;  /* a folder or file; one that does not exist is left out */
	bool writable;     /* with everything below it */
};

/* From now on only these files can be opened, made, renamed or removed (Landlock, kernel 5.13 and later); what is open stays open. Best effort:
 * where the kernel has no Landlock *out_abi is 0 and nothing changes. ERR_IO: it has, and refused. */
enum coffer_err confine_files(const struct confine_path *paths, size_t count, int *out_abi, struct reason *reason) MUST_USE;

#endif
