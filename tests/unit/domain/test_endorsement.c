/* Listed endorsement certificates: the list, the challenge, the proof, and what is not taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "crypto/certificate.h"
#include "crypto/rng.h"
#include "domain/admit.h"
#include "keyring/domain_record.h"
#include "unit/domain/ek.h"
#include "unit/domain/world.h"
#include "unit/keyring/fixture.h"
#include "unit/keyring/frozen.h"

#define NOW 1700000001000u

static int start(void **state)
{
	return frozen_start("admission-v1.json", state);
}

/* A domain, and a request whose TPM has a certificate. */
struct house {
	struct store *store;
	struct answer_plan plan;
	struct admission_request q;
	struct buf certificate, area, request, row;
	uint8_t digest[ADMISSION_DIGEST_LEN];
	struct endorsement entry;
	struct admit_wish wish;
};

static void put_row(struct house *h, const struct admission_row *row)
{
	buf_clear(&h->row);
	assert_int_equal(admission_row_write(row, &h->row), ERR_OK);
	h->wish.row = buf_view(&h->row);
}

/* The row of the request as it is in h->q. */
static void ask(struct house *h)
{
	buf_clear(&h->request);
	assert_int_equal(admission_request_write(&h->q, &h->request), ERR_OK);
	assert_int_equal(admission_digest(buf_view(&h->request), h->digest), ERR_OK);
	put_row(h, &(struct admission_row){ .state = ADMISSION_ASKED, .request = buf_view(&h->request) });
}

static void set_certificate(struct house *h, const char *group)
{
	buf_clear(&h->certificate);
	ek_certificate(group, &h->certificate);
	h->q.certificate = buf_view(&h->certificate);
	assert_int_equal(hash_sha256(h->q.certificate, h->entry.digest), ERR_OK);
}

static void house_new(struct house *h)
{
	*h = (struct house){ .entry = { .listed_ms = NOW - 5, .principal = "unix:7", .name = "rack 3" } };
	world_plan(&h->plan);
	world_request("request", &h->q, &h->request);
	assert_int_equal(store_open_memory(&h->store), ERR_OK);
	assert_int_equal(store_begin(h->store, NULL), ERR_OK);
	h->wish = (struct admit_wish){ .now_ms = NOW, .date_ms = NOW, .epoch = 7, .roots = h->plan.roots, .root_count = 2 };
	h->q.evidence = ADMISSION_BY_ENDORSEMENT;
	memcpy(h->q.token_kind, "tpm2", sizeof "tpm2");
	ek_area(h->q.transport_key, &h->area);
	h->q.public_area = buf_view(&h->area);
	set_certificate(h, "P-256");
	ask(h);
}

static void house_done(struct house *h)
{
	store_rollback(h->store);
	store_close(h->store);
	buf_free(&h->certificate);
	buf_free(&h->area);
	buf_free(&h->request);
	buf_free(&h->row);
	world_plan_done(&h->plan);
}

static void list(struct house *h)
{
	assert_int_equal(endorsement_put(h->store, h->plan.ring, &h->entry), ERR_OK);
}

static enum coffer_err decide(struct house *h, struct admitted *out, struct buf *row, struct reason *why)
{
	return admit(h->store, h->plan.ring, h->plan.domain_seed, &h->wish, out, row, why);
}

static void assert_refused(struct house *h, enum coffer_err err, const char *says)
{
	struct admitted out = { .again = true };
	struct reason why = { "" };
	uint64_t count;
	AUTO_BUF struct buf row = BUF_EMPTY;
	enum coffer_err found = decide(h, &out, &row, &why);
	if (found != err || !strstr(why.text, says)) fail_msg("%s: %s", err_name(found), why.text);
	assert_int_equal(store_count(h->store, STORE_NODE, &count), ERR_OK);
	assert_true(count == 0 && row.len == 0);
}

/* Challenged; the row is the one that stands there now. */
static void assert_challenged(struct house *h)
{
	struct admitted out = { .again = true };
	struct reason why = { "" };
	struct admission_row row;
	struct endorsement_asked asked;
	uint64_t count;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	if (decide(h, &out, &bytes, &why) != ERR_OK) fail_msg("%s", why.text);
	assert_true(out.challenged && out.record.name[0] == '\0');
	assert_int_equal(store_count(h->store, STORE_NODE, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(admission_row_read(buf_view(&bytes), &row, NULL), ERR_OK);
	assert_true(row.state == ADMISSION_CHALLENGED && row.proof.len == 0 && view_equal(row.request, buf_view(&h->request)));
	assert_int_equal(endorsement_challenge_read(row.challenge, &asked), ERR_OK);
	assert_true(asked.generation == 2 && asked.blob.len == CREDENTIAL_BLOB_LEN && (asked.seed.len == 68 || asked.seed.len == 256));
	put_row(h, &row);
}

/* The node's part, as its TPM would have it do. */
static void prove(struct house *h, const uint8_t *digest)
{
	struct admission_row row;
	uint8_t proof[ADMISSION_PROOF_LEN];
	AUTO_SECRET struct secret *secret = NULL;
	AUTO_BUF struct buf before = BUF_EMPTY;
	assert_int_equal(buf_append(&before, buf_view(&h->row)), ERR_OK);
	assert_int_equal(admission_row_read(buf_view(&before), &row, NULL), ERR_OK);
	ek_secret(h->plan.ring, digest, &secret);
	assert_int_equal(endorsement_proof(secret, digest, proof), ERR_OK);
	row.proof = view_of(proof, sizeof proof);
	put_row(h, &row);
}

static void of_type(const char *group)
{
	struct house h;
	struct admitted out;
	struct endorsement kept;
	struct admission_row row;
	AUTO_BUF struct buf answered = BUF_EMPTY;
	AUTO_BUF struct buf again = BUF_EMPTY;
	house_new(&h);
	set_certificate(&h, group);
	ask(&h);
	assert_refused(&h, ERR_NOT_FOUND, "is not listed");
	list(&h);
	assert_challenged(&h);
	assert_challenged(&h); /* no proof yet: the same once more */
	prove(&h, h.digest);
	assert_int_equal(decide(&h, &out, &answered, NULL), ERR_OK);
	assert_true(!out.challenged && !out.again && out.record.origin == NODE_BY_ENDORSEMENT);
	assert_string_equal(out.record.principal, "unix:7");
	assert_string_equal(out.evidence, "rack 3");
	assert_int_equal(admission_row_read(buf_view(&answered), &row, NULL), ERR_OK);
	assert_int_equal(row.state, ADMISSION_ANSWERED);
	assert_int_equal(endorsement_get(h.store, h.plan.ring, h.entry.digest, &kept), ERR_OK);
	assert_true(kept.used);
	assert_memory_equal(kept.used_by, h.q.node_id, UUID_LEN);
	assert_int_equal(decide(&h, &out, &again, NULL), ERR_OK); /* the proven row put back: for who joins alone */
	assert_true(out.again);
	h.q.node_id[15] ^= 1; /* another node with the same TPM, or who says so */
	memcpy(h.q.name, "other", 6);
	ask(&h);
	struct reason why = { "" };
	assert_int_equal(decide(&h, &out, &again, &why), ERR_STATE);
	assert_non_null(strstr(why.text, "'rack 3' admitted node"));
	house_done(&h);
}

static void a_listed_tpm_that_answers_admits_one_node(void **state)
{
	(void)state;
	of_type("P-256");
	of_type("RSA");
}

static void a_proof_that_does_not_hold_admits_nobody(void **state)
{
	struct house h;
	uint8_t other[ADMISSION_DIGEST_LEN];
	AUTO_BUF struct buf proven = BUF_EMPTY;
	(void)state;
	house_new(&h);
	list(&h);
	assert_challenged(&h);
	memcpy(other, h.digest, sizeof other);
	other[0] ^= 1;
	prove(&h, other); /* that of another request */
	assert_refused(&h, ERR_CONTEXT, "does not show that its transport key is in the TPM");
	prove(&h, h.digest);
	h.row.ptr[h.row.len - 9] ^= 1; /* proof, then two empty parts */
	assert_refused(&h, ERR_CONTEXT, "does not show that its transport key is in the TPM");
	h.row.ptr[h.row.len - 9] ^= 1;
	assert_int_equal(endorsement_erase(h.store, h.entry.digest), ERR_OK); /* not listed any more meanwhile */
	assert_refused(&h, ERR_NOT_FOUND, "is not listed");
	list(&h);
	h.wish.fingerprint = h.digest;
	assert_refused(&h, ERR_STATE, "decides by itself");
	h.wish.fingerprint = NULL;
	assert_int_equal(buf_append(&proven, buf_view(&h.row)), ERR_OK);
	h.q.nonce[0] ^= 1; /* challenge and proof of before under another request */
	ask(&h);
	struct admission_row row, old;
	assert_int_equal(admission_row_read(buf_view(&proven), &old, NULL), ERR_OK);
	row = old;
	row.request = buf_view(&h.request);
	put_row(&h, &row);
	assert_refused(&h, ERR_CONTEXT, "does not show that its transport key is in the TPM");
	house_done(&h);
}

/* The data key was changed between challenge and proof; who has the older one may be a node that was removed. */
static void an_older_generation_is_challenged_anew(void **state)
{
	struct house h;
	struct admission_row row;
	AUTO_BUF struct buf challenge = BUF_EMPTY;
	AUTO_BUF struct buf before = BUF_EMPTY;
	uint8_t proof[ADMISSION_PROOF_LEN] = { 1 };
	(void)state;
	house_new(&h);
	list(&h);
	assert_challenged(&h);
	assert_int_equal(buf_append(&before, buf_view(&h.row)), ERR_OK);
	assert_int_equal(admission_row_read(buf_view(&before), &row, NULL), ERR_OK);
	assert_int_equal(buf_append(&challenge, row.challenge), ERR_OK);
	challenge.ptr[3] = 1; /* of generation 1, it says */
	row.challenge = buf_view(&challenge);
	row.proof = view_of(proof, sizeof proof);
	put_row(&h, &row);
	assert_challenged(&h);
	house_done(&h);
}

static void assert_area(struct house *h, enum coffer_err err)
{
	uint8_t name[CREDENTIAL_NAME_LEN];
	assert_int_equal(endorsement_area(buf_view(&h->area), h->q.transport_key, name), err);
}

static void only_a_transport_key_that_stays_in_its_tpm_is_challenged(void **state)
{
	struct house h;
	static const uint8_t low[HPKE_PUBLIC_LEN] = { 4, 0, 9 };
	uint8_t name[CREDENTIAL_NAME_LEN];
	AUTO_BUF struct buf cut = BUF_EMPTY;
	(void)state;
	house_new(&h);
	list(&h);
	assert_area(&h, ERR_OK);
	for (size_t i = 0; i < h.area.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			h.area.ptr[i] ^= (uint8_t)(1u << bit);
			assert_area(&h, ERR_FIELD);
			h.area.ptr[i] ^= (uint8_t)(1u << bit);
		}
	}
	for (size_t len = 0; len < h.area.len; len++) assert_int_equal(endorsement_area(view_of(h.area.ptr, len), h.q.transport_key, name), ERR_FIELD);
	ek_area(low, &cut); /* a TPM that leaves a zero out: the Name is that of what it says */
	memmove(cut.ptr + 22, cut.ptr + 23, cut.len - 23);
	cut.ptr[21] = 31;
	cut.len--;
	assert_int_equal(endorsement_area(buf_view(&cut), low, name), ERR_OK);
	h.q.public_area = buf_view(&cut); /* another TPM's key */
	ask(&h);
	assert_refused(&h, ERR_FIELD, "not that of a transport key which stays in its TPM");
	h.q.public_area = buf_view(&h.area);
	memcpy(h.q.token_kind, "pkcs11", sizeof "pkcs11");
	ask(&h);
	assert_refused(&h, ERR_FIELD, "not that of a transport key");
	house_done(&h);
}

static void what_is_listed_has_to_be_usable(void **state)
{
	struct house h;
	(void)state;
	house_new(&h);
	set_certificate(&h, "P-384");
	list(&h);
	ask(&h);
	assert_refused(&h, ERR_UNSUPPORTED, "neither P-256 nor RSA");
	h.q.certificate = view_str("no certificate");
	assert_int_equal(hash_sha256(h.q.certificate, h.entry.digest), ERR_OK);
	snprintf(h.entry.name, sizeof h.entry.name, "text");
	list(&h);
	ask(&h);
	assert_refused(&h, ERR_CORRUPT, "is none");
	house_done(&h);
}

/* ---- certificates ---- */

static void certificates_are_cut_and_read_strictly(void **state)
{
	struct view cut;
	AUTO_BUF struct buf der = BUF_EMPTY;
	AUTO_BUF struct buf again = BUF_EMPTY;
	(void)state;
	ek_certificate("P-256", &der);
	size_t len = der.len;
	assert_int_equal(certificate_check(buf_view(&der)), ERR_OK);
	assert_int_equal(buf_append(&der, view_str("behind it")), ERR_OK);
	assert_int_equal(certificate_check(buf_view(&der)), ERR_CORRUPT);
	assert_int_equal(certificate_cut(buf_view(&der), &cut), ERR_OK);
	assert_int_equal(cut.len, len);
	assert_int_equal(certificate_of_file(buf_view(&der), &again), ERR_OK);
	assert_true(view_equal(buf_view(&again), cut));
	for (size_t i = 0; i < len; i++) assert_int_not_equal(certificate_check(view_of(der.ptr, i)), ERR_OK);
	der.ptr[2] = 0x7F;
	assert_int_equal(certificate_cut(buf_view(&der), &cut), ERR_CORRUPT);
}

/* ---- the list ---- */

struct seen {
	unsigned count;
	char last[ADMISSION_NAME_MAX + 1];
};

static enum coffer_err note(void *arg, const struct endorsement *e)
{
	struct seen *s = arg;
	s->count++;
	memcpy(s->last, e->name, sizeof s->last);
	return ERR_OK;
}

static void the_list_is_walked_and_emptied_of_what_is_open(void **state)
{
	struct house h;
	struct seen seen = { .count = 0 };
	unsigned erased;
	(void)state;
	house_new(&h);
	for (unsigned i = 0; i < 6; i++) {
		h.entry.digest[0] = (uint8_t)i;
		h.entry.used = i == 5;
		snprintf(h.entry.name, sizeof h.entry.name, "tpm %u", i);
		snprintf(h.entry.principal, sizeof h.entry.principal, "%s", i % 2 ? "unix:1" : "unix:2");
		list(&h);
	}
	assert_int_equal(endorsement_each(h.store, h.plan.ring, note, &seen), ERR_OK);
	assert_int_equal(seen.count, 6);
	assert_string_equal(seen.last, "tpm 5");
	assert_int_equal(endorsement_erase_open(h.store, h.plan.ring, "unix:1", &erased), ERR_OK);
	assert_int_equal(erased, 2);
	assert_int_equal(endorsement_erase_open(h.store, h.plan.ring, NULL, &erased), ERR_OK);
	assert_int_equal(erased, 3);
	seen.count = 0;
	assert_int_equal(endorsement_each(h.store, h.plan.ring, note, &seen), ERR_OK);
	assert_int_equal(seen.count, 1);
	h.entry.digest[31] ^= 1; /* the same record name, another certificate */
	assert_int_equal(endorsement_get(h.store, h.plan.ring, h.entry.digest, &h.entry), ERR_NOT_FOUND);
	assert_int_equal(domain_record_put(h.store, h.plan.ring, "endorsement-0", view_str("x")), ERR_OK);
	assert_int_equal(endorsement_each(h.store, h.plan.ring, note, &seen), ERR_CORRUPT);
	assert_int_equal(endorsement_erase_open(h.store, h.plan.ring, NULL, &erased), ERR_CORRUPT);
	house_done(&h);
}

static void an_entry_that_no_reader_takes_is_not_written(void **state)
{
	struct house h;
	(void)state;
	house_new(&h);
	struct endorsement nameless = h.entry, nobody = h.entry;
	nameless.name[0] = '\0';
	nobody.principal[0] = '\0';
	assert_int_equal(endorsement_put(h.store, h.plan.ring, &nameless), ERR_FIELD);
	assert_int_equal(endorsement_put(h.store, h.plan.ring, &nobody), ERR_FIELD);
	house_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listed_tpm_that_answers_admits_one_node),
		cmocka_unit_test(a_proof_that_does_not_hold_admits_nobody),
		cmocka_unit_test(an_older_generation_is_challenged_anew),
		cmocka_unit_test(only_a_transport_key_that_stays_in_its_tpm_is_challenged),
		cmocka_unit_test(what_is_listed_has_to_be_usable),
		cmocka_unit_test(certificates_are_cut_and_read_strictly),
		cmocka_unit_test(the_list_is_walked_and_emptied_of_what_is_open),
		cmocka_unit_test(an_entry_that_no_reader_takes_is_not_written),
	};
	return cmocka_run_group_tests(tests, start, frozen_stop);
}
