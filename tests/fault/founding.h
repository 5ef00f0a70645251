/* A house whose domain was made by Init, with a token of the tests, and the shares that came of it. */
#ifndef COFFER_TESTS_FAULT_FOUNDING_H
#define COFFER_TESTS_FAULT_FOUNDING_H

#include "base/bytes.h"
#include "fault/house.h"
#include "unit/ops/fake_token.h"

#define SHARE_MAX 512u

struct yard {
	struct fake_token token;
	struct house *house;
	struct bytes file;                 /* the archive that was read last */
	char shares[2][SHARE_MAX];         /* any 2 of 3: those in force */
	char next[2][SHARE_MAX];           /* of a change whose run failed */
	bool maybe;                        /* there are such */
	bool whole;
};

/* What becomes of the frames of a helper while FAULT_AT_WIRE is armed. */
enum fake_wire founding_wire(void);
/* A house without a domain. */
void founding_open_empty(struct yard *y);
/* Init, with its proof. */
void founding_init(struct yard *y);
/* Both, on the heap. */
struct yard *founding_open(void);
void *founding_open_as_place(void);
/* Closes the house and what is beside it; not the yard itself. */
void founding_done(struct yard *y);
void founding_close(struct yard *y);
void founding_close_as_place(void *place);
/* Ends the request of one item and sends it. */
enum coffer_err founding_send(struct yard *y, struct ask *a);
/* What a fault left is over: the store is read again, a helper is there again, and a restart that was asked for has put rows and node.id together. */
void founding_recover(struct house *h, bool restart);
/* Recovery Test with these. */
enum coffer_err founding_test_shares(struct yard *y, char shares[2][SHARE_MAX]);
/* founding_send; what the token refused stands in the audit log, with what was done before it. */
enum coffer_err founding_send_audited(struct yard *y, struct ask *a);
/* The i-th share of the last answer. */
void founding_share(struct house *h, unsigned i, char out[static SHARE_MAX]);

#endif
