/* A man in the middle between the backend and a swtpm: logs every byte, answers chosen commands itself, alters, delays or cuts
 * chosen answers, cuts commands, and calls back before a command. One fault is armed at a time, for the nth command of a code (or of
 * PROXY_ANY code) from then on. Runs as a thread; one connection at a time, like swtpm. */
#ifndef COFFER_TESTS_UNIT_TPM_PROXY_H
#define COFFER_TESTS_UNIT_TPM_PROXY_H

#include <stdbool.h>
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

#define PROXY_ANY 0u

/* The next `times` commands of this code are answered with rc and do not reach the TPM. */
void proxy_answer(struct proxy *p, uint32_t command, uint32_t rc, unsigned times);
/* The same from the nth command on. */
void proxy_answer_nth(struct proxy *p, uint32_t command, unsigned nth, uint32_t rc, unsigned times);
/* The next answer to a command of this code has bits `mask` of byte `at` flipped (nothing when it is shorter). */
void proxy_flip(struct proxy *p, uint32_t command, size_t at, uint8_t mask);
/* The next (the nth) answer to a command of this code is cut after `len` bytes and the connection is closed. */
void proxy_cut(struct proxy *p, uint32_t command, size_t len);
void proxy_cut_nth(struct proxy *p, uint32_t command, unsigned nth, size_t len);
/* The nth command gets no further than `len` bytes, and both connections are closed. */
void proxy_cut_command(struct proxy *p, uint32_t command, unsigned nth, size_t len);
/* The nth answer comes this much later. */
void proxy_late(struct proxy *p, uint32_t command, unsigned nth, size_t ms);
/* Runs in the proxy's thread before the nth command goes to the TPM. */
typedef void proxy_hook(void *arg);
void proxy_hook_at(struct proxy *p, uint32_t command, unsigned nth, proxy_hook *hook, void *arg);
/* Sends a command of its own (borrowed bytes) to the TPM before the nth command; aborts the test when the TPM refuses it. */
void proxy_inject(struct proxy *p, uint32_t command, unsigned nth, struct view bytes);
/* Alters the nth answer in place (at most cap bytes); false: the connection is closed after it. Runs in the proxy's thread. */
typedef bool proxy_change(void *arg, uint32_t command, uint8_t *answer, size_t *len, size_t cap);
void proxy_change_at(struct proxy *p, uint32_t command, unsigned nth, proxy_change *change, void *arg);
/* No fault any more, and the commands seen so far are forgotten. */
void proxy_clear(struct proxy *p);
/* Logs no bytes from now on: for long runs. */
void proxy_quiet(struct proxy *p);
/* How often the TPM itself said that its memory or its handles are used up (0x902, 0x903, 0x904). */
unsigned proxy_full(struct proxy *p);
/* The codes of the commands since the last proxy_clear, in order (at most cap are written, and the first 4096 count); their number. */
size_t proxy_commands(struct proxy *p, uint32_t *codes, size_t cap);
/* How many commands of this code came by, answered here or by the TPM (of the last 4096). */
unsigned proxy_seen(struct proxy *p, uint32_t command);
/* How many of the windows of 8 bytes of `secret` stand anywhere in what went over the bus so far. */
size_t proxy_windows_of(struct proxy *p, struct view secret);
size_t proxy_log_len(struct proxy *p);

#endif
