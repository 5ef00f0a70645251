/* The table of symmetric algorithms. */
#include "crypto/algorithm.h"

#define MAKE 1u
#define LEGACY 2u
#define KMIP_DES 0x01u
#define KMIP_3DES 0x02u
#define DES_PARITY_BITS 8u /* of each 8-byte key */

static const struct row {
	uint32_t algorithm;
	const char *name;
	uint32_t first, last, step; /* bits */
	unsigned flags;
} table[] = {
#define ALGORITHM(number, name, first, last, step, flags) { (number), (name), (first), (last), (step), (flags) },
#include "crypto/algorithm.def"
#undef ALGORITHM
};

static const struct row *find(uint32_t algorithm)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].algorithm == algorithm) return &table[i];
	return NULL;
}

static bool length_fits(uint32_t algorithm, uint32_t bits)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const struct row *r = &table[i];
		if (r->algorithm != algorithm || bits < r->first || bits > r->last) continue;
		if ((bits - r->first) % r->step == 0) return true;
	}
	return false;
}

enum coffer_err crypto_algorithm_check(uint32_t algorithm, uint32_t bits, enum algorithm_use use, bool allow_legacy,
	struct reason *reason)
{
	const struct row *row = find(algorithm);
	if (row == NULL)
		return reason_fail(reason, ERR_UNSUPPORTED, "this Cryptographic Algorithm is not one of a symmetric key here; use AES");
	if ((row->flags & LEGACY) && !allow_legacy)
		return reason_fail(reason, ERR_UNSUPPORTED, "%s is outdated and refused; use AES, or set legacy_algorithms = yes", row->name);
	if (use == ALGORITHM_MAKE && !(row->flags & MAKE))
		return reason_fail(reason, ERR_UNSUPPORTED, "%s keys are not made here; register one, or use AES", row->name);
	if (!length_fits(algorithm, bits))
		return reason_fail(reason, ERR_FIELD, "%s has no keys of %u bits; choose another Cryptographic Length", row->name, bits);
	return ERR_OK;
}

static bool is_des(uint32_t algorithm)
{
	return algorithm == KMIP_DES || algorithm == KMIP_3DES;
}

size_t crypto_algorithm_bytes(uint32_t algorithm, uint32_t bits)
{
	if (is_des(algorithm) && bits % 56 == 0) return bits / 56 * 8;
	return bits % 8 == 0 ? bits / 8 : 0;
}

uint32_t crypto_algorithm_bits(uint32_t algorithm, size_t bytes)
{
	if (bytes > UINT32_MAX / 8) return 0;
	if (is_des(algorithm) && bytes % 8 == 0) return (uint32_t)bytes * 8 - (uint32_t)(bytes / 8) * DES_PARITY_BITS;
	return (uint32_t)bytes * 8;
}

bool crypto_algorithm_is_legacy(uint32_t algorithm)
{
	const struct row *row = find(algorithm);
	return row != NULL && (row->flags & LEGACY) != 0;
}

const char *crypto_algorithm_name(uint32_t algorithm)
{
	const struct row *row = find(algorithm);
	return row != NULL ? row->name : NULL;
}
