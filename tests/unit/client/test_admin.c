/* Administration calls: init with shares, grants, numbers of the audit log. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "client/admin.h"
#include "unit/client/server.h"

/* Two shares; the init id is there when arg is set. */
static void answer_init(struct server *s)
{
	while (server_read(s)) {
		server_begin(s);
		ttlv_put_str(&s->w, TAG_COFFER_SHARE, "first share");
		ttlv_put_str(&s->w, TAG_COFFER_SHARE, "second share");
		ttlv_put_str(&s->w, TAG_COFFER_FINGERPRINT, "AAAA-BBBB");
		if (s->arg) ttlv_put_bytes(&s->w, TAG_COFFER_INIT_ID, view_of("12345678", 8));
		if (!server_write(s, server_end(s))) return;
	}
}

static size_t arena_used(void)
{
	struct arena_stats stats;
	arena_stats(&stats);
	return stats.used;
}

static void shares_are_kept_on_success_and_wiped_on_failure(void **state)
{
	static int whole;
	const struct admin_init init = { .token_uri = "tpm2:device", .recovery = ADMIN_RECOVERY_SHARES, .shares = 2, .threshold = 2 };
	size_t before = arena_used();
	(void)state;
	for (int good = 0; good < 2; good++) {
		struct admin_init_answer answer;
		struct server *s = server_start(answer_init, good ? &whole : NULL);
		struct coffer *c = server_connect(s, 0, 0);
		assert_int_equal(admin_init(c, &init, &answer), good ? COFFER_OK : COFFER_EPROTOCOL);
		assert_int_equal(answer.share_count, good ? 2 : 0);
		if (good) {
			assert_string_equal((const char *)secret_bytes(answer.shares[1]), "second share");
			assert_string_equal(answer.fingerprint, "AAAA-BBBB");
			assert_int_equal(answer.init_id_len, 8);
			admin_init_answer_free(&answer);
		}
		assert_int_equal(arena_used(), before);
		coffer_close(c);
		server_stop(s);
	}
}

static void answer_grants(struct server *s)
{
	while (server_read(s)) {
		server_begin(s);
		for (int i = 0; i < 3; i++) {
			struct ttlv_mark entry = ttlv_begin(&s->w, TAG_COFFER_GRANT_ENTRY);
			ttlv_put_str(&s->w, TAG_COFFER_PRINCIPAL, "unix:7");
			ttlv_put_str(&s->w, TAG_COFFER_ROLE, "key-user");
			ttlv_put_time(&s->w, TAG_COFFER_GRANTED_AT, i == 1 ? -1 : 1700000000);
			ttlv_end(&s->w, entry);
		}
		if (!server_write(s, server_end(s))) return;
	}
}

struct seen { int count, stop_at; };

static int see_grant(void *arg, const struct admin_grant *grant)
{
	struct seen *seen = arg;
	assert_string_equal(grant->principal, "unix:7");
	assert_string_equal(grant->role, "key-user");
	assert_string_equal(grant->scope, "");
	assert_int_equal(grant->created_s, seen->count == 1 ? 0 : 1700000000);
	return ++seen->count == seen->stop_at;
}

static void grants_are_given_one_by_one_until_the_reader_has_enough(void **state)
{
	struct server *s = server_start(answer_grants, NULL);
	struct coffer *c = server_connect(s, 0, 0);
	struct seen all = { 0, 0 }, two = { 0, 2 };
	(void)state;
	assert_int_equal(admin_grants(c, see_grant, &all), COFFER_OK);
	assert_int_equal(all.count, 3);
	assert_int_equal(admin_grants(c, see_grant, &two), COFFER_OK);
	assert_int_equal(two.count, 2);
	coffer_close(c);
	server_stop(s);
}

static void answer_length(struct server *s)
{
	while (server_read(s)) {
		server_begin(s);
		ttlv_put_i64(&s->w, TAG_COFFER_AUDIT_LENGTH, *(int64_t *)s->arg);
		if (!server_write(s, server_end(s))) return;
	}
}

static void the_length_of_the_audit_log_is_no_negative_number(void **state)
{
	static int64_t numbers[] = { 0, INT64_C(5000000000), -1 };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct server *s = server_start(answer_length, &numbers[i]);
		struct coffer *c = server_connect(s, 0, 0);
		uint64_t records = 77;
		assert_int_equal(admin_audit_length(c, &records), numbers[i] < 0 ? COFFER_EPROTOCOL : COFFER_OK);
		assert_int_equal(records, numbers[i] < 0 ? 77 : numbers[i]);
		coffer_close(c);
		server_stop(s);
	}
}

static int start(void **state)
{
	(void)state;
	return arena_init(1u << 20, false, NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_kept_on_success_and_wiped_on_failure),
		cmocka_unit_test(grants_are_given_one_by_one_until_the_reader_has_enough),
		cmocka_unit_test(the_length_of_the_audit_log_is_no_negative_number),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
