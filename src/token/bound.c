/* The few bytes of a TPM's binding that say whether there is a PIN; the rest is tpm/binding.c's. */
#include "token/bound.h"

#include <string.h>

#include "base/reader.h"

#define MECHANISM "tpm2-seal"
#define FORMAT_POLICY 2u
#define HAS_PIN 4u
#define NAME_MAX_LEN 128u

/* format, profile, bits, handle, two names; then the flags. */
static enum coffer_err read_flags(const struct token_binding *binding, uint8_t *out)
{
	struct reader r;
	struct view name;
	uint8_t format, ignored;
	uint32_t handle;
	reader_init(&r, view_of(binding->data, binding->data_len));
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT_POLICY, ERR_NOT_FOUND);
	TRY(reader_u8(&r, &ignored));
	TRY(reader_u8(&r, &ignored));
	TRY(reader_u32(&r, &handle));
	for (unsigned i = 0; i < 2; i++) TRY(reader_view_u16(&r, NAME_MAX_LEN, &name));
	return reader_u8(&r, out);
}

bool token_binding_wants_pin(const struct token_binding *binding)
{
	uint8_t flags = 0;
	if (strncmp(binding->mechanism, MECHANISM, sizeof binding->mechanism) != 0 || binding->data_len > sizeof binding->data) return false;
	return read_flags(binding, &flags) == ERR_OK && (flags & HAS_PIN) != 0;
}
