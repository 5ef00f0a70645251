/* The token's signature in the audit log (docs/formats.md section 20.6): the frozen record, and its table of attacks. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/proof.h"
#include "audit/witness.h"
#include "crypto/ecdsa.h"
#include "crypto/sign.h"
#include "unit/audit/lines.h"
#include "unit/keyring/fixture.h"

#define RECORDS 12u

/* Keys made for this test alone: tests/vectors/witness-key-{a,b}.pem. */
static char key_a[512], key_b[512];

static int load_key(const char *name, char *out, size_t cap)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", getenv("COFFER_VECTORS"), name);
	FILE *f = fopen(path, "r");
	if (!f) return -1;
	size_t len = fread(out, 1, cap - 1, f);
	fclose(f);
	out[len] = 0;
	return len ? 0 : -1;
}

static int start(void **state)
{
	if (lines_start(state) != 0) return -1;
	return load_key("witness-key-a.pem", key_a, sizeof key_a) || load_key("witness-key-b.pem", key_b, sizeof key_b) ? -1 : 0;
}

static char found[2048];
static struct audit_proof_result result;

static void take_finding(void *arg, const struct audit_finding *f)
{
	size_t len = strlen(found);
	(void)arg;
	snprintf(found + len, sizeof found - len, "%s %llu-%llu;", audit_finding_name(f->kind), (unsigned long long)f->from, (unsigned long long)f->to);
}

static void public_of(const char *pem, uint8_t out[static AUDIT_WITNESS_PUBLIC_LEN])
{
	struct ecdsa_public key;
	assert_int_equal(ecdsa_public_from_pem(view_str(pem), &key), ERR_OK);
	memcpy(out, key.point, AUDIT_WITNESS_PUBLIC_LEN);
}

static void sign_with(const char *pem, const struct domain_id *domain, struct audit_witness *w)
{
	uint8_t digest[32], signature[ECDSA_SIGNATURE_MAX];
	AUTO_SECRET struct secret *secret = secret_copy(pem, strlen(pem));
	public_of(pem, w->public_key);
	assert_int_equal(audit_witness_digest(domain, w, digest), ERR_OK);
	assert_int_equal(ecdsa_sign_with_pem(secret, view_of(digest, sizeof digest), signature), ERR_OK);
	memcpy(w->signature, signature, sizeof w->signature);
}

/* ---- a chain in which some records are the token's ---- */

/* What the record of this number says; false: a plain one. */
typedef bool says_fn(uint64_t seq, const struct audit_place *history, struct audit_witness *out, const char **out_pem);

struct chain {
	struct audit_place history[RECORDS + 1];
	char *lines[RECORDS + 2];
	size_t count;
};

static void put(struct chain *c, struct writer *w)
{
	struct view v = writer_view(w);
	assert_int_equal(writer_done(w), ERR_OK);
	c->lines[c->count++] = strndup((const char *)v.ptr, v.len);
}

static void put_record(struct chain *c, const struct domain_id *domain, uint64_t seq, const char *details, const char *principal)
{
	uint8_t row[2048];
	static uint8_t text[AUDIT_LINE_MAX];
	struct writer w;
	struct audit_links links = { .generation = 1 };
	const struct audit_event event = { .seq = seq, .time_ms = 1700000000000 + seq, .principal = view_str(principal), .details = view_str(details) };
	memset(links.link, (int)seq, sizeof links.link);
	writer_init(&w, row, sizeof row);
	audit_event_write(domain, &event, &w);
	assert_int_equal(audit_digest_next(c->history[seq - 1].digest, 1, links.link, writer_view(&w), links.digest), ERR_OK);
	c->history[seq].seq = seq;
	memcpy(c->history[seq].link, links.link, sizeof links.link);
	memcpy(c->history[seq].digest, links.digest, sizeof links.digest);
	writer_init(&w, text, sizeof text);
	audit_line_record(&event, &links, &w);
	put(c, &w);
}

static void put_checkpoint(struct chain *c, const struct domain_id *domain)
{
	uint8_t text[1024], message[AUDIT_SIGNED_MAX];
	struct writer w;
	struct audit_checkpoint checkpoint = { .at = c->history[RECORDS], .time_ms = 1700000001000 };
	AUTO_SECRET struct secret *seed = fixture_seed();
	writer_init(&w, message, sizeof message);
	audit_checkpoint_message(domain, &checkpoint, &w);
	assert_int_equal(sign_ed25519(seed, writer_view(&w), checkpoint.signature), ERR_OK);
	writer_init(&w, text, sizeof text);
	audit_line_checkpoint(domain, &checkpoint, &w);
	put(c, &w);
}

/* version: of what the plain records say. */
static void make(struct chain *c, says_fn *says, unsigned version, const char *principal)
{
	struct domain_id domain;
	char text[1024];
	struct writer w;
	*c = (struct chain){ .count = 0 };
	fixture_domain(&domain);
	assert_int_equal(audit_place_begin(&domain, &c->history[0]), ERR_OK);
	writer_init(&w, text, sizeof text);
	audit_line_header(&domain, &c->history[0], &w);
	put(c, &w);
	for (uint64_t seq = 1; seq <= RECORDS; seq++) {
		struct audit_witness witness = { .time_ms = 1700000000500 };
		const char *pem = key_a;
		if (says(seq, c->history, &witness, &pem)) {
			if (pem) sign_with(pem, &domain, &witness);
			audit_witness_write(&witness, text);
			put_record(c, &domain, seq, text, principal);
		} else {
			snprintf(text, sizeof text, "record %llu of history %u", (unsigned long long)seq, version);
			put_record(c, &domain, seq, text, "node");
		}
	}
	put_checkpoint(c, &domain);
}

static const char *judge(struct chain *c, const char *expected_key, size_t from)
{
	struct audit_trust trust = { .by_key = false };
	struct domain_id domain;
	uint8_t public_key[AUDIT_WITNESS_PUBLIC_LEN], fingerprint[DOMAIN_FINGERPRINT_LEN];
	fixture_domain(&domain);
	assert_int_equal(domain_fingerprint(&domain, trust.fingerprint), ERR_OK);
	struct audit_proof *proof = audit_proof_new(&trust, take_finding, NULL);
	assert_non_null(proof);
	found[0] = '\0';
	if (expected_key) {
		public_of(expected_key, public_key);
		assert_int_equal(audit_witness_fingerprint(public_key, fingerprint), ERR_OK);
		assert_int_equal(audit_proof_expect_key(proof, fingerprint), ERR_OK);
	}
	audit_proof_file(proof, "a file");
	for (size_t i = from; i < c->count; i++) audit_proof_line(proof, view_str(c->lines[i]));
	audit_proof_end(proof, false, &result);
	audit_proof_free(proof);
	for (size_t i = 0; i < c->count; i++) free(c->lines[i]);
	return found;
}

static bool token_signs_4_and_8(uint64_t seq, const struct audit_place *history, struct audit_witness *out, const char **out_pem)
{
	(void)out_pem;
	if (seq != 5 && seq != 10) return false;
	out->at = history[seq == 5 ? 4 : 8];
	return true;
}

static bool nobody_signs(uint64_t seq, const struct audit_place *history, struct audit_witness *out, const char **out_pem)
{
	(void)seq, (void)history, (void)out, (void)out_pem;
	return false;
}

static bool another_key_from_10_on(uint64_t seq, const struct audit_place *history, struct audit_witness *out, const char **out_pem)
{
	if (seq == 10) *out_pem = key_b;
	return token_signs_4_and_8(seq, history, out, out_pem);
}

static bool signature_of_another_time(uint64_t seq, const struct audit_place *history, struct audit_witness *out, const char **out_pem)
{
	struct domain_id domain;
	fixture_domain(&domain);
	if (!token_signs_4_and_8(seq, history, out, out_pem)) return false;
	sign_with(key_a, &domain, out);
	out->time_ms++;
	*out_pem = NULL;
	return true;
}

static struct audit_witness genuine;

/* Row 2 of the table: what the token signed once, in a history of his own. */
static bool an_old_witness(uint64_t seq, const struct audit_place *history, struct audit_witness *out, const char **out_pem)
{
	(void)history;
	if (seq != 5) return false;
	*out = genuine;
	*out_pem = NULL;
	return true;
}

static bool a_record_that_comes_later(uint64_t seq, const struct audit_place *history, struct audit_witness *out, const char **out_pem)
{
	(void)out_pem;
	if (seq != 5) return false;
	out->at = history[4];
	out->at.seq = 9;
	return true;
}

/* ---- tests ---- */

static json_t *frozen(void)
{
	char path[4096];
	const char *dir = getenv("COFFER_VECTORS");
	snprintf(path, sizeof path, "%s/audit-token-v1.json", dir ? dir : "tests/vectors");
	json_t *doc = json_load_file(path, 0, NULL);
	assert_non_null(doc);
	return doc;
}

static struct audit_event event_of(const char *details)
{
	return (struct audit_event){ .seq = 42, .principal = view_str("node"), .details = view_str(details) };
}

static void the_frozen_record_reads_and_holds(void **state)
{
	struct domain_id domain;
	struct audit_witness w;
	char again[AUDIT_WITNESS_TEXT], text[DOMAIN_FINGERPRINT_TEXT];
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	(void)state;
	json_t *doc = frozen();
	const char *details = json_string_value(json_object_get(doc, "details"));
	struct audit_event event = event_of(details);
	fixture_domain(&domain);
	assert_true(audit_witness_is(&event));
	assert_int_equal(audit_witness_read(&event, &w), ERR_OK);
	assert_int_equal(w.at.seq, 41);
	assert_int_equal(audit_witness_verify(&domain, &w), ERR_OK);
	audit_witness_write(&w, again);
	assert_string_equal(again, details);
	assert_int_equal(audit_witness_fingerprint(w.public_key, fingerprint), ERR_OK);
	domain_fingerprint_format(fingerprint, text);
	assert_string_equal(text, json_string_value(json_object_get(doc, "fingerprint")));
	domain.node_id[0] ^= 1; /* of another node */
	assert_int_equal(audit_witness_verify(&domain, &w), ERR_CORRUPT);
	json_decref(doc);
}

/* Every byte counts, and there is one way to write it. */
static void an_altered_record_is_none(void **state)
{
	struct domain_id domain;
	struct audit_witness w;
	char text[AUDIT_WITNESS_TEXT + 8];
	(void)state;
	json_t *doc = frozen();
	const char *details = json_string_value(json_object_get(doc, "details"));
	fixture_domain(&domain);
	for (size_t i = strlen("signed by the token up to record "); i < strlen(details); i++) {
		snprintf(text, sizeof text, "%s", details);
		text[i] = text[i] == '1' ? '2' : '1';
		struct audit_event event = event_of(text);
		if (audit_witness_read(&event, &w) == ERR_OK) assert_int_equal(audit_witness_verify(&domain, &w), ERR_CORRUPT);
	}
	for (size_t len = 40; len < strlen(details); len++) {
		struct audit_event event = event_of(details);
		event.details.len = len;
		assert_int_equal(audit_witness_read(&event, &w), ERR_CORRUPT);
	}
	snprintf(text, sizeof text, "%s ", details);
	struct audit_event longer = event_of(text);
	assert_int_equal(audit_witness_read(&longer, &w), ERR_CORRUPT);
	json_decref(doc);
}

static void what_the_token_signed_is_said(void **state)
{
	struct chain c;
	(void)state;
	make(&c, token_signs_4_and_8, 1, "node");
	assert_string_equal(judge(&c, NULL, 0), "");
	assert_int_equal(result.token_signatures, 2);
	assert_int_equal(result.token_to, 8);
	make(&c, token_signs_4_and_8, 1, "node");
	assert_string_equal(judge(&c, key_a, 0), "");
	make(&c, token_signs_4_and_8, 1, "node");
	assert_string_equal(judge(&c, key_b, 0), "token key 5-5;");
}

static void the_domain_key_alone_is_not_enough(void **state)
{
	struct chain c;
	(void)state;
	make(&c, nobody_signs, 1, "node");
	assert_string_equal(judge(&c, NULL, 0), "");
	assert_int_equal(result.token_records, 0);
	make(&c, nobody_signs, 1, "node");
	assert_string_equal(judge(&c, key_a, 0), "no token 1-12;");
	make(&c, another_key_from_10_on, 1, "node");
	assert_string_equal(judge(&c, NULL, 0), "token key 10-10;");
	make(&c, another_key_from_10_on, 1, "node");
	assert_string_equal(judge(&c, key_a, 0), "token key 10-10;");
	make(&c, signature_of_another_time, 1, "node");
	assert_string_equal(judge(&c, NULL, 0), "forged by no token 5-5;forged by no token 10-10;");
}

static void another_history_with_the_tokens_old_words_is_found(void **state)
{
	struct chain c;
	struct domain_id domain;
	(void)state;
	fixture_domain(&domain);
	make(&c, nobody_signs, 1, "node");
	genuine = (struct audit_witness){ .at = c.history[4], .time_ms = 1700000000500 };
	sign_with(key_a, &domain, &genuine);
	assert_string_equal(judge(&c, NULL, 0), "");
	make(&c, an_old_witness, 1, "node");
	assert_string_equal(judge(&c, key_a, 0), "");
	make(&c, an_old_witness, 2, "node");
	assert_string_equal(judge(&c, key_a, 0), "rewritten 4-4;no token 1-12;");
	make(&c, a_record_that_comes_later, 1, "node");
	assert_string_equal(judge(&c, NULL, 0), "forged by no token 5-5;");
}

static void drop_line(struct chain *c, size_t at)
{
	free(c->lines[at]);
	memmove(&c->lines[at], &c->lines[at + 1], (c->count - at - 1) * sizeof c->lines[0]);
	c->count--;
}

/* A record that is not here (cut out, or behind a gap of the node's own) says nothing about what the token signed of it: it is what is missing, and the token is accused of nothing. */
static void what_the_token_signed_of_a_record_that_is_missing_is_no_forgery(void **state)
{
	struct chain c;
	(void)state;
	make(&c, token_signs_4_and_8, 1, "node");
	drop_line(&c, 4);
	assert_string_equal(judge(&c, key_a, 0), "missing 4-4;");
	assert_int_equal(result.token_signatures, 1);
	assert_int_equal(result.token_records, 2);
	assert_int_equal(result.token_to, 8);
}

static void what_a_client_writes_is_not_the_tokens(void **state)
{
	struct chain c;
	(void)state;
	make(&c, token_signs_4_and_8, 1, "unix:0");
	assert_string_equal(judge(&c, NULL, 0), "");
	assert_int_equal(result.token_records, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_frozen_record_reads_and_holds),
		cmocka_unit_test(an_altered_record_is_none),
		cmocka_unit_test(what_the_token_signed_is_said),
		cmocka_unit_test(the_domain_key_alone_is_not_enough),
		cmocka_unit_test(another_history_with_the_tokens_old_words_is_found),
		cmocka_unit_test(what_the_token_signed_of_a_record_that_is_missing_is_no_forgery),
		cmocka_unit_test(what_a_client_writes_is_not_the_tokens),
	};
	return cmocka_run_group_tests(tests, start, lines_stop);
}
