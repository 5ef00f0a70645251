/* Changes whose outcome could not be told are listed, as many as there is room for, and the audit log says what became of each, once. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/unsettled.h"
#include "kmip/enums.h"
#include "kmip/message.h"
#include "unit/objects/support.h"

struct setting {
	struct world world;
	struct audit_chain *audit;
	struct unsettled unsettled;
	struct kmip_request parsed;
	struct principal principal;
};

static int start(void **state)
{
	struct setting *s = calloc(1, sizeof *s);
	if (!s) return -1;
	world_open(&s->world);
	begin(&s->world);
	assert_int_equal(audit_chain_open(s->world.txn, &s->audit, NULL), ERR_OK);
	commit(&s->world);
	snprintf(s->principal.text, sizeof s->principal.text, "unix:7");
	*state = s;
	return 0;
}

static int stop(void **state)
{
	struct setting *s = *state;
	audit_chain_free(s->audit);
	world_close(&s->world);
	free(s);
	return 0;
}

/* A request of one item whose newest audit row was seq. */
static void note(struct setting *s, uint32_t operation, uint8_t id, uint64_t seq)
{
	struct kmip_batch_item *item = &s->parsed.items[0];
	struct request r = { .principal = &s->principal, .parsed = &s->parsed, .audit_seq = seq };
	*item = (struct kmip_batch_item){ .id = { .operation = operation }, .has_request_id = id != 0 };
	memset(item->request_id, id, sizeof item->request_id);
	s->parsed.count = 1;
	unsettled_note(&s->unsettled, &r);
}

static void tell(struct setting *s)
{
	begin(&s->world);
	assert_int_equal(unsettled_append(&s->unsettled, s->audit, s->world.txn), ERR_OK);
	commit(&s->world);
	unsettled_told(&s->unsettled);
}

struct wanted {
	const char *details;
	uint8_t id; /* of the record; 0: none */
	size_t found;
};

static enum coffer_err look(void *arg, const struct audit_event *event)
{
	struct wanted *w = arg;
	uint8_t id[KMIP_REQUEST_ID_LEN];
	memset(id, w->id, sizeof id);
	bool same_id = w->id ? event->request_id.len == sizeof id && memcmp(event->request_id.ptr, id, sizeof id) == 0 : event->request_id.len == 0;
	if (event->operation == 0 && same_id && event->details.len == strlen(w->details) && memcmp(event->details.ptr, w->details, event->details.len) == 0) w->found++;
	return ERR_OK;
}

static size_t told(struct setting *s, uint8_t id, const char *details)
{
	struct wanted w = { details, id, 0 };
	begin(&s->world);
	assert_int_equal(audit_read(s->audit, s->world.txn, 1, 1000, look, &w), ERR_OK);
	commit(&s->world);
	return w.found;
}

static void each_is_told_once_with_what_became_of_it(void **state)
{
	static const char made[] = "Create by unix:7, request 01010101010101010101010101010101, was answered as of unknown outcome: it was made";
	static const char not_made[] = "Revoke by unix:7, request 02020202020202020202020202020202, was answered as of unknown outcome: it was not made";
	static const char without[] = "Destroy by unix:7, request none, was answered as of unknown outcome: it was not made";
	struct setting *s = *state;
	note(s, OPERATION_CREATE, 1, 5);
	note(s, OPERATION_REVOKE, 2, 6);
	note(s, OPERATION_DESTROY, 0, 7);
	tell(s);
	assert_int_equal(s->unsettled.count, 3); /* nothing is known yet */
	assert_int_equal(audit_chain_length(s->audit), 0);
	unsettled_know(&s->unsettled, 5);
	unsettled_know(&s->unsettled, 1000); /* records of later changes: what was known stays */
	tell(s);
	tell(s);
	assert_int_equal(s->unsettled.count, 0);
	assert_int_equal(told(s, 1, made), 1);
	assert_int_equal(told(s, 2, not_made), 1);
	assert_int_equal(told(s, 0, without), 1);
	assert_int_equal(audit_chain_length(s->audit), 3);
}

static void what_changes_nothing_is_left_out(void **state)
{
	struct setting *s = *state;
	note(s, OPERATION_LOCATE, 1, 5);
	note(s, OPERATION_CREATE, 1, 0); /* it wrote nothing */
	assert_int_equal(s->unsettled.count, 0);
}

static void what_finds_no_room_is_counted(void **state)
{
	struct setting *s = *state;
	for (unsigned i = 0; i < UNSETTLED_MAX + 3; i++) note(s, OPERATION_CREATE, 9, 5);
	assert_int_equal(s->unsettled.count, UNSETTLED_MAX);
	unsettled_know(&s->unsettled, 0);
	tell(s);
	tell(s);
	assert_int_equal(told(s, 0, "3 more changes were answered as of unknown outcome; ask again for each under its request id"), 1);
	assert_int_equal(audit_chain_length(s->audit), UNSETTLED_MAX + 1);
	note(s, OPERATION_CREATE, 9, 80);
	assert_int_equal(s->unsettled.count, 1); /* there is room again */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_is_told_once_with_what_became_of_it, start, stop),
		cmocka_unit_test_setup_teardown(what_changes_nothing_is_left_out, start, stop),
		cmocka_unit_test_setup_teardown(what_finds_no_room_is_counted, start, stop),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
