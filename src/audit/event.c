/* A row as bytes. */
#include "audit/event.h"

void audit_event_write(const struct domain_id *domain, const struct audit_event *event, struct writer *w)
{
	writer_u8(w, AUDIT_ROW_FORMAT);
	writer_u64(w, event->seq);
	writer_u64(w, event->time_ms);
	writer_bytes(w, view_of(domain->node_id, UUID_LEN));
	writer_u64(w, event->epoch);
	writer_view_u32(w, event->principal);
	writer_u32(w, event->operation);
	writer_u32(w, event->status);
	writer_u32(w, event->result_reason);
	writer_view_u32(w, event->object_id);
	writer_view_u32(w, event->request_id);
	writer_view_u32(w, event->details);
}
