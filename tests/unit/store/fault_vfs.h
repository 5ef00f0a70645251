/* File access that fails on demand: becomes SQLite's default, under the store's own layer. */
#ifndef COFFER_TESTS_UNIT_STORE_FAULT_VFS_H
#define COFFER_TESTS_UNIT_STORE_FAULT_VFS_H

#include <stdbool.h>

enum fault_kind {
	FAULT_WRITE,      /* nothing of the write happens */
	FAULT_TORN_WRITE, /* half of it happens */
	FAULT_SYNC_LOST,  /* fails and syncs nothing */
	FAULT_SYNC_LATE,  /* syncs and then fails */
	FAULT_READ,
	FAULT_TRUNCATE,
};

/* Before the first open. Returns SQLite's code. */
int fault_vfs_install(void);
/* The nth call (from 1) of this kind answers rc; with `stays` all later ones too, until disarmed. */
void fault_vfs_arm(enum fault_kind kind, unsigned nth, int rc, bool stays);
/* Returns whether the fault happened. */
bool fault_vfs_disarm(void);
/* While paused nothing fails and nothing is counted. */
void fault_vfs_pause(bool pause);
/* True when a log has been written since it was last synced. */
bool fault_vfs_log_is_unsynced(void);

#endif
