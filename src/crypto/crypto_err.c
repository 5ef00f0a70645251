/* OpenSSL's error queue to enum coffer_err. */
#include "crypto/crypto_err.h"
#include "crypto/ossl.h"

enum coffer_err crypto_err_take(void)
{
	enum coffer_err err = ERR_CRYPTO;
	unsigned long code;
	while ((code = ERR_get_error()) != 0)
		if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) err = ERR_MEMORY;
	return err;
}

void crypto_err_drop(void)
{
	ERR_clear_error();
}
