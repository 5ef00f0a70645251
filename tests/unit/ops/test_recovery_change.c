/* A new recovery key that is not waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ops/engine.h"
#include "ops/recovery_change.h"

/* The answer to the first Confirm may have been lost: then the new one is in force. */
static void who_confirms_again_is_not_told_which_is_in_force(void **state)
{
	struct engine engine = { .recovery_change = NULL };
	struct principal root;
	struct recovery_change *found = NULL;
	struct reason why = { "" };
	(void)state;
	principal_from_uid(0, 1, &root);
	assert_int_equal(recovery_change_find(&engine, &root, view_str("id"), &found, &why), ERR_NOT_FOUND);
	assert_null(strstr(why.text, "the old one is in force"));
	assert_non_null(strstr(why.text, "'coffer status' says which is in force"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(who_confirms_again_is_not_told_which_is_in_force) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
