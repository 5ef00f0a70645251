/* Tokens that hold as many master secrets as they were asked for, a place one at most, and the node's counter and keys beside them. */
#ifndef COFFER_TESTS_FAULT_MASTERS_H
#define COFFER_TESTS_FAULT_MASTERS_H

#include <stdbool.h>

#include "fault/founding.h"

#define MASTERS_MAX 250u
#define MASTERS_URI_MAX 128u

struct master {
	char uri[MASTERS_URI_MAX];
	bool stands, adopted; /* adopted: taken up where it was found, so that nobody may destroy it */
	bool denied;          /* its token said that it is not there: nobody looks for it any more */
};

extern struct masters {
	struct master all[MASTERS_MAX + 1]; /* from 1: its number is the first byte of what it wraps */
	unsigned count;
	char uri[FAKE_HELPERS_MAX][MASTERS_URI_MAX]; /* of each helper */
	unsigned at[FAKE_HELPERS_MAX];      /* the master secret that it is attached to; 0: none */
	bool keeps;                         /* none lets itself be destroyed now */
	bool signer;                        /* the key that signs the audit log is there */
} masters;

/* A house whose domain is founded on such a token, the only one. founding_close. */
struct yard *masters_open(void);
/* fake_token's on_request. A call fails before it took effect, or behind it; but for a place that is refused. */
void masters_serve(unsigned helper, const struct channel_request *q, struct channel_reply *r, struct buf *bytes);
/* Those that stand, but for those that their token denied. */
unsigned masters_standing(void);

#endif
