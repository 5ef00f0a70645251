/* The order to move a store belongs to the node that it was given to, and so does the store that was left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "daemon/daemon.h"
#include "daemon/mover_internal.h"

static char dir[64], order_path[96], identity_path[96];
static char sqlite[] = "sqlite";
static struct config config;
static struct daemon *d;

static int begin(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/coffer-test-mover-XXXXXX");
	if (!mkdtemp(dir)) return -1;
	snprintf(order_path, sizeof order_path, "%s/" MOVE_ORDER_NAME, dir);
	snprintf(identity_path, sizeof identity_path, "%s/node.id", dir);
	config = (struct config){ .state_dir = dir, .store = sqlite };
	d = calloc(1, sizeof *d);
	if (!d) return -1;
	d->config = &config;
	d->config_path = "cofferd.conf";
	return 0;
}

static int end(void **state)
{
	(void)state;
	mover_free(d);
	free(d);
	unlink(order_path);
	unlink(identity_path);
	return rmdir(dir);
}

static void write_order(void)
{
	const struct move_order order = { .phase = MOVE_DONE, .to_database = true, .by = "unix:0", .conninfo = "host=db", .schema = "coffer", .passfile = "/etc/coffer/password" };
	assert_int_equal(move_order_write(dir, &order, NULL), ERR_OK);
}

/* A folder whose domain is gone, and that gets another one by init, restore or join. */
static void an_order_of_a_node_that_is_gone_goes_too(void **state)
{
	struct reason why = { "" };
	(void)state;
	write_order();
	if (mover_start(d, &why) != ERR_OK) fail_msg("%s", why.text);
	assert_int_not_equal(access(order_path, F_OK), 0);
}

static void an_order_of_this_node_stays(void **state)
{
	struct reason why = { "" };
	struct identity identity = { .domain = { .id = { 1 }, .node_id = { 2 } }, .token_kind = "tpm2", .token_uri = "tpm2:device", .binding = { .mechanism = "fake", .data = { 1 }, .data_len = 1 } };
	(void)state;
	assert_int_equal(identity_write(dir, &identity, &why), ERR_OK);
	write_order();
	assert_int_equal(mover_start(d, &why), ERR_USAGE);
	assert_non_null(strstr(why.text, "was moved to PostgreSQL"));
	assert_int_equal(access(order_path, F_OK), 0);
}

static void put_slot(struct store *s, uint8_t first)
{
	struct store_row row = { .id = { first }, .id_len = UUID_LEN + 4, .version = 1, .generation = 1, .header = view_str("h"), .body = view_str("b") };
	row.id[UUID_LEN + 3] = 1;
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, STORE_SLOT, &row, false), ERR_OK);
	assert_int_equal(store_commit(s, NULL), ERR_OK);
}

static enum store_move_state marked(uint8_t first)
{
	struct store_move_mark mark;
	struct mover m = { .daemon = d, .order = { .to_database = true }, .identity = { .domain = { .id = { 1 }, .node_id = { 2 } } } };
	assert_int_equal(store_open_memory(&m.from), ERR_OK);
	put_slot(m.from, first);
	assert_int_equal(mover_mark_left(&m, NULL), ERR_OK);
	assert_int_equal(store_move_mark_get(m.from, &mark), ERR_OK);
	store_close(m.from);
	return mark.state;
}

static void a_store_of_another_node_is_not_marked(void **state)
{
	(void)state;
	assert_int_equal(marked(2), STORE_MOVE_LEFT);
	assert_int_equal(marked(3), STORE_MOVE_NONE);
}

static int group(void **state)
{
	(void)state;
	return arena_init(1u << 20, false, NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_order_of_a_node_that_is_gone_goes_too, begin, end),
		cmocka_unit_test_setup_teardown(an_order_of_this_node_stays, begin, end),
		cmocka_unit_test_setup_teardown(a_store_of_another_node_is_not_marked, begin, end),
	};
	return cmocka_run_group_tests(tests, group, NULL);
}
