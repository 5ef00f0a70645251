/* Between attend_shares.c and attend_tries.c. */
#ifndef COFFER_OPS_ATTEND_INTERNAL_H
#define COFFER_OPS_ATTEND_INTERNAL_H

#include "ops/attend.h"

#define ATTEND_SHARES_MAX 255u
#define ATTEND_BY_MAX 48u /* characters of who gave a share */

struct attend_share {
	struct buf text;
	uint8_t x;
	char by[ATTEND_BY_MAX];
};

struct attend_try {
	char principal[PRINCIPAL_MAX + 1];
	uint32_t operation;
	uint64_t refused, failed;  /* by permission; otherwise */
	uint64_t first_s, last_s;  /* by the wall clock */
	char why[128];             /* the last one's sentence */
};

struct attend {
	pthread_mutex_t lock;      /* guards all of it */
	struct attend_share shares[ATTEND_SHARES_MAX];
	unsigned share_count;
	uint8_t set_id[SHARE_SET_LEN];
	uint64_t ends_mono_ms;
	bool passphrase_busy, pin_busy, token_busy;
	unsigned passphrases_wrong, pins_refused; /* in a row */
	uint64_t passphrase_next_ms;
	struct attend_try tries[ATTEND_TRIES_MAX + 1]; /* the last one: of all others */
	unsigned try_count;
	uint64_t logged_ms;
	char opening[256];
};

#endif
