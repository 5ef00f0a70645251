/* A swtpm of a test's own: state and socket in a folder of its own under /tmp, ended with the test program. */
#ifndef COFFER_TESTS_UNIT_TPM_SWTPM_H
#define COFFER_TESTS_UNIT_TPM_SWTPM_H

#include <sys/types.h>

struct swtpm {
	char dir[40];
	char socket[64];
	char uri[128];  /* "tpm2:swtpm:path=…" */
	char tcti[96]; /* "swtpm:path=…" for tpm2-tools */
	pid_t pid;      /* 0 when it does not run */
};

/* A TPM as it left the factory, running. Aborts the test when it cannot be started. */
void swtpm_init(struct swtpm *s);
/* Starts it again with the state it has. */
void swtpm_start(struct swtpm *s);
/* kill -9: a power cut. */
void swtpm_cut(struct swtpm *s);
/* Ends it and removes the folder. */
void swtpm_done(struct swtpm *s);
/* Runs a shell command line with TPM2TOOLS_TCTI set (the folder as working directory, output to its log file); the exit
 * status. */
int swtpm_tool(const struct swtpm *s, const char *command);
/* Its maker certifies the endorsement key: "ecc" (P-256) or "rsa" (2048), in the TCG's place of NV memory, with bytes behind its end; also as ek.der in the folder. ek.pub: the key as TPM2B_PUBLIC. */
void swtpm_certify(const struct swtpm *s, const char *type);

#endif
