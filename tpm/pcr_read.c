/* TPM2_PCR_Read gives at most eight values at once. */
#include "tpm/pcr_read.h"

#include <string.h>

#include "tpm/session.h"

#define AT_ONCE 8u

void tpm_pcr_selection(const struct pcr_selection *selection, TPML_PCR_SELECTION *out)
{
	*out = (TPML_PCR_SELECTION){ .count = 1 };
	TPMS_PCR_SELECTION *one = &out->pcrSelections[0];
	one->hash = selection->bank == HASH_SHA384 ? TPM2_ALG_SHA384 : TPM2_ALG_SHA256;
	one->sizeofSelect = 3;
	for (unsigned i = 0; i < 3; i++) one->pcrSelect[i] = (BYTE)(selection->mask >> 8 * i);
}

/* Which PCRs the TPM answered for. */
static uint32_t mask_of(const TPML_PCR_SELECTION *answered, TPM2_ALG_ID bank)
{
	uint32_t mask = 0;
	if (answered->count != 1 || answered->pcrSelections[0].hash != bank || answered->pcrSelections[0].sizeofSelect > 4) return 0;
	for (unsigned i = 0; i < answered->pcrSelections[0].sizeofSelect; i++) mask |= (uint32_t)answered->pcrSelections[0].pcrSelect[i] << 8 * i;
	return mask;
}

/* Takes the answered values out of *left. */
static enum coffer_err take(const TPML_DIGEST *values, uint32_t answered, uint32_t *left, struct pcr_values *out)
{
	const size_t len = hash_len(out->selection.bank);
	uint32_t got = 0;
	ENSURE(answered != 0 && (answered & ~*left) == 0 && values->count == (uint32_t)__builtin_popcount(answered), ERR_TOKEN_REFUSED);
	for (unsigned n = 0; n < PCR_COUNT; n++) {
		if (!(answered >> n & 1)) continue;
		ENSURE(got < AT_ONCE && values->digests[got].size == len, ERR_TOKEN_REFUSED);
		memcpy(out->value[n], values->digests[got++].buffer, len);
	}
	*left &= ~answered;
	return ERR_OK;
}

static enum coffer_err read_some(struct tpm_device *dev, ESYS_TR session, uint32_t *left, struct pcr_values *out, struct reason *reason)
{
	TPML_PCR_SELECTION wanted, *answered = NULL;
	TPML_DIGEST *values = NULL;
	UINT32 counter = 0;
	tpm_pcr_selection(&(struct pcr_selection){ out->selection.bank, *left }, &wanted);
	struct tpm_call c = tpm_call_begin(dev, "TPM2_PCR_Read");
	while (tpm_call_again(&c)) {
		c.rc = Esys_PCR_Read(dev->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, &wanted, &counter, &answered, &values);
	}
	TRY(tpm_call_end(&c, reason));
	POST(answered && values);
	enum coffer_err err = take(values, mask_of(answered, wanted.pcrSelections[0].hash), left, out);
	Esys_Free(answered);
	Esys_Free(values);
	return err;
}

enum coffer_err tpm_pcr_read(struct tpm_device *dev, ESYS_TR session, const struct pcr_selection *selection, struct pcr_values *out,
	struct reason *reason)
{
	struct pcr_values values = { .selection = *selection };
	char text[PCR_LIST_TEXT];
	uint32_t left = selection->mask;
	TRY(tpm_session_audit(dev, session, reason));
	while (left) {
		enum coffer_err err = read_some(dev, session, &left, &values, reason);
		if (err == ERR_OK) continue;
		pcr_list_text(selection, text);
		return reason_default(reason, err, "the TPM does not keep all of the PCRs %s: choose another bank, or have the firmware allocate it", text);
	}
	*out = values;
	return tpm_session_encrypt(dev, session, true, true, reason);
}
