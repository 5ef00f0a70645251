/* Keys: found by name, described, listed, changed; and one connection used by several threads. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kmip/attr.h"
#include "unit/client/server.h"

#define UUID_A "40414243-4445-4647-8849-4a4b4c4d4e4f"
#define UUID_B "50515253-5455-4657-9859-5a5b5c5d5e5f"

/* What the server was asked for, operation by operation. */
struct asked {
	uint32_t operations[16];
	size_t count;
	size_t keys;        /* how many keys Locate lists */
	bool request_ids;   /* every change carried one */
	bool long_ids;      /* answers hold identifiers that are no UUID */
};

static void put_link(struct server *s)
{
	struct kmip_attr_mark link = kmip_attr_begin(&s->w, ATTR_LINK);
	ttlv_put_enum(&s->w, TAG_LINK_TYPE, LINK_TYPE_REPLACED_OBJECT_LINK);
	ttlv_put_str(&s->w, TAG_LINKED_OBJECT_IDENTIFIER, UUID_B);
	kmip_attr_end(&s->w, link);
}

static void put_attributes(struct server *s)
{
	struct writer *w = &s->w;
	struct kmip_attr_value version = { .id = ATTR_CUSTOM_ATTRIBUTE, .custom = view_str("y-coffer-version"), .has_value = true };
	uint8_t item[16];
	struct writer inner;
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, UUID_A);
	struct kmip_attr_mark name = kmip_attr_begin(w, ATTR_NAME);
	ttlv_put_str(w, TAG_NAME_VALUE, "disk\x1b[31m");
	ttlv_put_enum(w, TAG_NAME_TYPE, NAME_TYPE_UNINTERPRETED_TEXT_STRING);
	kmip_attr_end(w, name);
	kmip_attr_put_enum(w, ATTR_STATE, STATE_PRE_ACTIVE);
	kmip_attr_put_enum(w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_text(w, ATTR_OBJECT_GROUP, view_str("finance"));
	kmip_attr_put_time(w, ATTR_INITIAL_DATE, 1700000000);
	kmip_attr_put_time(w, ATTR_ACTIVATION_DATE, -5);
	put_link(s);
	writer_init(&inner, item, sizeof item);
	ttlv_put_i32(&inner, TAG_ATTRIBUTE_VALUE, 4);
	if (ttlv_root(writer_view(&inner), &version.value) == ERR_OK) kmip_attr_put(w, &version);
}

static void put_located(struct server *s, const struct asked *a, int32_t offset)
{
	size_t left = a->keys > (size_t)offset ? a->keys - (size_t)offset : 0;
	for (size_t i = 0; i < left && i < 256; i++)
		ttlv_put_str(&s->w, TAG_UNIQUE_IDENTIFIER, a->long_ids ? UUID_A "-and-more" : UUID_A);
}

static void serve_keys(struct server *s)
{
	struct asked *a = s->arg;
	a->request_ids = true;
	while (server_read(s)) {
		uint32_t operation = s->request.items[0].id.operation;
		int32_t max = 0, offset = 0;
		if (a->count < 16) a->operations[a->count++] = operation;
		server_begin(s);
		switch (operation) {
		case OPERATION_LOCATE:
			if (ttlv_take_optional_i32(server_fields(s), TAG_MAXIMUM_ITEMS, &max, NULL) != ERR_OK ||
			    ttlv_take_optional_i32(server_fields(s), TAG_OFFSET_ITEMS, &offset, NULL) != ERR_OK)
				return;
			put_located(s, a, offset);
			break;
		case OPERATION_GET_ATTRIBUTES: put_attributes(s); break;
		default:
			a->request_ids = a->request_ids && s->request.items[0].has_request_id;
			ttlv_put_str(&s->w, TAG_UNIQUE_IDENTIFIER, a->long_ids ? UUID_B "-and-more" : UUID_B);
		}
		if (!server_write(s, server_end(s))) return;
	}
}

static struct server *server;
static struct coffer *c;
static struct asked asked;

static int set_up(void **state)
{
	(void)state;
	asked = (struct asked){ .keys = 1 };
	server = server_start(serve_keys, &asked);
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

static void a_key_is_described_from_its_attributes(void **state)
{
	struct coffer_key_info info;
	(void)state;
	assert_int_equal(coffer_key_info(c, "disk", &info), COFFER_OK);
	assert_string_equal(info.uuid, UUID_A);
	assert_string_equal(info.name, "disk?[31m"); /* nothing that a terminal obeys */
	assert_string_equal(info.algorithm, "AES");
	assert_string_equal(info.state, "pre-active");
	assert_string_equal(info.group, "finance");
	assert_string_equal(info.replaces, UUID_B);
	assert_string_equal(info.replaced_by, "");
	assert_int_equal(info.length_bits, 256);
	assert_int_equal(info.version, 4);
	assert_int_equal(info.created_s, 1700000000);
	assert_int_equal(info.activated_s, 0);
	assert_int_equal(asked.count, 2);
	assert_int_equal(coffer_key_info(c, UUID_A, &info), COFFER_OK); /* a UUID needs no Locate */
	assert_int_equal(asked.count, 3);
}

static void a_name_that_nobody_has_is_not_found(void **state)
{
	struct coffer_key_info info = { .version = 77 };
	(void)state;
	asked.keys = 0;
	assert_int_equal(coffer_key_info(c, "disc", &info), COFFER_ENOTFOUND);
	assert_non_null(strstr(coffer_error(c), "'disc'"));
	assert_int_equal(coffer_key_destroy(c, "disc"), COFFER_ENOTFOUND);
	assert_int_equal(info.version, 77);
}

static int count_keys(void *arg, const struct coffer_key_info *key)
{
	unsigned *left = arg;
	return strcmp(key->uuid, UUID_A) != 0 || --*left == 0;
}

static void a_list_goes_on_over_pages_until_its_reader_has_enough(void **state)
{
	unsigned left = 1000;
	(void)state;
	asked.keys = 600;
	assert_int_equal(coffer_key_list(c, count_keys, &left), COFFER_OK);
	assert_int_equal(left, 400);
	left = 3;
	assert_int_equal(coffer_key_list(c, count_keys, &left), COFFER_OK);
	assert_int_equal(left, 0);
}

static void changes_carry_a_request_id_and_give_the_new_uuid(void **state)
{
	static const uint32_t expected[] = { OPERATION_CREATE, OPERATION_LOCATE, OPERATION_RE_KEY, OPERATION_ACTIVATE, OPERATION_REVOKE,
		OPERATION_DESTROY };
	char uuid[COFFER_UUID_TEXT] = "";
	(void)state;
	assert_int_equal(coffer_key_create(c, "disk", "aes-128", "finance", uuid), COFFER_OK);
	assert_string_equal(uuid, UUID_B);
	assert_int_equal(coffer_key_rotate(c, "disk", uuid), COFFER_OK);
	assert_int_equal(coffer_key_activate(c, UUID_A), COFFER_OK);
	assert_int_equal(coffer_key_revoke(c, UUID_A, "key-compromise", "lost"), COFFER_OK);
	assert_int_equal(coffer_key_destroy(c, UUID_A), COFFER_OK);
	assert_true(asked.request_ids);
	assert_int_equal(asked.count, 6);
	assert_memory_equal(asked.operations, expected, sizeof expected);
}

static void identifiers_that_do_not_fit_are_refused(void **state)
{
	char uuid[COFFER_UUID_TEXT] = "same";
	(void)state;
	asked.long_ids = true;
	assert_int_equal(coffer_key_create(c, "disk", NULL, NULL, uuid), COFFER_EPROTOCOL);
	assert_string_equal(uuid, "same");
}

static void *describe_often(void *arg)
{
	for (int i = 0; i < 50; i++) {
		struct coffer_key_info info;
		if (coffer_key_info(c, UUID_A, &info) != COFFER_OK || strcmp(info.uuid, UUID_A) != 0) ++*(int *)arg;
		if (coffer_key_create(c, "", NULL, NULL, info.uuid) != COFFER_EINVAL) ++*(int *)arg;
	}
	return NULL;
}

static void threads_take_turns_on_one_connection(void **state)
{
	pthread_t threads[4];
	int wrong[4] = { 0 };
	(void)state;
	for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, describe_often, &wrong[i]), 0);
	for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++) assert_int_equal(wrong[i], 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_described_from_its_attributes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_that_nobody_has_is_not_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_list_goes_on_over_pages_until_its_reader_has_enough, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_carry_a_request_id_and_give_the_new_uuid, set_up, tear_down),
		cmocka_unit_test_setup_teardown(identifiers_that_do_not_fit_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(threads_take_turns_on_one_connection, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
