/* Algorithms and lengths of symmetric keys. */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/reason.h"
#include "crypto/algorithm.h"

#define KMIP_DES 0x01u
#define KMIP_3DES 0x02u
#define KMIP_AES 0x03u
#define KMIP_RSA 0x04u
#define KMIP_HMAC_SHA1 0x07u
#define KMIP_HMAC_SHA256 0x09u
#define KMIP_CAMELLIA 0x11u
#define KMIP_CHACHA20 0x1cu
#define KMIP_NUMBERS_END 0x60u

static bool aes_or_xts(uint32_t bits) { return bits == 128 || bits == 192 || bits == 256 || bits == 512; }
static bool three_des(uint32_t bits) { return bits == 112 || bits == 128 || bits == 168 || bits == 192; }
static bool hmac(uint32_t bits) { return bits >= 8 && bits <= 4096 && bits % 8 == 0; }
static bool only_256(uint32_t bits) { return bits == 256; }
static bool camellia(uint32_t bits) { return bits == 128 || bits == 192 || bits == 256; }

static void every_length_is_taken_or_refused_by_the_rule_of_its_algorithm(void **state)
{
	static const struct { uint32_t algorithm; bool (*fits)(uint32_t bits); } table[] = {
		{ KMIP_AES, aes_or_xts }, { KMIP_3DES, three_des }, { KMIP_HMAC_SHA1, hmac }, { KMIP_HMAC_SHA256, hmac },
		{ KMIP_CHACHA20, only_256 }, { KMIP_CAMELLIA, camellia },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		for (uint32_t bits = 0; bits <= 5000; bits++)
			assert_int_equal(crypto_algorithm_check(table[i].algorithm, bits, ALGORITHM_REGISTER, true, NULL),
				table[i].fits(bits) ? ERR_OK : ERR_FIELD);
}

/* A length that the algorithm has. */
static uint32_t some_length(uint32_t algorithm)
{
	for (uint32_t bits = 1; bits <= 5000; bits++)
		if (crypto_algorithm_check(algorithm, bits, ALGORITHM_REGISTER, true, NULL) == ERR_OK) return bits;
	return 0;
}

static void legacy_algorithms_need_leave_and_the_sentence_names_the_switch(void **state)
{
	static const uint32_t legacy[] = { 0x01, 0x02, 0x07, 0x0c, 0x10, 0x12, 0x13, 0x15, 0x16, 0x17, 0x18, 0x31 };
	(void)state;
	for (uint32_t a = 0; a < KMIP_NUMBERS_END; a++) {
		struct reason why = { "" };
		bool old = false;
		uint32_t bits = some_length(a);
		for (size_t i = 0; i < sizeof legacy / sizeof legacy[0]; i++) old |= legacy[i] == a;
		assert_int_equal(crypto_algorithm_is_legacy(a), old);
		if (!old) continue;
		assert_int_not_equal(bits, 0);
		assert_err(crypto_algorithm_check(a, bits, ALGORITHM_REGISTER, false, &why), ERR_UNSUPPORTED);
		assert_non_null(strstr(why.text, "legacy_algorithms"));
		assert_non_null(strstr(why.text, crypto_algorithm_name(a)));
	}
}

static void algorithms_that_nothing_here_uses_are_registered_but_not_made(void **state)
{
	static const uint32_t made[] = { 0x02, 0x03, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x18, 0x1c, 0x1e, 0x23, 0x24, 0x25, 0x26 };
	(void)state;
	for (uint32_t a = 0; a < KMIP_NUMBERS_END; a++) {
		bool makes = false;
		uint32_t bits = some_length(a);
		for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) makes |= made[i] == a;
		if (bits == 0) assert_null(crypto_algorithm_name(a));
		else assert_non_null(crypto_algorithm_name(a));
		assert_err(crypto_algorithm_check(a, bits, ALGORITHM_MAKE, true, NULL), makes ? ERR_OK : ERR_UNSUPPORTED);
	}
	assert_err(crypto_algorithm_check(KMIP_RSA, 2048, ALGORITHM_REGISTER, true, NULL), ERR_UNSUPPORTED);
	assert_null(crypto_algorithm_name(KMIP_RSA));
}

static void material_of_des_counts_its_parity_bits(void **state)
{
	static const struct { uint32_t algorithm, bits; size_t bytes; uint32_t back; } table[] = {
		{ KMIP_AES, 256, 32, 256 }, { KMIP_AES, 512, 64, 512 }, { KMIP_HMAC_SHA256, 8, 1, 8 },
		{ KMIP_3DES, 112, 16, 112 }, { KMIP_3DES, 128, 16, 112 }, { KMIP_3DES, 168, 24, 168 }, { KMIP_3DES, 192, 24, 168 },
		{ KMIP_DES, 56, 8, 56 }, { KMIP_DES, 64, 8, 56 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		assert_int_equal(crypto_algorithm_bytes(table[i].algorithm, table[i].bits), table[i].bytes);
		assert_int_equal(crypto_algorithm_bits(table[i].algorithm, table[i].bytes), table[i].back);
	}
	assert_int_equal(crypto_algorithm_bytes(KMIP_AES, 129), 0);
	assert_int_equal(crypto_algorithm_bits(KMIP_AES, SIZE_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_is_taken_or_refused_by_the_rule_of_its_algorithm),
		cmocka_unit_test(legacy_algorithms_need_leave_and_the_sentence_names_the_switch),
		cmocka_unit_test(algorithms_that_nothing_here_uses_are_registered_but_not_made),
		cmocka_unit_test(material_of_des_counts_its_parity_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
