/* Secret memory for parts: nobody takes what the others need. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ops/parts_ledger.h"

#define MOST 1000u

static size_t take_all(struct ledger_line **line, const char *principal)
{
	size_t taken = 0;
	struct ledger_line *same = NULL;
	while (ledger_take(&same, principal, 10, MOST) == ERR_OK) taken += 10;
	*line = same;
	return taken;
}

static void one_principal_leaves_half_and_the_next_half_of_that(void **state)
{
	struct ledger_line *a, *b, *c;
	(void)state;
	assert_int_equal(take_all(&a, "unix:1"), 500);
	assert_int_equal(take_all(&b, "unix:2"), 250);
	assert_int_equal(take_all(&c, "unix:3"), 120);
	ledger_give(c, 120);
	ledger_give(b, 250);
	ledger_give(a, 500);
	assert_int_equal(take_all(&a, "unix:1"), 500);
	ledger_give(a, 500);
}

static void parts_of_one_principal_share_its_account(void **state)
{
	struct ledger_line *first = NULL, *second = NULL, *third = NULL;
	(void)state;
	assert_int_equal(ledger_take(&first, "unix:1", 300, MOST), ERR_OK);
	assert_int_equal(ledger_take(&second, "unix:1", 201, MOST), ERR_BUSY);
	assert_null(second);
	assert_int_equal(ledger_take(&second, "unix:1", 200, MOST), ERR_OK);
	assert_int_equal(ledger_take(&third, "unix:10", 250, MOST), ERR_OK); /* another one, though its name begins alike */
	ledger_give(first, 300);
	assert_int_equal(ledger_take(&second, "unix:1", 176, MOST), ERR_BUSY);
	assert_int_equal(ledger_take(&second, "unix:1", 175, MOST), ERR_OK);
	ledger_give(second, 375);
	ledger_give(third, 250);
	ledger_give(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_principal_leaves_half_and_the_next_half_of_that), cmocka_unit_test(parts_of_one_principal_share_its_account),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
