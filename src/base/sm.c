/* State machines as tables. */
#include "base/sm.h"

#include "base/err.h"

bool sm_allows(const struct sm_table *table, unsigned from, unsigned to)
{
	return table->count <= 32 && from < table->count && to < table->count && (table->states[from].next & SM_TO(to));
}

const char *sm_name(const struct sm_table *table, unsigned state)
{
	return state < table->count ? table->states[state].name : "?";
}

void sm_move(const struct sm_table *table, unsigned *state, unsigned to)
{
	PRE(sm_allows(table, *state, to));
	*state = to;
}
