/* The audit log in an archive that is well signed, whose sums are right and whose rows open: who holds the data keys may have edited the store in front of a backup. Its links tell. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/kept_record.h"
#include "audit/row.h"
#include "base/arena.h"
#include "crypto/sign.h"
#include "keyring/record.h"
#include "unit/archive/maker.h"

#define LENGTH 6u

static struct maker m;

static int set_up(void **state)
{
	(void)state;
	maker_open(&m, 0, 1, false);
	for (unsigned i = 0; i < LENGTH; i++) maker_audit(&m, "something");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	maker_done(&m);
	return 0;
}

/* A private copy of a row. */
struct copy {
	struct store_row row;
	uint8_t header[AUDIT_HEADER_LEN], index[64], plain[1024]; /* the row's body is the plaintext */
};

static void take(uint64_t seq, struct copy *c)
{
	uint8_t id[AUDIT_ID_LEN];
	struct buf plain = BUF_EMPTY;
	audit_row_id(&m.domain, seq, id);
	assert_int_equal(store_get(m.store, STORE_AUDIT, view_of(id, sizeof id), &c->row), ERR_OK);
	assert_true(c->row.header.len == sizeof c->header && c->row.index.len <= sizeof c->index);
	assert_int_equal(record_open(m.ring, STORE_AUDIT, &c->row, &plain), ERR_OK);
	assert_true(plain.len <= sizeof c->plain);
	memcpy(c->header, c->row.header.ptr, c->row.header.len);
	memcpy(c->index, c->row.index.ptr, c->row.index.len);
	memcpy(c->plain, plain.ptr, plain.len);
	c->row.header = view_of(c->header, sizeof c->header);
	c->row.index = view_of(c->index, c->row.index.len);
	c->row.body = view_of(c->plain, plain.len);
	buf_free(&plain);
}

/* Sealed anew, in the place of record seq. */
static void put(const struct copy *c, uint64_t seq)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = c->row;
	audit_row_id(&m.domain, seq, row.id);
	assert_int_equal(record_seal(m.ring, STORE_AUDIT, c->row.body, &row, &body), ERR_OK);
	assert_int_equal(store_put(m.store, STORE_AUDIT, &row, true), ERR_OK);
}

static void cut(uint64_t seq)
{
	uint8_t id[AUDIT_ID_LEN];
	audit_row_id(&m.domain, seq, id);
	assert_int_equal(store_erase(m.store, STORE_AUDIT, view_of(id, sizeof id)), ERR_OK);
}

/* The archive of what is there: sound but for the audit log, of which this is said (NULL: sound). */
static void expect(const char *says)
{
	struct archive *a = NULL;
	struct ring *ring = NULL;
	struct archive_look look = { .look = NULL };
	maker_archive(&m);
	assert_true(m.whole);
	int fd = maker_file(bytes_view(&m.file));
	assert_int_equal(archive_open(fd, &a, NULL), ERR_OK);
	assert_int_equal(archive_pass(a, NULL, NULL, NULL), ERR_OK);
	assert_int_equal(archive_unlock_shares(a, m.shares, 2, &ring, NULL), ERR_OK);
	assert_int_equal(archive_check_rows(a, ring, &look, NULL), ERR_OK);
	if (!says && look.faults) fail_msg("%s", look.said);
	if (says && (!look.faults || !strstr(look.said, says))) fail_msg("%llu faults, '%s' does not say '%s'", (unsigned long long)look.faults, look.said, says);
	ring_free(ring);
	archive_free(a);
	close(fd);
}

static void a_log_that_nobody_touched_is_sound(void **state)
{
	(void)state;
	expect(NULL);
}

static void an_edited_record_is_named(void **state)
{
	struct copy c;
	(void)state;
	take(3, &c);
	c.plain[c.row.body.len - 1] ^= 1; /* in its details */
	put(&c, 3);
	expect("audit record 3 of node 40404040404040404040404040404040 does not open or does not follow");
}

static void an_edited_record_with_a_right_digest_is_named(void **state)
{
	struct audit_header before, header;
	struct copy c, previous;
	(void)state;
	take(2, &previous);
	take(3, &c);
	assert_int_equal(audit_header_decode(previous.row.header, &before), ERR_OK);
	assert_int_equal(audit_header_decode(c.row.header, &header), ERR_OK);
	c.plain[c.row.body.len - 1] ^= 1;
	assert_int_equal(audit_digest_next(before.digest, header.link_generation, header.link, c.row.body, header.digest), ERR_OK);
	audit_header_encode(&header, c.header);
	put(&c, 3);
	expect("audit record 3 of");
}

static void a_record_that_was_cut_out_is_missed(void **state)
{
	(void)state;
	cut(3);
	expect("audit record 4 of");
}

static void records_that_were_swapped_are_named(void **state)
{
	struct copy a, b;
	(void)state;
	take(2, &a);
	take(3, &b);
	put(&b, 2);
	put(&a, 3);
	expect("audit record 2 of");
}

static void a_beginning_that_was_cut_off_is_missed(void **state)
{
	(void)state;
	cut(1);
	cut(2);
	expect("begins with record 3, and not behind record 0");
}

/* Without the record of it the same is what the test above finds. */
static void a_beginning_that_was_taken_out_by_configuration_is_not(void **state)
{
	struct kept_record kept = { .exported = true };
	struct audit_header header;
	struct copy c;
	uint8_t message[AUDIT_SIGNED_MAX];
	struct writer w;
	(void)state;
	take(2, &c);
	assert_int_equal(audit_header_decode(c.row.header, &header), ERR_OK);
	kept.checkpoint.at.seq = 2;
	memcpy(kept.checkpoint.at.link, header.link, sizeof header.link);
	memcpy(kept.checkpoint.at.digest, header.digest, sizeof header.digest);
	writer_init(&w, message, sizeof message);
	audit_checkpoint_message(&m.domain, &kept.checkpoint, &w);
	assert_int_equal(writer_done(&w), ERR_OK);
	assert_int_equal(sign_ed25519(m.seed, writer_view(&w), kept.checkpoint.signature), ERR_OK);
	assert_int_equal(kept_record_put(m.store, m.ring, &kept), ERR_OK);
	cut(1);
	cut(2);
	expect(NULL);
}

static void an_end_that_was_cut_off_is_missed(void **state)
{
	(void)state;
	assert_int_equal(store_commit(m.store, NULL), ERR_OK); /* the root names record 6 */
	assert_int_equal(store_begin(m.store, NULL), ERR_OK);
	cut(LENGTH);
	expect("the audit log ends with record 5, and not with record 6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_log_that_nobody_touched_is_sound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_edited_record_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_edited_record_with_a_right_digest_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_record_that_was_cut_out_is_missed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(records_that_were_swapped_are_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_beginning_that_was_cut_off_is_missed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_beginning_that_was_taken_out_by_configuration_is_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_end_that_was_cut_off_is_missed, set_up, tear_down),
	};
	if (arena_init(32u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
