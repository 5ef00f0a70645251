/* What the dispatcher counts of bulk use of keys, and how the audit log tells it. */
#include "unit/ops/vendor.h"

#include <string.h>

#include "unit/ops/counted.h"
#include "unit/ops/crypt.h"

#define KEY "000102030405060708090a0b0c0d0e0f"

static int start(void **state)
{
	if (fix_start(state)) return -1;
	struct fix *f = *state;
	f->engine.bulk = bulk_new();
	return f->engine.bulk ? 0 : -1;
}

static int stop(void **state)
{
	struct fix *f = *state;
	struct bulk *bulk = f->engine.bulk;
	if (fix_stop(state)) return -1;
	bulk_free(bulk);
	return 0;
}

/* With AES-CTR: nothing can fail to open. */
static enum coffer_err encrypt(struct fix *f, const char *id, unsigned uid, size_t bytes)
{
	static const uint8_t data[64], iv[16];
	struct kmip_params p = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_CTR };
	struct crypted out;
	crypt_send(f, &(struct crypt){ .operation = OPERATION_ENCRYPT, .id = id, .params = &p, .data = view_of(data, bytes), .iv = view_of(iv, 16), .uid = uid },
		&out);
	return out.err;
}

/* The fields of an Encrypt of 10 bytes with AES-CTR, behind its item's beginning. */
static void ask_ctr(struct ask *a, const char *id)
{
	static const uint8_t zeros[16];
	const struct kmip_params p = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_CTR };
	ask_id(a, id);
	kmip_params_put(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS, &p);
	ttlv_put_bytes(&a->w, TAG_DATA, view_of(zeros, 10));
	ttlv_put_bytes(&a->w, TAG_IV_COUNTER_NONCE, view_of(zeros, 16));
}

static enum coffer_err decrypt_wrong(struct fix *f, const char *id)
{
	static const uint8_t zeros[16];
	struct kmip_params p = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_GCM, .has_tag_length = true, .tag_length = 16 };
	struct crypted out;
	crypt_send(f, &(struct crypt){ .operation = OPERATION_DECRYPT, .id = id, .params = &p, .data = view_of(zeros, 9), .iv = view_of(zeros, 12),
		.tag = view_of(zeros, 16) }, &out);
	return out.err;
}

static void key(struct fix *f, char out_id[static UUID_TEXT_LEN + 1])
{
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 128, KEY, NULL, out_id);
}

static void operations_are_one_row_with_times_and_bytes(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	uint8_t bytes[UUID_LEN];
	struct newest n;
	key(f, id);
	for (size_t i = 1; i <= 20; i++) {
		assert_int_equal(encrypt(f, id, ADMIN, i), ERR_OK);
		f->now_s++;
	}
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	assert_string_equal(n.text, "Encrypt unix:4001 ok: 20 done, 210 bytes; from 2023-11-14T22:13:20Z to 2023-11-14T22:13:39Z");
	assert_int_equal(text_parse_uuid(view_str(id), bytes), ERR_OK);
	assert_memory_equal(n.object, bytes, UUID_LEN);
	assert_int_equal(counted_tell(f), 0);
	assert_int_equal(encrypt(f, id, ADMIN, 3), ERR_OK);
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	counted_begins(&n, "Encrypt unix:4001 ok: 1 done, 3 bytes; from 2023-11-14T22:13:40Z");
}

static void what_does_not_open_or_verify_is_told_apart(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct newest n;
	struct crypted out;
	struct kmip_params p = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_CMAC };
	key(f, id);
	for (unsigned i = 0; i < 7; i++) assert_int_equal(decrypt_wrong(f, id), ERR_CONTEXT);
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	counted_begins(&n, "Decrypt unix:4001 failed: 0 done, 0 bytes, 7 did not open; from ");
	struct crypt mac = { .operation = OPERATION_MAC, .id = id, .params = &p, .data = view_str("abc") };
	crypt_send(f, &mac, &out);
	assert_int_equal(out.err, ERR_OK);
	assert_int_equal(counted_tell(f), 1);
	mac.operation = OPERATION_MAC_VERIFY;
	mac.mac = crypt_view(&out.mac);
	struct crypted verdict;
	crypt_send(f, &mac, &verdict);
	assert_int_equal(verdict.validity, VALIDITY_INDICATOR_VALID);
	out.mac.bytes[0] ^= 1;
	crypt_send(f, &mac, &verdict);
	crypt_send(f, &mac, &verdict);
	assert_int_equal(verdict.validity, VALIDITY_INDICATOR_INVALID);
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	counted_begins(&n, "MACVerify unix:4001 ok: 1 done, 9 bytes, 2 did not verify; from ");
}

static void parts_are_told_apart(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct newest n;
	struct crypted first, out;
	struct kmip_params p = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_CMAC };
	key(f, id);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC, .id = id, .params = &p, .data = view_str("abc"), .init = true }, &first);
	assert_int_equal(first.err, ERR_OK);
	for (unsigned i = 0; i < 3; i++) {
		crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC, .id = id, .data = view_str("0123456789"), .correlation = crypt_view(&first.correlation),
			.final = i == 2 }, &out);
		assert_int_equal(out.err, ERR_OK);
	}
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	counted_begins(&n, "MAC unix:4001 ok: 1 done, 3 further parts, 33 bytes; from ");
}

static void what_is_not_there_is_not_counted(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	key(f, id);
	id[0] = id[0] == 'a' ? 'b' : 'a';
	assert_int_equal(encrypt(f, id, ADMIN, 3), ERR_NOT_FOUND);
	assert_int_equal(counted_tell(f), 0);
}

/* A write would tell by its time what the answer does not: it is counted from the first one on, and goes the way of what is not there. */
static void a_refusal_about_a_hidden_key_is_no_row_of_its_own(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], nothing[UUID_TEXT_LEN + 1];
	struct newest n;
	key(f, id);
	memcpy(nothing, id, sizeof id);
	nothing[0] = id[0] == 'a' ? 'b' : 'a';
	uint64_t rows = fix_audit_rows(f);
	unsigned runs = f->store_runs;
	for (unsigned i = 0; i < 30; i++) assert_int_equal(encrypt(f, id, STRANGER, 3), ERR_NOT_FOUND); /* as it is shown */
	unsigned of_hidden = f->store_runs - runs;
	for (unsigned i = 0; i < 30; i++) assert_int_equal(encrypt(f, nothing, STRANGER, 3), ERR_NOT_FOUND);
	assert_int_equal(f->store_runs - runs, 2 * of_hidden);
	assert_int_equal(fix_audit_rows(f), rows);
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	counted_begins(&n, "Encrypt unix:4003 failed: 30 refused; from 2023-11-14T22:13:20Z to ");
	uint8_t bytes[UUID_LEN];
	assert_int_equal(text_parse_uuid(view_str(id), bytes), ERR_OK);
	assert_memory_equal(n.object, bytes, UUID_LEN);
}

static void the_first_refusals_of_an_interval_have_rows_and_the_others_a_sum(void **state)
{
	struct fix *f = *state;
	enum { MANAGER = 4004 };
	char id[UUID_TEXT_LEN + 1];
	struct newest n;
	fix_give(f, MANAGER, ROLE_KEY_MANAGER, ""); /* sees the key and may not use it */
	key(f, id);
	for (unsigned interval = 0; interval < 3; interval++) {
		uint64_t rows = fix_audit_rows(f);
		for (unsigned i = 0; i < 50; i++) assert_int_equal(encrypt(f, id, MANAGER, 3), ERR_DENIED);
		assert_int_equal(fix_audit_rows(f), rows + BULK_EXACT);
		for (unsigned i = 0; i < 50; i++) assert_int_equal(fix_simple(f, OTHER, OPERATION_CREATE, NULL), ERR_DENIED); /* another principal, on the store lane */
		assert_int_equal(fix_audit_rows(f), rows + 2 * BULK_EXACT);
		assert_int_equal(counted_tell(f), 2);
		counted_look(f, &n);
		assert_non_null(strstr(n.text, "failed: 40 refused; from "));
		bulk_next_interval(f->engine.bulk);
	}
	f->config.audit_bulk = CONFIG_BULK_FULL;
	uint64_t rows = fix_audit_rows(f);
	for (unsigned i = 0; i < 50; i++) assert_int_equal(encrypt(f, id, MANAGER, 3), ERR_DENIED);
	for (unsigned i = 0; i < 50; i++) assert_int_equal(encrypt(f, id, STRANGER, 3), ERR_NOT_FOUND);
	assert_int_equal(fix_audit_rows(f), rows + 100);
}

/* Two keys that are not in memory: the batch is run three times. */
static void a_batch_that_is_run_again_is_counted_once(void **state)
{
	struct fix *f = *state;
	char ids[2][UUID_TEXT_LEN + 1];
	struct newest n;
	struct ask a;
	struct answer answer;
	key(f, ids[0]);
	key(f, ids[1]);
	for (unsigned round = 0; round < 3; round++) {
		op_local_clear(f->worker);
		object_table_clear(f->engine.objects);
		ask_begin(&a, &(struct ask_header){ .count = 4 });
		for (uint8_t i = 0; i < 4; i++) {
			ask_item(&a, OPERATION_ENCRYPT, (uint8_t)(i + 1));
			ask_ctr(&a, ids[i / 2]);
			ask_item_end(&a, NULL);
		}
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		for (size_t i = 0; i < 4; i++) assert_int_equal(answer.response.items[i].err, ERR_OK);
		answer_free(&answer);
	}
	assert_true(f->store_runs > 0); /* it did run again */
	assert_int_equal(counted_tell(f), 2);
	counted_look(f, &n);
	counted_begins(&n, "Encrypt unix:4001 ok: 6 done, 60 bytes; from ");
}

/* Refused when the batch is begun, and allowed when it is run again because another item's key was not in memory. */
static void what_is_allowed_after_all_is_counted_as_done(void **state)
{
	struct fix *f = *state;
	enum { MANAGER = 4004 };
	char ids[2][UUID_TEXT_LEN + 1];
	struct newest n;
	struct ask a;
	struct answer answer;
	fix_give(f, MANAGER, ROLE_KEY_MANAGER, "");
	key(f, ids[0]);
	for (unsigned i = 0; i < BULK_EXACT; i++) assert_int_equal(encrypt(f, ids[0], MANAGER, 3), ERR_DENIED); /* these have rows */
	key(f, ids[1]);
	op_local_clear(f->worker);
	object_table_clear(f->engine.objects);
	assert_int_equal(encrypt(f, ids[0], ADMIN, 1), ERR_OK); /* in memory again, and the other one is not */
	assert_int_equal(counted_tell(f), 1);
	ask_begin(&a, &(struct ask_header){ .count = 2, .continuation = BATCH_ERROR_CONTINUATION_OPTION_CONTINUE });
	for (uint8_t i = 0; i < 2; i++) {
		ask_item(&a, OPERATION_ENCRYPT, (uint8_t)(i + 1));
		ask_ctr(&a, ids[i]);
		ask_item_end(&a, NULL);
	}
	ask_end(&a);
	answer = (struct answer){ .request = { .engine = &f->engine, .streams = f->streams, .frame = a.frame } };
	struct request *r = &answer.request;
	principal_from_uid(MANAGER, 1, &answer.principal);
	r->principal = &answer.principal;
	assert_int_equal(request_classify(r), ERR_OK);
	assert_int_equal(request_run(r, f->worker, NULL), ERR_NOT_CACHED);
	fix_give(f, MANAGER, ROLE_KEY_USER, "");
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(request_run(r, f->store_local, f->engine.txn), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(kmip_response_parse(request_answer(r), NULL, &answer.response, NULL), ERR_OK);
	for (size_t i = 0; i < 2; i++) assert_int_equal(answer.response.items[i].err, ERR_OK);
	answer_free(&answer);
	assert_int_equal(counted_tell(f), 2);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	uint64_t last = fix_audit_rows(f);
	bool found = false;
	for (uint64_t row = last - 1; row <= last; row++) {
		assert_int_equal(audit_read(f->engine.audit, f->engine.txn, row, 1, counted_keep, &n), ERR_OK);
		found = found || strncmp(n.text, "Encrypt unix:4004 ok: 1 done, 10 bytes, 1 refused; from ", 56) == 0;
	}
	txn_abort(f->engine.txn);
	if (!found) fail_msg("what was done is in no record: '%s'", n.text);
}

static void what_a_transaction_undoes_is_counted_as_failed(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct newest n;
	struct ask a;
	struct answer answer;
	key(f, id);
	ask_begin(&a, &(struct ask_header){ .count = 2, .continuation = BATCH_ERROR_CONTINUATION_OPTION_UNDO });
	for (uint8_t i = 0; i < 2; i++) {
		ask_item(&a, i ? OPERATION_DESTROY : OPERATION_ENCRYPT, (uint8_t)(i + 1)); /* an active key is not destroyed */
		if (i == 0) ask_ctr(&a, id);
		else ask_id(&a, id);
		ask_item_end(&a, NULL);
	}
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	answer_free(&answer);
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	counted_begins(&n, "Encrypt unix:4001 failed: 0 done, 0 bytes, 1 failed; from ");
}

/* A transaction that another one came between is taken back and run again: what it did then counts. */
static void what_is_run_again_counts_as_done(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct newest n;
	struct ask a;
	struct answer answer;
	key(f, id);
	ask_begin(&a, &(struct ask_header){ .count = 1 });
	ask_item(&a, OPERATION_ENCRYPT, 1);
	ask_ctr(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	answer = (struct answer){ .request = { .engine = &f->engine, .streams = f->streams, .frame = a.frame } };
	struct request *r = &answer.request;
	principal_from_uid(ADMIN, 1, &answer.principal);
	r->principal = &answer.principal;
	assert_int_equal(request_classify(r), ERR_OK);
	for (unsigned again = 0; again < 2; again++) {
		request_clear_answer(r);
		assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
		assert_int_equal(request_run(r, f->store_local, f->engine.txn), ERR_OK);
		if (!again) txn_abort(f->engine.txn);
	}
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
	answer_free(&answer);
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	if (!strstr(n.text, ": 1 done, 10 bytes")) fail_msg("what was done is not in '%s'", n.text);
}

static void counts_of_a_key_stand_before_its_end_and_others_stay(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1];
	struct newest n;
	key(f, id);
	key(f, other);
	for (unsigned i = 0; i < 5; i++) assert_int_equal(encrypt(f, id, ADMIN, 1), ERR_OK);
	assert_int_equal(encrypt(f, other, ADMIN, 1), ERR_OK);
	uint64_t rows = fix_audit_rows(f);
	assert_int_not_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK); /* active: undone, and the counts with it */
	assert_int_equal(fix_audit_rows(f), rows + 1);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_OK);
	assert_int_equal(fix_audit_rows(f), rows + 3);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(audit_read(f->engine.audit, f->engine.txn, rows + 2, 1, counted_keep, &n), ERR_OK);
	txn_abort(f->engine.txn);
	counted_begins(&n, "Encrypt unix:4001 ok: 5 done, 5 bytes; from ");
	assert_int_equal(counted_tell(f), 1);
}

static void an_auditor_reads_what_was_done_until_then(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct ask a;
	struct answer answer;
	key(f, id);
	assert_int_equal(encrypt(f, id, ADMIN, 7), ERR_OK);
	ask_one(&a, OPERATION_COFFER_AUDIT_SHOW);
	assert_int_equal(vendor_send(f, ADMIN, &a, &answer), ERR_OK);
	assert_true(vendor_holds(vendor_text(&answer, TAG_COFFER_AUDIT_ROWS), "1 done, 7 bytes; from 2023"));
	assert_int_equal(answer.request.audit_seq, fix_audit_rows(f)); /* by which a commit of unknown outcome is judged */
	answer_free(&answer);
	assert_int_equal(counted_tell(f), 0);
	ask_one(&a, OPERATION_COFFER_AUDIT_SHOW);
	assert_int_equal(vendor_send(f, ADMIN, &a, &answer), ERR_OK);
	assert_int_equal(answer.request.audit_seq, 0);
	answer_free(&answer);
}

static void a_store_that_is_not_well_keeps_them_and_they_become_one_sum(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct newest n;
	key(f, id);
	engine_set_store_health(&f->engine, STORE_FULL, "full");
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(encrypt(f, id, ADMIN, 2), ERR_OK);
		assert_int_equal(counted_tell(f), 0);
	}
	engine_set_store_health(&f->engine, STORE_WELL, "");
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	counted_begins(&n, "Encrypt unix:4001 ok: 9 done, 18 bytes; from ");
}

static void streams_count_what_begins_and_their_segments(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct newest n;
	struct ask a;
	struct answer answer;
	fix_create(f, ADMIN, &(struct key_wish){ .name = "payroll" }, id);
	ask_one(&a, OPERATION_COFFER_SEAL_STREAM);
	ask_id(&a, id);
	assert_int_equal(vendor_send(f, ADMIN, &a, &answer), ERR_OK);
	int32_t handle = vendor_i32(&answer, TAG_COFFER_STREAM_HANDLE);
	answer_free(&answer);
	ask_one(&a, OPERATION_COFFER_SEAL_STREAM);
	ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, handle);
	ttlv_put_bytes(&a.w, TAG_COFFER_SEGMENT, view_str("the end"));
	ttlv_put_bool(&a.w, TAG_COFFER_LAST_SEGMENT, true);
	assert_int_equal(vendor_send(f, ADMIN, &a, &answer), ERR_OK);
	answer_free(&answer);
	assert_int_equal(counted_tell(f), 1);
	counted_look(f, &n);
	counted_begins(&n, "SealStream unix:4001 ok: 1 done, 1 further parts, 7 bytes; from ");
}

static void full_has_a_row_for_each_in_its_transaction(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct newest n;
	key(f, id);
	f->config.audit_bulk = CONFIG_BULK_FULL;
	uint64_t rows = fix_audit_rows(f);
	unsigned runs = f->store_runs;
	assert_int_equal(encrypt(f, id, ADMIN, 33), ERR_OK);
	assert_int_equal(f->store_runs, runs + 1);
	assert_int_equal(fix_audit_rows(f), rows + 1);
	counted_look(f, &n);
	assert_string_equal(n.text, "Encrypt unix:4001 ok: 33 bytes");
	assert_int_equal(decrypt_wrong(f, id), ERR_CONTEXT);
	assert_int_equal(fix_audit_rows(f), rows + 2);
	counted_look(f, &n);
	counted_begins(&n, "Decrypt unix:4001 failed: the data does not decrypt");
	assert_int_equal(counted_tell(f), 0); /* nothing twice */
	f->config.audit_bulk = CONFIG_BULK_COUNTED;
	assert_int_equal(encrypt(f, id, ADMIN, 33), ERR_OK);
	assert_int_equal(fix_audit_rows(f), rows + 2);
	assert_int_equal(counted_tell(f), 1);
}

static void full_is_a_change_to_a_store_in_trouble(void **state)
{
	struct fix *f = *state;
	struct request r = { .engine = &f->engine };
	char id[UUID_TEXT_LEN + 1];
	struct ask a;
	key(f, id);
	ask_one(&a, OPERATION_ENCRYPT);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	r.frame = a.frame;
	assert_int_equal(request_classify(&r), ERR_OK);
	assert_int_equal(request_write_kind(&r), REQUEST_READS);
	f->config.audit_bulk = CONFIG_BULK_FULL;
	assert_int_equal(request_write_kind(&r), REQUEST_CHANGES);
	request_done(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(operations_are_one_row_with_times_and_bytes),
		TEST(what_does_not_open_or_verify_is_told_apart),
		TEST(parts_are_told_apart),
		TEST(what_is_not_there_is_not_counted),
		TEST(a_refusal_about_a_hidden_key_is_no_row_of_its_own),
		TEST(the_first_refusals_of_an_interval_have_rows_and_the_others_a_sum),
		TEST(a_batch_that_is_run_again_is_counted_once),
		TEST(what_is_allowed_after_all_is_counted_as_done),
		TEST(what_a_transaction_undoes_is_counted_as_failed),
		TEST(what_is_run_again_counts_as_done),
		TEST(counts_of_a_key_stand_before_its_end_and_others_stay),
		TEST(an_auditor_reads_what_was_done_until_then),
		TEST(a_store_that_is_not_well_keeps_them_and_they_become_one_sum),
		TEST(streams_count_what_begins_and_their_segments),
		TEST(full_has_a_row_for_each_in_its_transaction),
		TEST(full_is_a_change_to_a_store_in_trouble),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
