/* Frozen lines, and exports to be tampered with. */
#include "unit/audit/lines.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sign.h"
#include "unit/keyring/fixture.h"

#define TIME_MS UINT64_C(1700000000000)

static json_t *vectors;

int lines_start(void **state)
{
	char path[4096];
	const char *dir = getenv("COFFER_VECTORS");
	snprintf(path, sizeof path, "%s/audit-export-v1.json", dir ? dir : "tests/vectors");
	vectors = json_load_file(path, JSON_ALLOW_NUL, NULL);
	if (!vectors) fprintf(stderr, "cannot read %s\n", path);
	return vectors ? fixture_start(state) : -1;
}

int lines_stop(void **state)
{
	json_decref(vectors);
	return fixture_stop(state);
}

const char *frozen_line(const char *name)
{
	const char *line = json_string_value(json_object_get(vectors, name));
	assert_non_null(line);
	return line;
}

static void event_of(uint64_t seq, unsigned version, char details[static 64], struct audit_event *out)
{
	snprintf(details, 64, "record %llu of history %u", (unsigned long long)seq, version);
	*out = (struct audit_event){ .seq = seq, .time_ms = TIME_MS + seq * 1000, .principal = view_str("unix:7"), .operation = 1,
		.details = view_str(details) };
}

/* Links need the audit key; here they are anything. */
static void links_of(const struct domain_id *domain, const struct audit_event *event, const struct audit_place *before, struct audit_links *out)
{
	uint8_t row[1024];
	struct writer w;
	out->generation = 1;
	memset(out->link, (int)(event->seq & 0xff), sizeof out->link);
	writer_init(&w, row, sizeof row);
	audit_event_write(domain, event, &w);
	assert_int_equal(writer_done(&w), ERR_OK);
	assert_int_equal(audit_digest_next(before->digest, 1, out->link, writer_view(&w), out->digest), ERR_OK);
}

static void step(const struct domain_id *domain, struct audit_place *place, unsigned version, struct audit_event *event, struct audit_links *links,
	char details[static 64])
{
	event_of(place->seq + 1, version, details, event);
	links_of(domain, event, place, links);
	place->seq++;
	memcpy(place->link, links->link, sizeof place->link);
	memcpy(place->digest, links->digest, sizeof place->digest);
}

void place_of(uint64_t seq, unsigned version, struct audit_place *out)
{
	struct domain_id domain;
	struct audit_event event;
	struct audit_links links;
	char details[64];
	fixture_domain(&domain);
	assert_int_equal(audit_place_begin(&domain, out), ERR_OK);
	while (out->seq < seq) step(&domain, out, version, &event, &links, details);
}

static void add(struct text *t, const struct writer *w)
{
	struct view v = writer_view(w);
	assert_int_equal(writer_done(w), ERR_OK);
	assert_true(t->count < LINES_MAX);
	t->lines[t->count++] = strndup((const char *)v.ptr, v.len);
}

static void sign(struct view message, uint8_t out[static DOMAIN_SIGNATURE_LEN])
{
	struct secret *seed = fixture_seed();
	assert_int_equal(sign_ed25519(seed, message, out), ERR_OK);
	secret_free(seed);
}

static void write_checkpoint(struct writer *w, const struct audit_place *at)
{
	uint8_t message[AUDIT_SIGNED_MAX];
	struct domain_id domain;
	struct writer m;
	struct audit_checkpoint checkpoint = { .at = *at, .time_ms = TIME_MS + at->seq * 1000 };
	fixture_domain(&domain);
	writer_init(&m, message, sizeof message);
	audit_checkpoint_message(&domain, &checkpoint, &m);
	sign(writer_view(&m), checkpoint.signature);
	audit_line_checkpoint(&domain, &checkpoint, w);
}

void make_checkpoint(char out[static 1024], uint64_t seq, unsigned version)
{
	struct audit_place place;
	struct writer w;
	place_of(seq, version, &place);
	writer_init(&w, out, 1023);
	write_checkpoint(&w, &place);
	out[writer_len(&w)] = '\0';
}

void make_gap(char out[static 1024], uint64_t from, uint64_t to)
{
	uint8_t message[AUDIT_SIGNED_MAX];
	struct audit_gap gap = { .from = from, .time_ms = TIME_MS, .why = view_str("the queue was full") };
	struct audit_place before;
	struct domain_id domain;
	struct writer w;
	fixture_domain(&domain);
	place_of(from - 1, 1, &before);
	place_of(to, 1, &gap.to);
	memcpy(gap.before, before.digest, sizeof gap.before);
	writer_init(&w, message, sizeof message);
	audit_gap_message(&domain, &gap, &w);
	sign(writer_view(&w), gap.signature);
	writer_init(&w, out, 1023);
	audit_line_gap(&domain, &gap, &w);
	out[writer_len(&w)] = '\0';
}

void make_export(struct text *t, uint64_t first, uint64_t last, uint64_t every, unsigned version)
{
	static uint8_t line[AUDIT_LINE_MAX];
	struct domain_id domain;
	struct audit_place place;
	struct audit_event event;
	struct audit_links links;
	struct writer w;
	char details[64];
	t->count = 0;
	fixture_domain(&domain);
	place_of(first - 1, version, &place);
	writer_init(&w, line, sizeof line);
	audit_line_header(&domain, &place, &w);
	add(t, &w);
	while (place.seq < last) {
		step(&domain, &place, version, &event, &links, details);
		writer_init(&w, line, sizeof line);
		audit_line_record(&event, &links, &w);
		add(t, &w);
		if (place.seq != last && place.seq % every != 0) continue;
		writer_init(&w, line, sizeof line);
		write_checkpoint(&w, &place);
		add(t, &w);
	}
}

void free_export(struct text *t)
{
	for (size_t i = 0; i < t->count; i++) free(t->lines[i]);
	t->count = 0;
}
