/* A TPM behind a proxy, and one data key that is wrapped as a token URI asks for; for the tests of policies. */
#ifndef COFFER_TESTS_UNIT_TPM_MACHINE_H
#define COFFER_TESTS_UNIT_TPM_MACHINE_H

#include "base/buf.h"
#include "token/policy.h"
#include "unit/tpm/helpers.h"
#include "unit/tpm/proxy.h"

#define EXTEND_7 "tpm2_pcrextend 7:sha256=0101010101010101010101010101010101010101010101010101010101010101"
#define EXTEND_8 "tpm2_pcrextend 8:sha256=0101010101010101010101010101010101010101010101010101010101010101"
#define TEXT 640

struct machine {
	struct swtpm swtpm;
	struct proxy *proxy;
	char uri[TEXT];
	struct token_binding binding;
	struct secret *key;
	struct buf blob;
};

/* cmocka's; there is one machine. */
int new_machine(void **state);
int free_machine(void **state);
/* Provisions with these parameters, wraps the key, and closes. */
void bind_to(struct machine *m, const char *parameters);
/* What a start says: it opens, or it does not, with this error and these words. */
void opens(struct machine *m);
void does_not_open(struct machine *m, enum coffer_err wanted, const char *says);
struct token_policy_status status_of(struct machine *m);
/* A power cut, and on again. */
void reboot(struct machine *m);
/* A file beside the swtpm's state; returns path. */
const char *put_file(struct machine *m, const char *name, const void *bytes, size_t len, char path[static TEXT]);
/* "pin-source=file:…" of a file with this PIN. */
const char *with_pin(struct machine *m, const char *name, const char *pin, char parameters[static TEXT]);

#endif
