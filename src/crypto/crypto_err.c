/* OpenSSL's error queue to enum coffer_err. */
#include "crypto/crypto_err.h"
#include "crypto/ossl.h"

#include <stdbool.h>

static _Thread_local bool memory_failed;

void crypto_err_note_memory(void)
{
	memory_failed = true;
}

enum coffer_err crypto_err_take(void)
{
	enum coffer_err err = memory_failed ? ERR_MEMORY : ERR_CRYPTO;
	unsigned long code;
	memory_failed = false;
	while ((code = ERR_get_error()) != 0)
		if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) err = ERR_MEMORY;
	return err;
}

void crypto_err_begin(void)
{
	memory_failed = false;
}

void crypto_err_drop(void)
{
	ERR_clear_error();
	memory_failed = false;
}
