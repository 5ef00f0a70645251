/* The mark's file, shared by root_mark.c and root_seen.c. */
#ifndef COFFER_KEYRING_ROOT_MARK_INTERNAL_H
#define COFFER_KEYRING_ROOT_MARK_INTERNAL_H

#include "keyring/root_mark.h"

struct root_mark {
	int fd;
	bool failed; /* said once */
	struct root_seen_place {
		uint8_t node_id[UUID_LEN];
		uint64_t version;    /* 0: the place is free */
		uint32_t generation; /* under which it stands there */
		unsigned slot;       /* that holds it */
	} places[ROOT_SEEN_MAX]; /* root_seen.c */
};

#define ROOT_SEEN_AT 128 /* bytes of the file before the first place */

#endif
