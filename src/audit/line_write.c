/* Writing the lines of an audit export: printable ASCII only, whatever a row says. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit/line_internal.h"
#include "kmip/names.h"

#define LAST_SECOND UINT64_C(253402300799) /* of the year 9999 */
#define HEX_MAX 64u                        /* bytes at a time */

static void put(struct writer *w, const char *s)
{
	writer_bytes(w, view_str(s));
}

static void put_unit(struct writer *w, uint32_t unit)
{
	char escape[8];
	snprintf(escape, sizeof escape, "\\u%04x", unit & 0xffffu);
	put(w, escape);
}

/* One character at the front of bytes, or one byte that is part of none; returns how many it took. */
static size_t put_char(struct writer *w, struct view bytes)
{
	uint32_t code = 0;
	size_t len = text_utf8_char(bytes, &code);
	if (len == 0) {
		put_unit(w, 0xdc00u | bytes.ptr[0]);
		return 1;
	}
	if (code == '"' || code == '\\') {
		writer_u8(w, '\\');
		writer_u8(w, (uint8_t)code);
	} else if (code >= 0x20 && code < 0x7f) {
		writer_u8(w, (uint8_t)code);
	} else if (code < 0x10000) {
		put_unit(w, code);
	} else {
		put_unit(w, 0xd800u | (code - 0x10000) >> 10);
		put_unit(w, 0xdc00u | ((code - 0x10000) & 0x3ffu));
	}
	return len;
}

static void put_quoted(struct writer *w, struct view text)
{
	writer_u8(w, '"');
	for (size_t i = 0; i < text.len;) i += put_char(w, view_of(text.ptr + i, text.len - i));
	writer_u8(w, '"');
}

/* The member's name with what stands in front of it: "{" or ",". */
static void put_name(struct writer *w, char before, const char *name)
{
	writer_u8(w, (uint8_t)before);
	writer_u8(w, '"');
	put(w, name);
	put(w, "\":");
}

static void put_text(struct writer *w, const char *name, struct view value)
{
	put_name(w, ',', name);
	put_quoted(w, value);
}

static void put_number(struct writer *w, char before, const char *name, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, value);
	put_name(w, before, name);
	put(w, text);
}

static void put_hex(struct writer *w, const char *name, struct view bytes)
{
	char text[2 * HEX_MAX + 1] = "";
	PRE(bytes.len <= HEX_MAX);
	text_hex(bytes, text);
	put_text(w, name, view_str(text));
}

static void put_uuid(struct writer *w, const char *name, const uint8_t id[static UUID_LEN])
{
	char text[UUID_TEXT_LEN + 1];
	text_uuid(id, text);
	put_text(w, name, view_str(text));
}

static void put_time(struct writer *w, uint64_t time_ms)
{
	char text[AUDIT_TIME_TEXT];
	audit_time_text(time_ms, text);
	put_text(w, "time", view_str(text));
}

void audit_time_text(uint64_t time_ms, char out[static AUDIT_TIME_TEXT])
{
	struct tm tm;
	time_t s = (time_t)(time_ms / 1000);
	out[0] = '\0';
	if (time_ms / 1000 <= LAST_SECOND && gmtime_r(&s, &tm) && strftime(out, AUDIT_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) out[0] = '\0';
}

const char *audit_operation_text(uint32_t operation)
{
	const char *name = operation ? kmip_enum_name(ENUM_OPERATION, operation) : AUDIT_NO_OPERATION;
	return name ? name : AUDIT_UNKNOWN_OPERATION;
}

const char *audit_result_text(uint32_t status, uint32_t reason)
{
	if (status == 0) return AUDIT_RESULT_OK;
	const char *name = kmip_enum_name(ENUM_RESULT_REASON, reason);
	return name ? name : AUDIT_RESULT_FAILED;
}

void audit_line_header(const struct domain_id *domain, const struct audit_place *before, struct writer *w)
{
	char text[DOMAIN_FINGERPRINT_TEXT] = "";
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	enum coffer_err err = domain_fingerprint(domain, fingerprint);
	if (err && !w->err) w->err = err; /* no header with another text in its place */
	if (!err) domain_fingerprint_format(fingerprint, text);
	put_number(w, '{', "coffer-audit", 1);
	put_uuid(w, "domain", domain->id);
	put_uuid(w, "node", domain->node_id);
	put_hex(w, "key", view_of(domain->public_key, DOMAIN_PUBLIC_LEN));
	put_text(w, "fingerprint", view_str(text));
	put_number(w, ',', "seq", before->seq);
	put_hex(w, "link", view_of(before->link, AUDIT_LINK_LEN));
	put_hex(w, "digest", view_of(before->digest, AUDIT_DIGEST_LEN));
	writer_u8(w, '}');
}

void audit_line_record_named(const struct audit_event *event, const struct audit_links *links, struct view operation, struct view result,
	struct writer *w)
{
	put_number(w, '{', "seq", event->seq);
	put_time(w, event->time_ms);
	put_text(w, "principal", event->principal);
	put_text(w, "operation", operation);
	put_text(w, "result", result);
	if (event->object_id.len == UUID_LEN) put_uuid(w, "object", event->object_id.ptr);
	else put_hex(w, "object", event->object_id);
	put_text(w, "details", event->details);
	put_hex(w, "request", event->request_id);
	put_number(w, ',', "ms", event->time_ms);
	put_number(w, ',', "op", event->operation);
	put_number(w, ',', "status", event->status);
	put_number(w, ',', "reason", event->result_reason);
	put_number(w, ',', "epoch", event->epoch);
	put_number(w, ',', "generation", links->generation);
	put_hex(w, "link", view_of(links->link, AUDIT_LINK_LEN));
	put_hex(w, "digest", view_of(links->digest, AUDIT_DIGEST_LEN));
	writer_u8(w, '}');
}

void audit_line_record(const struct audit_event *event, const struct audit_links *links, struct writer *w)
{
	audit_line_record_named(event, links, view_str(audit_operation_text(event->operation)),
		view_str(audit_result_text(event->status, event->result_reason)), w);
}

static void put_whose(struct writer *w, uint64_t time_ms, const struct domain_id *domain)
{
	put_time(w, time_ms);
	put_number(w, ',', "ms", time_ms);
	put_uuid(w, "domain", domain->id);
	put_uuid(w, "node", domain->node_id);
}

void audit_line_checkpoint(const struct domain_id *domain, const struct audit_checkpoint *checkpoint, struct writer *w)
{
	put_number(w, '{', "checkpoint", checkpoint->at.seq);
	put_whose(w, checkpoint->time_ms, domain);
	put_hex(w, "link", view_of(checkpoint->at.link, AUDIT_LINK_LEN));
	put_hex(w, "digest", view_of(checkpoint->at.digest, AUDIT_DIGEST_LEN));
	put_hex(w, "signature", view_of(checkpoint->signature, DOMAIN_SIGNATURE_LEN));
	writer_u8(w, '}');
}

void audit_line_gap(const struct domain_id *domain, const struct audit_gap *gap, struct writer *w)
{
	put_number(w, '{', "gap", gap->from);
	put_number(w, ',', "to", gap->to.seq);
	put_whose(w, gap->time_ms, domain);
	put_text(w, "why", gap->why);
	put_hex(w, "before", view_of(gap->before, AUDIT_DIGEST_LEN));
	put_hex(w, "link", view_of(gap->to.link, AUDIT_LINK_LEN));
	put_hex(w, "digest", view_of(gap->to.digest, AUDIT_DIGEST_LEN));
	put_hex(w, "signature", view_of(gap->signature, DOMAIN_SIGNATURE_LEN));
	writer_u8(w, '}');
}
