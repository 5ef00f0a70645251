/* Token kinds by number and name. */
#include "keyring/kind.h"

#include <string.h>

#define MECHANISM_MAX (sizeof((struct token_binding *)0)->mechanism - 1)

static const char *const names[] = { NULL, "tpm2", "pkcs11" };

enum coffer_err kind_number(const char *name, uint8_t *out)
{
	for (uint8_t i = 1; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(names[i], name) == 0) {
			*out = i;
			return ERR_OK;
		}
	}
	return ERR_FIELD;
}

enum coffer_err kind_name(uint8_t number, char out[static KIND_NAME_MAX])
{
	ENSURE(number >= 1 && number < sizeof names / sizeof names[0], ERR_CORRUPT);
	memcpy(out, names[number], strlen(names[number]) + 1);
	return ERR_OK;
}

bool kind_mechanism_is_sound(struct view mechanism)
{
	if (mechanism.len < 1 || mechanism.len > MECHANISM_MAX) return false;
	for (size_t i = 0; i < mechanism.len; i++)
		if (mechanism.ptr[i] <= ' ' || mechanism.ptr[i] > '~') return false;
	return true;
}
