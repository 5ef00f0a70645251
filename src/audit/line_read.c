/* Reading the lines of an audit export: strictly, and only what the writer would have written. */
#include <string.h>

#include "audit/line_internal.h"
#include "kmip/names.h"

/* The first thing that does not fit ends it; everything after that is a failure too. */
struct scan {
	const uint8_t *at, *end;
	struct audit_line *out;
	bool bad;
};

static void fail(struct scan *s)
{
	s->bad = true;
	s->at = s->end;
}

static void take(struct scan *s, const char *literal)
{
	size_t len = strlen(literal);
	if (len > (size_t)(s->end - s->at) || memcmp(s->at, literal, len) != 0) fail(s);
	else s->at += len;
}

static void take_name(struct scan *s, const char *before, const char *name)
{
	take(s, before);
	take(s, "\"");
	take(s, name);
	take(s, "\":");
}

static uint64_t take_number(struct scan *s, const char *before, const char *name, uint64_t max)
{
	uint64_t value = 0;
	const uint8_t *first;
	take_name(s, before, name);
	first = s->at;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - first < 20) s->at++;
	if (text_parse_u64(view_of(first, (size_t)(s->at - first)), &value) != ERR_OK || value > max) fail(s);
	return s->bad ? 0 : value;
}

/* Four lower-case hex digits. */
static uint32_t take_unit(struct scan *s)
{
	uint32_t unit = 0;
	if (s->end - s->at < 4) {
		fail(s);
		return 0;
	}
	for (int i = 0; i < 4; i++) {
		uint8_t c = *s->at++;
		bool digit = c >= '0' && c <= '9';
		if (!digit && (c < 'a' || c > 'f')) {
			fail(s);
			return 0;
		}
		unit = unit << 4 | (uint32_t)(digit ? c - '0' : c - 'a' + 10);
	}
	return unit;
}

static size_t encode(uint32_t code, uint8_t out[static 4])
{
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xc0 | code >> 6);
		out[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code >> 12);
		out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code >> 18);
	out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code & 0x3f));
	return 4;
}

/* Behind "\u". */
static size_t take_escape(struct scan *s, uint8_t out[static 4])
{
	uint32_t unit = take_unit(s);
	if (unit >= 0xdc80 && unit <= 0xdcff) { /* a byte that is part of no character */
		out[0] = (uint8_t)(unit & 0xff);
		return 1;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		take(s, "\\u");
		uint32_t low = take_unit(s);
		if (low < 0xdc00 || low > 0xdfff) fail(s);
		return encode(0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff)), out);
	}
	if (unit >= 0xdc00 && unit <= 0xdfff) fail(s);
	return encode(unit, out);
}

/* The inside of a quoted text, into the line's memory: at most max bytes. */
static struct view take_quoted(struct scan *s, size_t max)
{
	struct audit_line *out = s->out;
	uint8_t *begin = out->text + out->text_len;
	size_t len = 0;
	if (max > sizeof out->text - out->text_len) max = sizeof out->text - out->text_len;
	take(s, "\"");
	while (s->at < s->end && *s->at != '"') {
		uint8_t bytes[4] = { *s->at++ };
		size_t n = 1;
		if (bytes[0] < 0x20 || bytes[0] > 0x7e) fail(s);
		if (bytes[0] == '\\' && s->at < s->end) {
			uint8_t what = *s->at++;
			if (what == 'u') n = take_escape(s, bytes);
			else if (what == '"' || what == '\\') bytes[0] = what;
			else fail(s);
		}
		if (s->bad || n > max - len) {
			fail(s);
			break;
		}
		memcpy(begin + len, bytes, n);
		len += n;
	}
	take(s, "\"");
	if (s->bad) return view_of(begin, 0);
	out->text_len += len;
	return view_of(begin, len);
}

static struct view take_text(struct scan *s, const char *name, size_t max)
{
	take_name(s, ",", name);
	return take_quoted(s, max);
}

/* A quoted run of printable ASCII without escapes, where it stands. */
static struct view take_plain(struct scan *s, const char *name)
{
	const uint8_t *begin;
	take_name(s, ",", name);
	take(s, "\"");
	begin = s->at;
	while (s->at < s->end && *s->at != '"' && *s->at != '\\') s->at++;
	struct view plain = view_of(begin, (size_t)(s->at - begin));
	take(s, "\"");
	return plain;
}

static void take_hex(struct scan *s, const char *name, uint8_t *out, size_t len)
{
	struct view text = take_plain(s, name);
	if (s->bad || text_unhex(text, out, len) != ERR_OK) fail(s);
}

static void take_uuid(struct scan *s, const char *name, uint8_t out[static UUID_LEN])
{
	struct view text = take_plain(s, name);
	if (s->bad || text_parse_uuid(text, out) != ERR_OK) fail(s);
}

/* An id of 0 to AUDIT_ID_MAX bytes: UUID text where may_be_uuid and its length says so, else hex. */
static struct view take_id(struct scan *s, const char *name, bool may_be_uuid)
{
	struct audit_line *out = s->out;
	struct view text = take_plain(s, name);
	uint8_t *begin = out->text + out->text_len;
	bool uuid = may_be_uuid && text.len == UUID_TEXT_LEN && !s->bad && text.ptr[8] == '-';
	size_t len = uuid ? UUID_LEN : text.len / 2;
	if (s->bad || text.len > 2 * AUDIT_ID_MAX || len > sizeof out->text - out->text_len) {
		fail(s);
		return view_of(begin, 0);
	}
	enum coffer_err err = uuid ? text_parse_uuid(text, begin) : text_unhex(text, begin, len);
	if (err) fail(s);
	if (s->bad) return view_of(begin, 0);
	out->text_len += len;
	return view_of(begin, len);
}

/* The name of a number that is known must be its name, or say that the writer did not know it. */
static bool name_fits(struct view name, const char *known, const char *fallback)
{
	return !known || view_equal_str(name, known) || view_equal_str(name, fallback);
}

static void check_names(struct scan *s)
{
	const struct audit_line *l = s->out;
	const struct audit_event *e = &l->event;
	const char *operation = e->operation ? kmip_enum_name(ENUM_OPERATION, e->operation) : AUDIT_NO_OPERATION;
	if (!name_fits(l->operation, operation, AUDIT_UNKNOWN_OPERATION)) fail(s);
	if (!e->operation && !view_equal_str(l->operation, AUDIT_NO_OPERATION)) fail(s);
	if (!e->status && !view_equal_str(l->result, AUDIT_RESULT_OK)) fail(s);
	if (e->status && view_equal_str(l->result, AUDIT_RESULT_OK)) fail(s);
	if (e->status && !name_fits(l->result, kmip_enum_name(ENUM_RESULT_REASON, e->result_reason), AUDIT_RESULT_FAILED)) fail(s);
}

static void take_record(struct scan *s)
{
	struct audit_line *out = s->out;
	struct audit_event *e = &out->event;
	e->seq = take_number(s, "{", "seq", UINT64_MAX);
	(void)take_plain(s, "time");
	e->principal = take_text(s, "principal", AUDIT_PRINCIPAL_MAX);
	out->operation = take_text(s, "operation", AUDIT_NAME_MAX);
	out->result = take_text(s, "result", AUDIT_NAME_MAX);
	e->object_id = take_id(s, "object", true);
	e->details = take_text(s, "details", AUDIT_DETAILS_MAX);
	e->request_id = take_id(s, "request", false);
	e->time_ms = take_number(s, ",", "ms", UINT64_MAX);
	e->operation = (uint32_t)take_number(s, ",", "op", UINT32_MAX);
	e->status = (uint32_t)take_number(s, ",", "status", UINT32_MAX);
	e->result_reason = (uint32_t)take_number(s, ",", "reason", UINT32_MAX);
	e->epoch = take_number(s, ",", "epoch", UINT64_MAX);
	out->links.generation = (uint32_t)take_number(s, ",", "generation", UINT32_MAX);
	take_hex(s, "link", out->links.link, AUDIT_LINK_LEN);
	take_hex(s, "digest", out->links.digest, AUDIT_DIGEST_LEN);
	check_names(s);
}

static uint64_t take_whose(struct scan *s)
{
	(void)take_plain(s, "time");
	uint64_t time_ms = take_number(s, ",", "ms", UINT64_MAX);
	take_uuid(s, "domain", s->out->domain.id);
	take_uuid(s, "node", s->out->domain.node_id);
	return time_ms;
}

static void take_checkpoint(struct scan *s)
{
	struct audit_checkpoint *c = &s->out->checkpoint;
	c->at.seq = take_number(s, "{", "checkpoint", UINT64_MAX);
	c->time_ms = take_whose(s);
	take_hex(s, "link", c->at.link, AUDIT_LINK_LEN);
	take_hex(s, "digest", c->at.digest, AUDIT_DIGEST_LEN);
	take_hex(s, "signature", c->signature, DOMAIN_SIGNATURE_LEN);
}

static void take_gap(struct scan *s)
{
	struct audit_gap *g = &s->out->gap;
	g->from = take_number(s, "{", "gap", UINT64_MAX);
	g->to.seq = take_number(s, ",", "to", UINT64_MAX);
	g->time_ms = take_whose(s);
	g->why = take_text(s, "why", AUDIT_WHY_MAX);
	take_hex(s, "before", g->before, AUDIT_DIGEST_LEN);
	take_hex(s, "link", g->to.link, AUDIT_LINK_LEN);
	take_hex(s, "digest", g->to.digest, AUDIT_DIGEST_LEN);
	take_hex(s, "signature", g->signature, DOMAIN_SIGNATURE_LEN);
	if (g->from == 0 || g->from > g->to.seq) fail(s);
}

static void take_header(struct scan *s)
{
	struct audit_line *out = s->out;
	if (take_number(s, "{", "coffer-audit", 1) != 1) fail(s);
	take_uuid(s, "domain", out->domain.id);
	take_uuid(s, "node", out->domain.node_id);
	take_hex(s, "key", out->domain.public_key, DOMAIN_PUBLIC_LEN);
	(void)take_plain(s, "fingerprint");
	out->before.seq = take_number(s, ",", "seq", UINT64_MAX);
	take_hex(s, "link", out->before.link, AUDIT_LINK_LEN);
	take_hex(s, "digest", out->before.digest, AUDIT_DIGEST_LEN);
}

static bool begins(struct view line, const char *with)
{
	size_t len = strlen(with);
	return line.len > len && memcmp(line.ptr, with, len) == 0;
}

/* Also what was read over: times, the fingerprint. */
static bool is_the_one_way(struct view line, struct audit_line *l)
{
	struct writer w;
	writer_init(&w, l->again, sizeof l->again);
	switch (l->kind) {
	case AUDIT_LINE_HEADER: audit_line_header(&l->domain, &l->before, &w); break;
	case AUDIT_LINE_RECORD: audit_line_record_named(&l->event, &l->links, l->operation, l->result, &w); break;
	case AUDIT_LINE_CHECKPOINT: audit_line_checkpoint(&l->domain, &l->checkpoint, &w); break;
	default: audit_line_gap(&l->domain, &l->gap, &w); break;
	}
	return writer_done(&w) == ERR_OK && view_equal(writer_view(&w), line);
}

enum coffer_err audit_line_read(struct view line, struct audit_line *out)
{
	static const struct {
		const char *with;
		enum audit_line_kind kind;
		void (*take)(struct scan *s);
	} kinds[] = {
		{ "{\"seq\":", AUDIT_LINE_RECORD, take_record },
		{ "{\"checkpoint\":", AUDIT_LINE_CHECKPOINT, take_checkpoint },
		{ "{\"gap\":", AUDIT_LINE_GAP, take_gap },
		{ "{\"coffer-audit\":", AUDIT_LINE_HEADER, take_header },
	};
	struct scan s = { line.ptr, line.ptr + line.len, out, false };
	size_t i = 0;
	ENSURE(line.len <= AUDIT_LINE_MAX, ERR_CORRUPT);
	while (i < sizeof kinds / sizeof kinds[0] && !begins(line, kinds[i].with)) i++;
	ENSURE(i < sizeof kinds / sizeof kinds[0], ERR_CORRUPT);
	out->kind = kinds[i].kind;
	out->text_len = 0;
	kinds[i].take(&s);
	take(&s, "}");
	ENSURE(!s.bad && s.at == s.end && is_the_one_way(line, out), ERR_CORRUPT);
	return ERR_OK;
}
