/* The connection to one TPM: TCTI and ESYS context, retries with back-off, sweeping of what a crash left behind. One
 * thread. */
#ifndef COFFER_TPM_DEVICE_H
#define COFFER_TPM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <tss2/tss2_esys.h>

#include "base/err.h"
#include "base/reason.h"
#include "tpm/uri.h"

struct tpm_device {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	bool bare;       /* no resource manager: everything transient is ours */
	bool dead;       /* only closing and opening again helps */
	TSS2_RC last_rc; /* of the last command that failed; the caller sets it back to 0 */
};

/* Connects and sweeps. ERR_TOKEN_GONE when nothing answers. On failure *out needs no close. */
enum coffer_err tpm_device_open(const struct tpm_uri *uri, struct tpm_device *out, struct reason *reason) MUST_USE;
/* Accepts a zeroed struct. */
void tpm_device_close(struct tpm_device *dev);

/* One command, sent again after a pause while the TPM says that it is busy:
 *
 *   struct tpm_call c = tpm_call_begin(dev, "TPM2_Load");
 *   while (tpm_call_again(&c)) c.rc = Esys_Load(…);
 *   TRY(tpm_call_end(&c, reason));
 *
 * Pauses grow from 10 ms to 1 s with jitter; after TPM_BUSY_MAX_MS the last answer stands. On a dead device the command
 * is not sent. */
#define TPM_NO_SUCH_OBJECT ((ESYS_TR)0xFFFFFFFEu) /* an ESYS_TR that was never handed out */
#define TPM_BUSY_MAX_MS 5000u
struct tpm_call {
	struct tpm_device *dev;
	const char *name;
	TSS2_RC rc;
	unsigned tries;
	uint64_t start_ms;
	uint64_t pause_ms;
};
struct tpm_call tpm_call_begin(struct tpm_device *dev, const char *name);
bool tpm_call_again(struct tpm_call *c);
/* Records a failure in dev->last_rc (and dev->dead), fills the reason, returns the mapped error. */
enum coffer_err tpm_call_end(struct tpm_call *c, struct reason *reason) MUST_USE;

/* Flushes every transient object and session when no resource manager stands between; else does nothing. Never touches
 * persistent objects. */
enum coffer_err tpm_device_sweep(struct tpm_device *dev, struct reason *reason) MUST_USE;
/* Flushes one transient object or session; *handle becomes ESYS_TR_NONE. Errors are left to the next command. */
void tpm_device_flush(struct tpm_device *dev, ESYS_TR *handle);
/* The number of handles of a range that are in use (at most TPM2_MAX_CAP_HANDLES are seen): TPM2_TRANSIENT_FIRST … */
enum coffer_err tpm_device_count_handles(struct tpm_device *dev, uint32_t first, size_t *out,
	struct reason *reason) MUST_USE;
/* One fixed or variable property (TPM2_PT_…). ERR_UNSUPPORTED when the TPM does not report it. */
enum coffer_err tpm_device_property(struct tpm_device *dev, uint32_t property, uint32_t *out,
	struct reason *reason) MUST_USE;
/* A TPM that does not answer the question is not one that lacks the algorithm: its failure is the error. */
enum coffer_err tpm_device_has_algorithm(struct tpm_device *dev, TPM2_ALG_ID algorithm, bool *out,
	struct reason *reason) MUST_USE;
/* Overwrites the command buffer of the TSS and the dead stack below the caller, where the TSS leaves plaintext
 * parameters. */
void tpm_device_scrub(struct tpm_device *dev);

#endif
