/* Token URIs and the backends they belong to. */
#include "token/kind.h"

#include <string.h>

#include "token/token.h"

enum coffer_err token_kind_of_uri(const char *uri, enum token_kind *out, struct reason *reason)
{
	if (strlen(uri) > TOKEN_URI_MAX)
		return reason_fail(reason, ERR_USAGE, "the token URI is longer than %u bytes", TOKEN_URI_MAX);
	if (strncmp(uri, "tpm2:", 5) == 0) *out = TOKEN_KIND_TPM2;
	else if (strncmp(uri, "pkcs11:", 7) == 0) *out = TOKEN_KIND_PKCS11;
	else return reason_fail(reason, ERR_USAGE, "a token URI begins with tpm2: or pkcs11:");
	return ERR_OK;
}

const char *token_kind_name(enum token_kind kind)
{
	switch (kind) {
	case TOKEN_KIND_TPM2:
		return "tpm2";
	case TOKEN_KIND_PKCS11:
		return "pkcs11";
	default:
		return "unknown";
	}
}
