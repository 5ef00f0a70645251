/* Which backend a token URI belongs to, and so which helper program serves it. */
#ifndef COFFER_TOKEN_KIND_H
#define COFFER_TOKEN_KIND_H

#include "base/err.h"
#include "base/reason.h"

enum token_kind { TOKEN_KIND_TPM2 = 1, TOKEN_KIND_PKCS11 = 2 };

/* "tpm2:…" or "pkcs11:…" of at most TOKEN_URI_MAX bytes; else ERR_USAGE with a sentence. */
enum coffer_err token_kind_of_uri(const char *uri, enum token_kind *out, struct reason *reason) MUST_USE;
/* "tpm2", "pkcs11", else "unknown". Static storage. */
const char *token_kind_name(enum token_kind kind);

#endif
