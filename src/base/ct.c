/* Constant-time comparison and wiping. */
#include "base/ct.h"

#include <stdint.h>
#include <string.h>

/* Folds 0..255 to true for 0, without a branch on the value. */
static bool is_zero(uint8_t folded)
{
	return (bool)((((uint32_t)folded - 1u) >> 8) & 1u);
}

bool ct_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t diff = 0;
	for (size_t i = 0; i < len; i++)
		diff = (uint8_t)(diff | (x[i] ^ y[i]));
	return is_zero(diff);
}

bool ct_is_zero(const void *a, size_t len)
{
	const volatile uint8_t *x = a;
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++)
		any = (uint8_t)(any | x[i]);
	return is_zero(any);
}

void wipe(void *p, size_t len)
{
	if (len) explicit_bzero(p, len);
}
