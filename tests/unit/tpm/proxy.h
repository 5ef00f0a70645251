/* A man in the middle between the backend and a swtpm: logs every byte, answers chosen commands itself, alters chosen
 * answers. Runs as a thread; one connection at a time, like swtpm. */
#ifndef COFFER_TESTS_UNIT_TPM_PROXY_H
#define COFFER_TESTS_UNIT_TPM_PROXY_H

#include <stddef.h>
#include <stdint.h>

#include "base/view.h"
#include "unit/tpm/swtpm.h"

struct proxy;

/* Listens beside the swtpm's own socket. Aborts the test on failure. */
struct proxy *proxy_new(const struct swtpm *s);
void proxy_free(struct proxy *p); /* accepts NULL */
/* "tpm2:swtpm:path=…" and "swtpm:path=…" of the proxy; borrowed. */
const char *proxy_uri(const struct proxy *p);
const char *proxy_tcti(const struct proxy *p);

/* The next `times` commands of this code are answered with rc and do not reach the TPM. */
void proxy_answer(struct proxy *p, uint32_t command, uint32_t rc, unsigned times);
/* The next answer to a command of this code has bits `mask` of byte `at` flipped (nothing when it is shorter). */
void proxy_flip(struct proxy *p, uint32_t command, size_t at, uint8_t mask);
/* The next answer to a command of this code is cut after `len` bytes and the connection is closed. */
void proxy_cut(struct proxy *p, uint32_t command, size_t len);
/* How many commands of this code came by, answered here or by the TPM. */
unsigned proxy_seen(struct proxy *p, uint32_t command);
/* How many of the windows of 8 bytes of `secret` stand anywhere in what went over the bus so far. */
size_t proxy_windows_of(struct proxy *p, struct view secret);
size_t proxy_log_len(struct proxy *p);

#endif
