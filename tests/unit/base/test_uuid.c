/* UUIDs that begin with their time. */
#include "base_test.h"

#include "base/uuid.h"

/* RFC 9562 appendix A.6. */
static void the_example_of_the_standard(void **state)
{
	(void)state;
	char text[UUID_TEXT_LEN + 1];
	uint8_t uuid[UUID_LEN] = { 1, 2, 3, 4, 5, 6, 0xfc, 0xc3, 0xd8, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f };
	uuid_of_time(uuid, UINT64_C(1645557742000));
	text_uuid(uuid, text);
	assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
	assert_int_equal(uuid_time(uuid), UINT64_C(1645557742000));
}

static void they_stand_in_the_order_of_their_times(void **state)
{
	(void)state;
	static const uint64_t times[] = { 0, 1, 255, 256, 65535, 65536, UINT64_C(1) << 40, (UINT64_C(1) << 48) - 1 };
	uint8_t before[UUID_LEN];
	memset(before, 0xff, sizeof before);
	uuid_of_time(before, times[0]);
	for (size_t i = 1; i < sizeof times / sizeof times[0]; i++) {
		uint8_t uuid[UUID_LEN] = { 0 };
		uuid_of_time(uuid, times[i]);
		assert_true(memcmp(before, uuid, UUID_LEN) < 0);
		assert_int_equal(uuid_time(uuid), times[i]);
		memset(uuid + UUID_TIME_LEN, 0xff, UUID_LEN - UUID_TIME_LEN);
		uuid_of_time(uuid, times[i]);
		memcpy(before, uuid, UUID_LEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_standard),
		cmocka_unit_test(they_stand_in_the_order_of_their_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
