/* Administration: the audit log. */
#include <string.h>

#include "client/admin.h"
#include "client/call.h"

#define PAGE_TIMEOUT_MS 120000u /* the whole chain is checked, or a store that is busy */
#define AUDIT_PAGE 200
#define EXPORT_PAGE 500

/* Lines of JSON, one row each. Returns how many, or -1 when fn had enough. */
static int give_rows(struct view text, int (*fn)(void *arg, const char *json, size_t len), void *arg)
{
	int rows = 0;
	while (text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;
		if (len && fn(arg, (const char *)text.ptr, len)) return -1;
		rows += len > 0;
		size_t step = end ? len + 1 : len;
		text = view_of(text.ptr + step, text.len - step);
	}
	return rows;
}

/* One page; *next is where to go on, 0 at the end. */
static enum coffer_status audit_page(struct coffer *c, uint64_t first, uint32_t count, int (*fn)(void *arg, const char *json, size_t len),
	void *arg, uint64_t *next, uint32_t *got)
{
	struct call call;
	struct view text;
	int64_t more = 0;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_AUDIT_SHOW, 128);
	if (st) return st;
	if (first) ttlv_put_i64(&call.w, TAG_COFFER_AUDIT_FROM, (int64_t)first);
	ttlv_put_i32(&call.w, TAG_COFFER_AUDIT_COUNT, (int32_t)count);
	st = call_run(&call, false);
	struct ttlv_cursor *p = &call.answer.items[0].payload;
	if (!st && (ttlv_take_text(p, TAG_COFFER_AUDIT_ROWS, &text) != ERR_OK ||
	            ttlv_take_optional_i64(p, TAG_COFFER_AUDIT_NEXT, &more, NULL) != ERR_OK))
		st = call_malformed(&call);
	if (!st) {
		int rows = give_rows(text, fn, arg);
		*got = rows < 0 ? 0 : (uint32_t)rows;
		*next = rows <= 0 || more < 0 ? 0 : (uint64_t)more;
	}
	return call_end(&call, st);
}

enum coffer_status admin_audit_show(struct coffer *c, uint64_t first, uint32_t limit,
	int (*fn)(void *arg, const char *json, size_t len), void *arg)
{
	if (first == 0) {
		uint64_t records = 0;
		enum coffer_status st = admin_audit_length(c, &records);
		if (st) return st;
		first = records > limit ? records - limit + 1 : 1;
	}
	while (first && limit) {
		uint32_t got = 0;
		enum coffer_status st = audit_page(c, first, limit < AUDIT_PAGE ? limit : AUDIT_PAGE, fn, arg, &first, &got);
		if (st) return st;
		limit -= got < limit ? got : limit;
	}
	return COFFER_OK;
}

static enum coffer_status audit_numbers(struct coffer *c, uint32_t operation, int32_t count, uint64_t *out_first, uint64_t *out)
{
	struct call call;
	struct ttlv_item item;
	int64_t n = -1, first = 1;
	enum coffer_status st = call_begin(&call, c, operation, 128);
	if (st) return st;
	call.deadline_ms += PAGE_TIMEOUT_MS;
	if (count >= 0) ttlv_put_i32(&call.w, TAG_COFFER_AUDIT_COUNT, count);
	st = call_run(&call, false);
	while (!st && ttlv_next(&call.answer.items[0].payload, &item)) {
		if (item.tag == TAG_COFFER_AUDIT_FROM && ttlv_get_i64(&item, &first) != ERR_OK) break;
		if (item.tag == TAG_COFFER_AUDIT_LENGTH && ttlv_get_i64(&item, &n) != ERR_OK) break;
	}
	if (!st && (n < 0 || first < 1)) st = call_malformed(&call);
	if (!st) *out = (uint64_t)n;
	if (!st && out_first) *out_first = (uint64_t)first;
	return call_end(&call, st);
}

enum coffer_status admin_audit_length(struct coffer *c, uint64_t *out_records)
{
	return audit_numbers(c, OPERATION_COFFER_AUDIT_SHOW, 0, NULL, out_records);
}

enum coffer_status admin_audit_verify(struct coffer *c, uint64_t *out_first, uint64_t *out_records)
{
	return audit_numbers(c, OPERATION_COFFER_AUDIT_VERIFY, -1, out_first, out_records);
}

/* One page of an export and what it says of the rest. */
struct page {
	uint64_t next;   /* where to go on; 0: it was the last one */
	uint64_t length;
	uint64_t first;  /* of it */
};

static bool give_text(struct view text, bool newline, admin_export_fn *fn, void *arg)
{
	return (text.len == 0 || fn(arg, text.ptr, text.len) == 0) && (!newline || fn(arg, (const uint8_t *)"\n", 1) == 0);
}

static enum coffer_status export_page(struct coffer *c, uint64_t first, uint64_t most, bool header, admin_export_fn *fn, void *arg, struct page *out)
{
	struct call call;
	struct view lines[3];
	int64_t next = 0, length = 0, from = (int64_t)first;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_AUDIT_EXPORT, 128);
	if (st) return st;
	call.deadline_ms += PAGE_TIMEOUT_MS;
	if (first) ttlv_put_i64(&call.w, TAG_COFFER_AUDIT_FROM, (int64_t)first);
	ttlv_put_i32(&call.w, TAG_COFFER_AUDIT_COUNT, (int32_t)most);
	st = call_run(&call, false);
	struct ttlv_cursor *p = &call.answer.items[0].payload;
	if (!st && (ttlv_take_text(p, TAG_COFFER_AUDIT_HEADER, &lines[0]) != ERR_OK || ttlv_take_text(p, TAG_COFFER_AUDIT_ROWS, &lines[1]) != ERR_OK ||
	            ttlv_take_text(p, TAG_COFFER_AUDIT_CHECKPOINT, &lines[2]) != ERR_OK ||
	            ttlv_take_optional_i64(p, TAG_COFFER_AUDIT_NEXT, &next, NULL) != ERR_OK ||
	            ttlv_take_optional_i64(p, TAG_COFFER_AUDIT_LENGTH, &length, NULL) != ERR_OK ||
	            ttlv_take_optional_i64(p, TAG_COFFER_AUDIT_FROM, &from, NULL) != ERR_OK || from < 0 || next < 0 || length < 0 ||
	            (next > 0 && (uint64_t)next <= first)))
		st = call_malformed(&call);
	if (!st && ((header && !give_text(lines[0], true, fn, arg)) || !give_text(lines[1], false, fn, arg) || !give_text(lines[2], true, fn, arg)))
		st = COFFER_EIO;
	if (!st) *out = (struct page){ (uint64_t)next, (uint64_t)length, (uint64_t)from };
	return call_end(&call, st);
}

enum coffer_status admin_audit_export(struct coffer *c, uint64_t first, admin_export_fn *fn, void *arg, uint64_t *out_first, uint64_t *out_last)
{
	struct page page = { .next = first };
	uint64_t last = 0;
	bool header = true;
	do { /* what is written meanwhile is for the next export */
		uint64_t left = last ? last - page.next + 1 : EXPORT_PAGE;
		enum coffer_status st = export_page(c, page.next, left < EXPORT_PAGE ? left : EXPORT_PAGE, header, fn, arg, &page);
		if (st) return st;
		if (header) last = page.length;
		if (header) *out_first = page.first;
		header = false;
	} while (page.next && page.next <= last);
	*out_last = last;
	return COFFER_OK;
}
