/* Who is master server, for the command line. */
#include "client/admin_lead.h"

#include "client/call.h"

static enum coffer_status say(struct coffer *c, uint32_t operation)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, operation, 64);
	if (st) return st;
	return call_end(&call, call_run(&call, false));
}

enum coffer_status admin_promote(struct coffer *c)
{
	return say(c, OPERATION_COFFER_PROMOTE);
}

enum coffer_status admin_step_down(struct coffer *c)
{
	return say(c, OPERATION_COFFER_STEP_DOWN);
}
