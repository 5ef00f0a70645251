/* MAC and hash in parts: what goes over the wire, and what a broken calculation does. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "unit/client/server.h"

#define UUID_A "40414243-4445-4647-8849-4a4b4c4d4e4f"

/* One part as the server saw it. */
struct part {
	uint32_t operation;
	size_t data_len, mac_len, correlation_len;
	bool init, final;
};

struct seen {
	struct part parts[8];
	size_t count;
	size_t fail_at; /* the part that is refused; 0: none */
	bool no_correlation;
};

static void note(struct server *s, struct part *p)
{
	struct ttlv_cursor *c = server_fields(s);
	struct ttlv_item item;
	struct view bytes;
	p->operation = s->request.items[0].id.operation;
	while (ttlv_next(c, &item)) {
		if (item.tag == TAG_INIT_INDICATOR) p->init = true;
		if (item.tag == TAG_FINAL_INDICATOR) p->final = true;
		if (item.type != TTLV_BYTES || ttlv_get_bytes(&item, &bytes) != ERR_OK) continue;
		if (item.tag == TAG_DATA) p->data_len = bytes.len;
		if (item.tag == TAG_MAC_DATA) p->mac_len = bytes.len;
		if (item.tag == TAG_CORRELATION_VALUE) p->correlation_len = bytes.len;
	}
}

static void put_result(struct server *s, const struct part *p)
{
	static const uint8_t digest[32] = { 0xd1 };
	if (p->operation == OPERATION_MAC_VERIFY)
		ttlv_put_enum(&s->w, TAG_VALIDITY_INDICATOR, p->mac_len == 32 ? VALIDITY_INDICATOR_VALID : VALIDITY_INDICATOR_INVALID);
	else
		ttlv_put_bytes(&s->w, p->operation == OPERATION_HASH ? TAG_DATA : TAG_MAC_DATA, view_of(digest, sizeof digest));
}

static void serve_parts(struct server *s)
{
	struct seen *seen = s->arg;
	while (server_read(s) && seen->count < 8) {
		struct part *p = &seen->parts[seen->count++];
		note(s, p);
		if (seen->fail_at == seen->count) {
			if (!server_write(s, server_refuse(s, ERR_STATE, "no"))) return;
			continue;
		}
		server_begin(s);
		if (p->operation != OPERATION_HASH) ttlv_put_str(&s->w, TAG_UNIQUE_IDENTIFIER, UUID_A);
		if (p->final || (!p->init && !p->correlation_len)) put_result(s, p);
		else if (!seen->no_correlation) ttlv_put_bytes(&s->w, TAG_CORRELATION_VALUE, view_of("handle", 6));
		if (!server_write(s, server_end(s))) return;
	}
}

static struct server *server;
static struct coffer *c;
static struct seen seen;

static int set_up(void **state)
{
	(void)state;
	seen = (struct seen){ .count = 0 };
	server = server_start(serve_parts, &seen);
	c = server_connect(server, 10000, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coffer_close(c);
	server_stop(server);
	return 0;
}

static void one_part_needs_no_correlation(void **state)
{
	uint8_t out[COFFER_DIGEST_MAX];
	size_t len = 0;
	struct coffer_digest *d;
	(void)state;
	assert_int_equal(coffer_hash_begin(c, NULL, &d), COFFER_OK);
	assert_int_equal(coffer_digest_final(d, "abc", 3, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(len, 32);
	assert_int_equal(out[0], 0xd1);
	assert_int_equal(seen.count, 1);
	assert_false(seen.parts[0].init || seen.parts[0].final || seen.parts[0].correlation_len);
	assert_int_equal(coffer_digest_final(d, "abc", 3, out, sizeof out, &len), COFFER_ESTATE);
	assert_int_equal(coffer_digest_update(d, "abc", 3), COFFER_ESTATE);
	assert_int_equal(seen.count, 1);
	coffer_digest_close(d);
}

static void parts_go_by_init_correlation_and_final(void **state)
{
	uint8_t out[COFFER_DIGEST_MAX];
	size_t len = 0;
	struct coffer_digest *d;
	(void)state;
	assert_int_equal(coffer_mac_begin(c, UUID_A, 0, &d), COFFER_OK);
	assert_int_equal(coffer_digest_update(d, "abc", 3), COFFER_OK);
	assert_int_equal(coffer_digest_update(d, "de", 2), COFFER_OK);
	assert_int_equal(coffer_digest_final(d, NULL, 0, out, sizeof out, &len), COFFER_OK);
	assert_int_equal(seen.count, 3);
	assert_true(seen.parts[0].init && !seen.parts[0].correlation_len);
	assert_true(!seen.parts[1].init && !seen.parts[1].final && seen.parts[1].correlation_len == 6);
	assert_true(seen.parts[2].final && seen.parts[2].correlation_len == 6 && seen.parts[2].data_len == 0);
	coffer_digest_close(d);
}

static void a_check_says_valid_or_not_and_is_no_failure(void **state)
{
	uint8_t mac[32] = { 0 };
	int valid = 7;
	struct coffer_digest *d;
	(void)state;
	assert_int_equal(coffer_mac_begin(c, UUID_A, 1, &d), COFFER_OK);
	assert_int_equal(coffer_digest_check(d, "abc", 3, mac, sizeof mac, &valid), COFFER_OK);
	assert_int_equal(valid, 1);
	coffer_digest_close(d);
	assert_int_equal(coffer_mac_begin(c, UUID_A, 1, &d), COFFER_OK);
	assert_int_equal(coffer_digest_check(d, "abc", 3, mac, 31, &valid), COFFER_OK);
	assert_int_equal(valid, 0);
	assert_int_equal(coffer_digest_check(d, "abc", 3, mac, 31, &valid), COFFER_ESTATE);
	assert_non_null(strstr(coffer_error(c), "has ended"));
	coffer_digest_close(d);
}

static void after_a_failure_it_is_dead_and_sends_nothing(void **state)
{
	uint8_t out[COFFER_DIGEST_MAX];
	size_t len = 7;
	struct coffer_digest *d;
	(void)state;
	seen.fail_at = 2;
	assert_int_equal(coffer_hash_begin(c, "sha3-256", &d), COFFER_OK);
	assert_int_equal(coffer_digest_update(d, "abc", 3), COFFER_OK);
	assert_int_equal(coffer_digest_update(d, "abc", 3), COFFER_ESTATE);
	assert_int_equal(coffer_digest_update(d, "abc", 3), COFFER_ECLOSED);
	assert_int_equal(coffer_digest_final(d, "abc", 3, out, sizeof out, &len), COFFER_ECLOSED);
	assert_int_equal(len, 7);
	assert_int_equal(seen.count, 2);
	coffer_digest_close(d);
}

static void an_answer_without_a_handle_is_malformed(void **state)
{
	struct coffer_digest *d;
	(void)state;
	seen.no_correlation = true;
	assert_int_equal(coffer_hash_begin(c, "sha-512", &d), COFFER_OK);
	assert_int_equal(coffer_digest_update(d, "abc", 3), COFFER_EPROTOCOL);
	coffer_digest_close(d);
}

static void wrong_arguments_send_nothing(void **state)
{
	static const uint8_t large[COFFER_MESSAGE_MAX + 1];
	uint8_t out[COFFER_DIGEST_MAX];
	size_t len = 7;
	int valid = 7;
	struct coffer_digest *d = NULL, *mac = NULL;
	(void)state;
	assert_int_equal(coffer_hash_begin(NULL, NULL, &d), COFFER_EINVAL);
	assert_int_equal(coffer_hash_begin(c, NULL, NULL), COFFER_EINVAL);
	assert_int_equal(coffer_hash_begin(c, "md5", &d), COFFER_EUNSUPPORTED);
	assert_int_equal(coffer_mac_begin(c, NULL, 0, &d), COFFER_EINVAL);
	assert_null(d);
	assert_int_equal(coffer_hash_begin(c, NULL, &d), COFFER_OK);
	assert_int_equal(coffer_mac_begin(c, UUID_A, 1, &mac), COFFER_OK);
	assert_int_equal(coffer_digest_update(d, NULL, 1), COFFER_EINVAL);
	assert_int_equal(coffer_digest_update(NULL, "a", 1), COFFER_EINVAL);
	assert_int_equal(coffer_digest_update(d, large, sizeof large), COFFER_ETOOLARGE);
	assert_int_equal(coffer_digest_final(d, "a", 1, NULL, 0, &len), COFFER_EINVAL);
	assert_int_equal(coffer_digest_final(mac, "a", 1, out, sizeof out, &len), COFFER_EINVAL);
	assert_int_equal(coffer_digest_check(d, "a", 1, out, 32, &valid), COFFER_EINVAL);
	assert_int_equal(coffer_digest_check(mac, "a", 1, NULL, 32, &valid), COFFER_EINVAL);
	assert_int_equal(coffer_digest_check(mac, "a", 1, out, 65, &valid), COFFER_EINVAL);
	assert_int_equal(seen.count, 0);
	assert_int_equal(valid, 7);
	coffer_digest_close(NULL);
	coffer_digest_close(d);
	coffer_digest_close(mac);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(one_part_needs_no_correlation), T(parts_go_by_init_correlation_and_final), T(a_check_says_valid_or_not_and_is_no_failure),
		T(after_a_failure_it_is_dead_and_sends_nothing), T(an_answer_without_a_handle_is_malformed), T(wrong_arguments_send_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
