/* Small steps that the TPM tests share: each asserts that it works. */
#ifndef COFFER_TESTS_UNIT_TPM_HELPERS_H
#define COFFER_TESTS_UNIT_TPM_HELPERS_H

#include <stdint.h>

#include <tss2/tss2_esys.h>

#include "base/buf.h"
#include "base/secret.h"
#include "token/token.h"

struct token *help_open(const char *uri);
struct token *help_provision(const char *uri, struct token_binding *out);
struct token *help_attach(const char *uri, const struct token_binding *binding);
/* 32 bytes that no other part of the program holds. */
struct secret *help_key(void);
void help_wrap(struct token *t, const struct secret *key, struct buf *out);
void help_unwraps_to(struct token *t, struct view blob, const struct secret *key);

/* A raw ESYS connection beside the backend (which must be closed meanwhile). */
struct raw {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
};
void help_raw_open(struct raw *raw, const char *tcti);
void help_raw_close(struct raw *raw);
uint32_t help_property(const char *tcti, uint32_t property);
size_t help_count_handles(const char *tcti, uint32_t first);

#endif
