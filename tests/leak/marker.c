#include "leak/marker.h"

#include <stdio.h>

#include "crypto/rng.h"

#define MASK_LEN 16u

static void print_hex(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) printf("%02x", bytes[i]);
}

enum coffer_err marker_print(const char *name, const struct secret *s)
{
	uint8_t mask[MASK_LEN], masked[64];
	size_t len = secret_len(s);
	ENSURE(len <= sizeof masked, ERR_LIMIT);
	TRY(rng_bytes(mask, sizeof mask));
	for (size_t i = 0; i < len; i++) masked[i] = secret_bytes(s)[i] ^ mask[i % MASK_LEN];
	printf("%s key ", name);
	print_hex(mask, sizeof mask);
	printf(" ");
	print_hex(masked, len);
	printf("\n");
	return ERR_OK;
}
