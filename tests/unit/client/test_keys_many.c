/* Many keys in a message: each with its own status, and one effect when the connection breaks. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "unit/client/server.h"

#define KEYS 150u

struct script {
	unsigned break_at;     /* the connection ends instead of the answer to this message, which comes again; 0: never */
	bool for_good;         /* … and nobody listens any more */
	unsigned swap_at;      /* in the answer to this message two items have each other's names */
	unsigned refuse_at;    /* this message is refused as a whole */
	unsigned sealed_at;    /* every item of this message is refused as on a sealed node */
	unsigned messages, created;
	unsigned items[8];     /* of each message */
	uint8_t request_id[8][KMIP_REQUEST_ID_LEN];
	bool one_id;           /* all items of each message carry the same */
};

static bool name_of(const struct kmip_batch_item *item, char out[32])
{
	struct ttlv_cursor c = item->payload, attributes;
	struct ttlv_item field;
	struct kmip_attr_value v;
	struct kmip_name name;
	uint32_t type;
	if (ttlv_take_enum(&c, TAG_OBJECT_TYPE, &type) != ERR_OK || ttlv_take_structure(&c, TAG_TEMPLATE_ATTRIBUTE, &attributes) != ERR_OK) return false;
	while (ttlv_next(&attributes, &field))
		if (kmip_attr_parse(&field, &v) == ERR_OK && v.id == ATTR_NAME && kmip_name_parse(&v.value, &name) == ERR_OK) {
			snprintf(out, 32, "%.*s", (int)name.value.len, (const char *)name.value.ptr);
			return true;
		}
	return false;
}

static void answer_item(struct server *s, size_t i)
{
	struct script *t = s->arg;
	struct kmip_batch_item *item = &s->request.items[i];
	struct kmip_item_id id = item->id;
	char name[32] = "", uuid[COFFER_UUID_TEXT], text[64];
	if (t->messages == t->swap_at && i < 2) id.unique_id = s->request.items[1 - i].id.unique_id;
	bool known = name_of(item, name);
	snprintf(text, sizeof text, "the name '%s' is taken", name);
	if (!known || strstr(name, "taken") || t->messages == t->sealed_at) {
		kmip_item_fail(&s->w, &id, t->messages == t->sealed_at ? ERR_SEALED : ERR_EXISTS, text, true);
		return;
	}
	struct kmip_item_mark mark = kmip_item_begin(&s->w, &id);
	snprintf(uuid, sizeof uuid, "00000000-0000-4000-8000-%012u", (unsigned)strtoul(name + 4, NULL, 10));
	ttlv_put_enum(&s->w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	ttlv_put_str(&s->w, TAG_UNIQUE_IDENTIFIER, uuid);
	kmip_item_end(&s->w, mark);
	t->created++;
}

static bool note(struct server *s)
{
	struct script *t = s->arg;
	unsigned at = t->messages++;
	if (at >= 8) return false;
	t->items[at] = (unsigned)s->request.count;
	memcpy(t->request_id[at], s->request.items[0].request_id, KMIP_REQUEST_ID_LEN);
	for (size_t i = 0; i < s->request.count; i++) {
		const struct kmip_batch_item *item = &s->request.items[i];
		if (!item->has_request_id || memcmp(item->request_id, t->request_id[at], KMIP_REQUEST_ID_LEN) != 0) t->one_id = false;
		if (item->id.operation != OPERATION_CREATE) return false;
	}
	return s->request.header.error_continuation == BATCH_ERROR_CONTINUATION_OPTION_CONTINUE;
}

/* A version 7 UUID, so that the daemon's records of one time stand together. */
static bool is_of_now(const uint8_t id[static KMIP_REQUEST_ID_LEN])
{
	uint64_t now = clock_date_ms(), then = uuid_time(id);
	return then <= now && now - then < 60000 && id[6] >> 4 == 7 && id[8] >> 6 == 2;
}

static bool next_connection(struct server *s)
{
	const struct script *t = s->arg;
	if (t->for_good) return false;
	close(s->fd);
	s->fd = accept(s->listener, NULL, NULL);
	return s->fd >= 0;
}

static void serve(struct server *s)
{
	struct script *t = s->arg;
	for (;;) {
		if (!server_read_batch(s)) {
			if (!next_connection(s)) return;
			continue;
		}
		if (!note(s)) return;
		if (t->messages == t->break_at) {
			if (!next_connection(s)) return;
			continue;
		}
		if (t->messages == t->refuse_at) {
			writer_init(&s->w, s->out, SERVER_FRAME_MAX);
			kmip_refuse(&s->w, s->request.version, 1, ERR_LIMIT, "too many");
		} else {
			server_begin_batch(s);
			for (size_t i = 0; i < s->request.count; i++) answer_item(s, i);
			server_end_batch(s, (uint32_t)s->request.count);
		}
		if (!server_write(s, writer_view(&s->w))) return;
	}
}

static struct server *server;
static struct coffer *c;
static struct script script;
static struct coffer_new_key keys[KEYS];
static char names[KEYS][32];

static int set_up(void **state)
{
	(void)state;
	script = (struct script){ .one_id = true };
	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(names[i], sizeof names[i], "key-%u", i);
		keys[i] = (struct coffer_new_key){ .name = names[i], .status = (enum coffer_status)99 };
	}
	server = server_start(serve, &script);
	c = server_connect(server, 2000, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coffer_close(c);
	server_stop(server);
	return 0;
}

static void are_created(unsigned from, unsigned to)
{
	char uuid[COFFER_UUID_TEXT];
	for (unsigned i = from; i < to; i++) {
		snprintf(uuid, sizeof uuid, "00000000-0000-4000-8000-%012u", i);
		assert_int_equal(keys[i].status, COFFER_OK);
		assert_string_equal(keys[i].uuid, uuid);
	}
}

static void have_status(unsigned from, unsigned to, enum coffer_status status)
{
	for (unsigned i = from; i < to; i++) assert_int_equal(keys[i].status, status);
}

static void many_keys_take_few_messages(void **state)
{
	(void)state;
	assert_int_equal(coffer_key_create_many(c, keys, KEYS), COFFER_OK);
	are_created(0, KEYS);
	assert_int_equal(script.messages, 3);
	assert_int_equal(script.items[0], COFFER_BATCH_MAX);
	assert_int_equal(script.items[2], KEYS - 2 * COFFER_BATCH_MAX);
	assert_true(script.one_id);
	assert_memory_not_equal(script.request_id[0], script.request_id[1], KMIP_REQUEST_ID_LEN);
	assert_true(is_of_now(script.request_id[0]) && is_of_now(script.request_id[1]));
	assert_int_equal(coffer_key_create_many(c, keys, 1), COFFER_OK);
	assert_int_equal(coffer_key_create_many(c, NULL, 0), COFFER_OK);
	assert_int_equal(script.messages, 4);
}

static void a_name_that_is_taken_stops_no_other(void **state)
{
	(void)state;
	keys[70].name = "taken-70";
	keys[100].name = "taken-100";
	keys[149].name = "taken-149";
	assert_int_equal(coffer_key_create_many(c, keys, KEYS), COFFER_EEXISTS);
	assert_string_equal(coffer_error(c), "the name 'taken-70' is taken");
	are_created(0, 70);
	are_created(71, 100);
	are_created(101, 149);
	have_status(70, 71, COFFER_EEXISTS);
	have_status(100, 101, COFFER_EEXISTS);
	have_status(149, 150, COFFER_EEXISTS);
	assert_string_equal(keys[70].uuid, "");
}

static void what_is_not_allowed_creates_nothing(void **state)
{
	char long_name[COFFER_NAME_MAX + 2];
	(void)state;
	memset(long_name, 'n', sizeof long_name);
	long_name[sizeof long_name - 1] = '\0';
	assert_int_equal(coffer_key_create_many(NULL, keys, 1), COFFER_EINVAL);
	assert_int_equal(coffer_key_create_many(c, NULL, 1), COFFER_EINVAL);
	const char *bad[] = { NULL, "", long_name, "01234567-89ab-4def-8123-456789abcdef" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		keys[120].name = bad[i];
		assert_int_equal(coffer_key_create_many(c, keys, KEYS), COFFER_EINVAL);
	}
	keys[120].name = "k";
	keys[120].algorithm = "rot-13";
	assert_int_equal(coffer_key_create_many(c, keys, KEYS), COFFER_EUNSUPPORTED);
	have_status(0, KEYS, (enum coffer_status)99);
	assert_int_equal(script.messages, 0);
}

/* The largest that 64 of them can be: the server holds the message against the limits of the daemon. */
static void the_longest_names_and_groups_fit(void **state)
{
	static char long_names[COFFER_BATCH_MAX][COFFER_NAME_MAX + 1];
	(void)state;
	for (unsigned i = 0; i < COFFER_BATCH_MAX; i++) {
		snprintf(long_names[i], sizeof long_names[i], "key-%u-%0240u", i, i);
		keys[i].name = keys[i].group = long_names[i];
	}
	assert_int_equal(coffer_key_create_many(c, keys, COFFER_BATCH_MAX), COFFER_OK);
	are_created(0, COFFER_BATCH_MAX);
}

static void a_message_whose_answer_was_lost_is_sent_again_under_its_request_id(void **state)
{
	(void)state;
	script.break_at = 2;
	assert_int_equal(coffer_key_create_many(c, keys, KEYS), COFFER_OK);
	are_created(0, KEYS);
	assert_string_equal(coffer_error(c), "");
	assert_int_equal(script.messages, 4);
	assert_memory_equal(script.request_id[1], script.request_id[2], KMIP_REQUEST_ID_LEN);
	assert_true(script.one_id);
}

/* The daemon was started again and is not open yet. */
static void a_sealed_node_is_waited_for_after_a_loss(void **state)
{
	(void)state;
	script.break_at = 2;
	script.sealed_at = 3;
	assert_int_equal(coffer_key_create_many(c, keys, 70), COFFER_OK);
	are_created(0, 70);
	assert_int_equal(script.messages, 4);
	assert_memory_equal(script.request_id[1], script.request_id[3], KMIP_REQUEST_ID_LEN);
}

static void without_a_daemon_the_rest_is_lost(void **state)
{
	(void)state;
	coffer_close(c);
	server_stop(server);
	script.break_at = 2;
	script.for_good = true;
	server = server_start(serve, &script);
	c = server_connect(server, 1500, 0);
	enum coffer_status st = coffer_key_create_many(c, keys, KEYS);
	assert_true(st == COFFER_ECLOSED || st == COFFER_ETIMEOUT);
	are_created(0, 64);
	have_status(64, KEYS, st);
	assert_true(strlen(coffer_error(c)) > 10);
}

static void a_message_refused_as_a_whole_ends_it(void **state)
{
	(void)state;
	script.refuse_at = 2;
	enum coffer_status st = coffer_key_create_many(c, keys, KEYS);
	assert_int_not_equal(st, COFFER_OK);
	assert_string_equal(coffer_error(c), "too many");
	are_created(0, 64);
	have_status(64, KEYS, st);
	assert_int_equal(script.messages, 2);
}

static void answers_in_another_order_are_not_taken(void **state)
{
	(void)state;
	script.swap_at = 2;
	assert_int_equal(coffer_key_create_many(c, keys, KEYS), COFFER_EPROTOCOL);
	are_created(0, 64);
	have_status(64, KEYS, COFFER_EPROTOCOL);
	assert_int_equal(coffer_key_create_many(c, keys, 1), COFFER_ECLOSED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_keys_take_few_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_that_is_taken_stops_no_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_allowed_creates_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_longest_names_and_groups_fit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_message_whose_answer_was_lost_is_sent_again_under_its_request_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sealed_node_is_waited_for_after_a_loss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_daemon_the_rest_is_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_message_refused_as_a_whole_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_in_another_order_are_not_taken, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
