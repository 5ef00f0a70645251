/* Table-driven state machines (style.md 25): states, names and allowed next states are const data. */
#ifndef COFFER_BASE_SM_H
#define COFFER_BASE_SM_H

#include <stdbool.h>
#include <stdint.h>

struct sm_state {
	const char *name;
	uint32_t next; /* bit i: a move to state i is allowed */
};

struct sm_table {
	const char *name;
	const struct sm_state *states;
	unsigned count; /* at most 32 */
};

#define SM_TO(state) (UINT32_C(1) << (state))

/* Whether the move is allowed. An unknown state is never allowed. */
bool sm_allows(const struct sm_table *table, unsigned from, unsigned to);
const char *sm_name(const struct sm_table *table, unsigned state); /* "?" when unknown */
/* For our own machines: moves *state, or aborts when the table forbids it (PRE). */
void sm_move(const struct sm_table *table, unsigned *state, unsigned to);

#endif
