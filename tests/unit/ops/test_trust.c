/* Listed endorsement certificates from the operation that lists one to the node that joined by its TPM. What its TPM would say is known here from the founder's ring; what a TPM says is tests/unit/tpm/test_endorse.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/hash.h"
#include "crypto/p256.h"
#include "domain/node_record.h"
#include "domain/waiting.h"
#include "ops/admit_answer.h"
#include "ops/join.h"
#include "ops/seat.h"
#include "unit/domain/ek.h"
#include "unit/ops/join_world.h"
#include "unit/ops/vendor.h"

#define SECOND 4021u /* another administrator */

static struct buf certificate;
static uint8_t digest[ENDORSEMENT_DIGEST_LEN];
static struct secret *hidden; /* what the TPM finds in the next challenge; NULL: it is for another one */

static enum coffer_err on_endorse(const struct channel_request *q, const struct secret *transport, struct token_endorse_answer *out, struct buf *bytes)
{
	uint8_t point[HPKE_PUBLIC_LEN];
	AUTO_BUF struct buf area = BUF_EMPTY;
	out->there = true;
	if (q->op == CHANNEL_ACTIVATE) {
		ENSURE(hidden && q->endorse.blob.len == CREDENTIAL_BLOB_LEN && q->endorse.seed.len == 68, ERR_DENIED);
		return buf_append(bytes, secret_view(hidden));
	}
	TRY(p256_public_of(transport, point));
	ek_area(point, &area);
	memcpy(out->area, area.ptr, area.len);
	out->area_len = area.len;
	memcpy(out->certificate, certificate.ptr, certificate.len);
	out->certificate_len = certificate.len;
	return ERR_OK;
}

static void open_world(struct join_world *w)
{
	join_open(w);
	certificate = BUF_EMPTY;
	ek_certificate("P-256", &certificate);
	assert_int_equal(hash_sha256(buf_view(&certificate), digest), ERR_OK);
	w->b->token.on_endorse = on_endorse;
}

static void close_world(struct join_world *w)
{
	secret_free(TAKE(hidden));
	buf_free(&certificate);
	join_close(w);
}

static enum coffer_err list_as(struct join_world *w, unsigned uid, const char *name, struct view of)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_TRUST);
	ttlv_put_bytes(&a.w, TAG_COFFER_CERTIFICATE_DIGEST, of);
	if (name) ttlv_put_str(&a.w, TAG_COFFER_CERTIFICATE_NAME, name);
	enum coffer_err err = vendor_send(&w->a->fix, uid, &a, &answer);
	answer_free(&answer);
	return err;
}

static enum coffer_err list(struct join_world *w, const char *name)
{
	return list_as(w, ADMIN, name, view_of(digest, sizeof digest));
}

static enum coffer_err take_off(struct join_world *w, const char *name)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_UNTRUST);
	ttlv_put_str(&a.w, TAG_COFFER_CERTIFICATE_NAME, name);
	enum coffer_err err = vendor_send(&w->a->fix, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

static bool lists(struct join_world *w, const char *part)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_TRUSTED);
	assert_int_equal(vendor_send(&w->a->fix, ADMIN, &a, &answer), ERR_OK);
	bool found = vendor_holds(vendor_text(&answer, TAG_COFFER_JSON), part);
	answer_free(&answer);
	return found;
}

/* What the master server does by itself. False: nothing waits for it. */
static bool look(struct join_world *w, struct admit_one *one)
{
	struct engine *e = &w->a->fix.engine;
	struct reason why = { "" };
	bool waits = false;
	assert_int_equal(admit_waits(e->store, one->node_id, &waits), ERR_OK);
	if (!waits) return false;
	if (e->on_store(e, admit_one, one, &why) != ERR_OK) fail_msg("%s", why.text);
	return true;
}

static void read_row(struct join_world *w, struct buf *bytes, struct admission_row *row)
{
	buf_clear(bytes);
	assert_int_equal(waiting_get(w->a->fix.engine.store, w->b->fix.engine.join->kept.domain.node_id, bytes), ERR_OK);
	assert_int_equal(admission_row_read(buf_view(bytes), row, NULL), ERR_OK);
}

/* The master server challenges; from here on the TPM can answer. */
static void challenge(struct join_world *w)
{
	struct admit_one one = { .done = false };
	struct admission_row row;
	uint8_t q[ADMISSION_DIGEST_LEN];
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	assert_true(look(w, &one) && !one.done && !one.refused);
	assert_false(look(w, &one)); /* it is the node's turn */
	read_row(w, &bytes, &row);
	assert_int_equal(row.state, ADMISSION_CHALLENGED);
	assert_int_equal(admission_digest(row.request, q), ERR_OK);
	secret_free(TAKE(hidden));
	ek_secret(w->a->fix.ring, q, &hidden);
}

static enum coffer_err ask(struct join_world *w, bool endorsement, struct join_said *said)
{
	return join_ask(w, &(struct join_ask){ .endorsement = endorsement }, said);
}

static void expect_refused(struct join_world *w, const char *says)
{
	struct admit_one one = { .done = false };
	struct join_said said;
	assert_true(look(w, &one) && one.refused && !one.done);
	assert_non_null(strstr(one.said, says));
	assert_false(look(w, &one)); /* said once */
	assert_int_equal(ask(w, false, &said), ERR_DENIED);
	assert_non_null(strstr(said.why, says));
}

static void a_listed_tpm_joins_without_anybody(void **state)
{
	struct join_world w;
	struct join_said said, again;
	struct admit_one one = { .done = false };
	struct node_record n;
	(void)state;
	open_world(&w);
	assert_int_equal(list(&w, "rack 3"), ERR_OK);
	assert_true(lists(&w, "\"name\":\"rack 3\",\"state\":\"open\""));
	assert_int_equal(ask(&w, true, &said), ERR_OK);
	assert_string_equal(said.state, "waiting");
	challenge(&w);
	join_kill(&w); /* the same command without the option goes on */
	assert_int_equal(ask(&w, false, &again), ERR_OK);
	assert_string_equal(again.print, said.print);
	assert_true(look(&w, &one) && one.done && !one.refused);
	assert_non_null(strstr(one.said, "'second' may join by endorsement certificate 'rack 3'"));
	assert_int_equal(ask(&w, true, &again), ERR_OK);
	assert_string_equal(again.state, "member");
	join_expect_member(&w);
	assert_int_equal(node_record_get(w.b->fix.engine.store, w.b->fix.ring, w.b->fix.engine.domain.node_id, &n), ERR_OK);
	assert_int_equal(n.origin, NODE_BY_ENDORSEMENT);
	assert_true(lists(&w, "\"state\":\"used\"") && lists(&w, said.node));
	close_world(&w);
}

static void what_the_list_does_not_allow_is_refused_and_said(void **state)
{
	struct join_world w;
	struct join_said said;
	(void)state;
	open_world(&w);
	assert_int_equal(ask(&w, true, &said), ERR_OK);
	expect_refused(&w, "is not listed");
	assert_int_equal(list(&w, "rack 3"), ERR_OK);
	assert_int_equal(ask(&w, true, &said), ERR_OK);
	challenge(&w);
	secret_free(TAKE(hidden)); /* the challenge of somebody else */
	assert_int_equal(ask(&w, true, &said), ERR_DENIED);
	assert_int_equal(ask(&w, true, &said), ERR_DENIED); /* and nothing is forgotten */
	hidden = secret_new(CREDENTIAL_SECRET_LEN);
	assert_int_equal(ask(&w, true, &said), ERR_OK); /* a TPM that says something else */
	expect_refused(&w, "does not show that its transport key is in the TPM");
	assert_int_equal(ask(&w, true, &said), ERR_OK);
	challenge(&w);
	assert_int_equal(ask(&w, true, &said), ERR_OK);
	assert_int_equal(take_off(&w, "rack 3"), ERR_OK); /* between proof and answer */
	expect_refused(&w, "is not listed");
	assert_int_equal(join_ask(&w, &(struct join_ask){ .endorsement = true, .enrolment = "x" }, &said), ERR_INPUT);
	w.b->token.on_endorse = NULL; /* no TPM */
	assert_int_equal(ask(&w, true, &said), ERR_UNSUPPORTED);
	assert_int_equal(ask(&w, false, &said), ERR_OK); /* and by its fingerprint it may ask */
	join_approve_well(&w, said.print);
	assert_int_equal(ask(&w, false, &said), ERR_OK);
	assert_string_equal(said.state, "member");
	close_world(&w);
}

/* Each call of the joining node's token fails once: the same command goes on. */
static void whatever_fails_the_same_command_goes_on(void **state)
{
	(void)state;
	bool ended = false;
	unsigned members = 0;
	for (int at = 1; !ended; at++) {
		struct join_world w;
		struct join_said said = { .state = "" };
		struct admit_one one = { .done = false };
		enum coffer_err err = ERR_OK;
		assert_true(at < 60);
		open_world(&w);
		assert_int_equal(list(&w, "rack"), ERR_OK);
		join_fail_at = at;
		for (int tries = 0; tries < 10 && strcmp(said.state, "member") != 0 && w.b->fix.engine.state != ENGINE_FAULT; tries++) {
			err = ask(&w, true, &said);
			if (err) join_kill(&w);
			if (!err && strcmp(said.state, "waiting") == 0 && !hidden) challenge(&w);
			else if (!err) (void)look(&w, &one);
		}
		ended = join_fail_at > 0; /* it had fewer calls */
		if (w.b->fix.engine.state != ENGINE_FAULT) join_expect_member(&w);
		members += w.b->fix.engine.state == ENGINE_OPEN;
		assert_int_equal(joining_erase(w.b->dir, NULL), ERR_OK); /* a start would */
		assert_int_equal(w.b->token.transports, 1);
		close_world(&w);
	}
	assert_true(members >= 10);
}

static void entries_end_with_what_made_them(void **state)
{
	struct join_world w;
	struct answer answer;
	struct ask a;
	static const uint8_t other[ENDORSEMENT_DIGEST_LEN] = { 1 }, third[ENDORSEMENT_DIGEST_LEN] = { 2 };
	(void)state;
	open_world(&w);
	fix_give(&w.a->fix, SECOND, ROLE_ADMINISTRATOR, "");
	assert_int_equal(list(&w, "mine"), ERR_OK);
	assert_int_equal(list_as(&w, SECOND, "theirs", view_of(other, sizeof other)), ERR_OK);
	ask_one(&a, OPERATION_COFFER_REVOKE_GRANT);
	ttlv_put_str(&a.w, TAG_COFFER_PRINCIPAL, "unix:4021");
	ttlv_put_str(&a.w, TAG_COFFER_ROLE, "administrator");
	assert_int_equal(vendor_send(&w.a->fix, ADMIN, &a, &answer), ERR_OK);
	answer_free(&answer);
	assert_true(lists(&w, "\"name\":\"mine\"") && !lists(&w, "\"name\":\"theirs\""));
	fix_give(&w.a->fix, SECOND, ROLE_ADMINISTRATOR, "");
	assert_int_equal(list_as(&w, SECOND, "third", view_of(third, sizeof third)), ERR_OK);
	ask_one(&a, OPERATION_COFFER_SET_QUORUM);
	ttlv_put_i32(&a.w, TAG_COFFER_QUORUM_NEEDED, 2);
	assert_int_equal(vendor_send(&w.a->fix, ADMIN, &a, &answer), ERR_OK);
	answer_free(&answer);
	assert_true(!lists(&w, "\"name\":\"mine\"") && !lists(&w, "\"name\":\"third\""));
	assert_int_not_equal(list(&w, "alone"), ERR_OK); /* a second one has to say yes */
	assert_false(lists(&w, "\"name\":\"alone\""));
	close_world(&w);
}

static void only_the_master_server_lists_and_takes_off(void **state)
{
	struct join_world w;
	(void)state;
	open_world(&w);
	assert_int_equal(list_as(&w, ADMIN, "short", view_of(digest, 31)), ERR_FIELD);
	assert_int_equal(list(&w, "two\nlines"), ERR_FIELD);
	assert_int_equal(list(&w, NULL), ERR_OK);
	assert_int_equal(list(&w, "again"), ERR_EXISTS);
	digest[0] ^= 1;
	assert_int_equal(list(&w, "named"), ERR_OK);
	digest[0] ^= 2;
	assert_int_equal(list(&w, "named"), ERR_EXISTS);
	assert_int_equal(take_off(&w, "nobody"), ERR_NOT_FOUND);
	w.a->fix.engine.seat->master_until_ms = 0;
	assert_int_equal(list(&w, "later"), ERR_STATE);
	assert_int_equal(take_off(&w, "named"), ERR_STATE);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listed_tpm_joins_without_anybody),
		cmocka_unit_test(what_the_list_does_not_allow_is_refused_and_said),
		cmocka_unit_test(whatever_fails_the_same_command_goes_on),
		cmocka_unit_test(entries_end_with_what_made_them),
		cmocka_unit_test(only_the_master_server_lists_and_takes_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
