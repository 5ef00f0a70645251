/* Connecting, retrying, sweeping. */
#include "tpm/device.h"

#include <stdlib.h>
#include <time.h>

#include <tss2/tss2_tctildr.h>

#include "base/clock.h"
#include "base/ct.h"
#include "crypto/rng.h"
#include "tpm/tpm_err.h"

#define PAUSE_MIN_MS 10u
#define PAUSE_MAX_MS 1000u
#define STACK_SCRUB_LEN 16384u
#define SCRUB_LEN 128u /* bytes of the largest TPM2_StirRandom */
#define SWEEP_ROUNDS 8u

enum coffer_err tpm_device_open(const struct tpm_uri *uri, struct tpm_device *out, struct reason *reason)
{
	struct tpm_device dev = { .bare = uri->bare };
	/* At its trace level the TSS logs plaintext parameters: no environment may turn that on. */
	if (setenv("TSS2_LOG", "all+NONE", 1) != 0) return ERR_MEMORY;
	TSS2_RC rc = Tss2_TctiLdr_Initialize(uri->tcti, &dev.tcti);
	if (rc == TSS2_RC_SUCCESS) rc = Esys_Initialize(&dev.esys, dev.tcti, NULL);
	if (rc != TSS2_RC_SUCCESS) {
		tpm_device_close(&dev);
		return reason_fail(reason, ERR_TOKEN_GONE,
			"the TPM at %s does not answer (0x%X); check that it is there, that this user may open it, "
			"and that the TCTI library is installed", uri->tcti, rc);
	}
	enum coffer_err err = tpm_device_sweep(&dev, reason);
	if (err != ERR_OK) {
		tpm_device_close(&dev);
		return err;
	}
	*out = dev;
	return ERR_OK;
}

void tpm_device_close(struct tpm_device *dev)
{
	if (dev->esys) Esys_Finalize(&dev->esys);
	if (dev->tcti) Tss2_TctiLdr_Finalize(&dev->tcti);
	*dev = (struct tpm_device){ 0 };
}

/* ---- one command ---- */

struct tpm_call tpm_call_begin(struct tpm_device *dev, const char *name)
{
	return (struct tpm_call){ .dev = dev, .name = name, .start_ms = clock_mono_ms(), .pause_ms = PAUSE_MIN_MS };
}

static void pause_ms(uint64_t ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000L };
	while (nanosleep(&t, &t) != 0) continue;
}

/* Between half of ms and ms, so that two callers of one TPM do not stay in step. */
static uint64_t with_jitter(uint64_t ms)
{
	uint8_t byte = 0;
	if (rng_bytes(&byte, sizeof byte) != ERR_OK) return ms;
	return ms / 2 + ms / 2 * byte / 255;
}

bool tpm_call_again(struct tpm_call *c)
{
	if (c->dev->dead) return false;
	if (c->tries++ == 0) return true;
	if (tpm_err_map(c->rc).action != TPM_ACTION_BACKOFF) return false;
	if (clock_mono_ms() - c->start_ms + c->pause_ms > TPM_BUSY_MAX_MS) return false;
	pause_ms(with_jitter(c->pause_ms));
	c->pause_ms = c->pause_ms * 2 < PAUSE_MAX_MS ? c->pause_ms * 2 : PAUSE_MAX_MS;
	return true;
}

enum coffer_err tpm_call_end(struct tpm_call *c, struct reason *reason)
{
	if (c->dev->dead && c->tries == 0) {
		return reason_fail(reason, ERR_TOKEN_GONE, "the connection to the TPM is lost; the token helper must open it again");
	}
	if (c->rc == TSS2_RC_SUCCESS) return ERR_OK;
	c->dev->last_rc = c->rc;
	if (tpm_err_map(c->rc).action == TPM_ACTION_END) c->dev->dead = true;
	return tpm_err_fail(reason, c->name, c->rc);
}

/* ---- capabilities ---- */

static enum coffer_err capability(struct tpm_device *dev, TPM2_CAP cap, uint32_t property, uint32_t count,
	TPMS_CAPABILITY_DATA **out, struct reason *reason)
{
	TPMI_YES_NO more = 0;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_GetCapability");
	while (tpm_call_again(&c)) {
		c.rc = Esys_GetCapability(dev->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, cap, property, count, &more, out);
	}
	TRY(tpm_call_end(&c, reason));
	POST(*out);
	if ((*out)->capability == cap) return ERR_OK;
	Esys_Free(*out);
	*out = NULL;
	return reason_fail(reason, ERR_TOKEN, "TPM2_GetCapability: the TPM answers another question");
}

enum coffer_err tpm_device_property(struct tpm_device *dev, uint32_t property, uint32_t *out, struct reason *reason)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TRY(capability(dev, TPM2_CAP_TPM_PROPERTIES, property, 1, &data, reason));
	const TPML_TAGGED_TPM_PROPERTY *list = &data->data.tpmProperties;
	bool found = list->count >= 1 && list->tpmProperty[0].property == property;
	if (found) *out = list->tpmProperty[0].value;
	Esys_Free(data);
	return found ? ERR_OK : reason_fail(reason, ERR_UNSUPPORTED, "the TPM does not report its property 0x%X", property);
}

enum coffer_err tpm_device_has_algorithm(struct tpm_device *dev, TPM2_ALG_ID algorithm, bool *out, struct reason *reason)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TRY(capability(dev, TPM2_CAP_ALGS, algorithm, 1, &data, reason));
	const TPML_ALG_PROPERTY *list = &data->data.algorithms;
	*out = list->count >= 1 && list->algProperties[0].alg == algorithm;
	Esys_Free(data);
	return ERR_OK;
}

enum coffer_err tpm_device_count_handles(struct tpm_device *dev, uint32_t first, size_t *out, struct reason *reason)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TRY(capability(dev, TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, &data, reason));
	*out = data->data.handles.count;
	Esys_Free(data);
	return ERR_OK;
}

/* ---- sweep ---- */

static void flush_raw(struct tpm_device *dev, TPM2_HANDLE handle)
{
	ESYS_TR object = ESYS_TR_NONE;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_ReadPublic");
	while (tpm_call_again(&c)) {
		c.rc = Esys_TR_FromTPMPublic(dev->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);
	}
	if (c.rc == TSS2_RC_SUCCESS) tpm_device_flush(dev, &object);
}

/* Some TPMs report fewer handles than asked for, so each range is read until it is empty. */
static enum coffer_err sweep_range(struct tpm_device *dev, uint32_t first, struct reason *reason)
{
	for (unsigned round = 0; round < SWEEP_ROUNDS; round++) {
		TPMS_CAPABILITY_DATA *data = NULL;
		TRY(capability(dev, TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, &data, reason));
		uint32_t count = data->data.handles.count;
		for (uint32_t i = 0; i < count && i < TPM2_MAX_CAP_HANDLES; i++) flush_raw(dev, data->data.handles.handle[i]);
		Esys_Free(data);
		if (count == 0) return ERR_OK;
	}
	return reason_fail(reason, ERR_TOKEN, "the TPM keeps transient objects or sessions that cannot be flushed; restart it");
}

enum coffer_err tpm_device_sweep(struct tpm_device *dev, struct reason *reason)
{
	if (!dev->bare) return ERR_OK;
	TRY(sweep_range(dev, TPM2_TRANSIENT_FIRST, reason));
	TRY(sweep_range(dev, TPM2_LOADED_SESSION_FIRST, reason));
	return sweep_range(dev, TPM2_ACTIVE_SESSION_FIRST, reason);
}

void tpm_device_flush(struct tpm_device *dev, ESYS_TR *handle)
{
	if (*handle == ESYS_TR_NONE) return;
	struct tpm_call c = tpm_call_begin(dev, "TPM2_FlushContext");
	while (tpm_call_again(&c)) c.rc = Esys_FlushContext(dev->esys, *handle);
	if (tpm_err_map(c.rc).action == TPM_ACTION_END) dev->dead = true;
	if (c.rc != TSS2_RC_SUCCESS) (void)Esys_TR_Close(dev->esys, handle);
	*handle = ESYS_TR_NONE;
}

/* ---- scrub ---- */

static __attribute__((noinline)) void scrub_stack(void)
{
	uint8_t pad[STACK_SCRUB_LEN];
	wipe(pad, sizeof pad);
}

void tpm_device_scrub(struct tpm_device *dev)
{
	TPM2B_SENSITIVE_DATA zeros = { .size = SCRUB_LEN };
	struct tpm_call c = tpm_call_begin(dev, "TPM2_StirRandom");
	while (tpm_call_again(&c)) c.rc = Esys_StirRandom(dev->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &zeros);
	if (tpm_err_map(c.rc).action == TPM_ACTION_END) dev->dead = true;
	scrub_stack();
}
