/* Alerts, for the command line. */
#include "client/admin.h"
#include "client/call.h"

enum coffer_status admin_alert_test(struct coffer *c, uint64_t *out_number)
{
	struct call call;
	int64_t number = 0;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_ALERT_TEST, 64);
	if (st) return st;
	st = call_run(&call, false);
	if (!st && (ttlv_take_i64(&call.answer.items[0].payload, TAG_COFFER_ALERT_NUMBER, &number) != ERR_OK || number <= 0)) st = call_malformed(&call);
	if (!st) *out_number = (uint64_t)number;
	return call_end(&call, st);
}
