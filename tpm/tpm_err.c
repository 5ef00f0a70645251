/* The table from TSS return codes to Coffer's errors and actions. */
#include "tpm/tpm_err.h"

#include <stddef.h>

#include <tss2/tss2_common.h>
#include <tss2/tss2_rc.h>

#define FMT1_MASK 0x0BFu    /* format 1: FMT1 bit and error number, without P, N and H/S bits */
#define FMT0_MASK 0x97Fu    /* format 0: VER1, warning bit and error number */
#define CODE_MASK 0xFFFFu

struct row {
	TSS2_RC rc;
	struct tpm_verdict verdict;
};

static const struct row rows[] = {
#define TPM_ROW(name, err, action, blame) { TPM2_RC_##name, { ERR_##err, TPM_ACTION_##action, (blame) } },
#include "tpm/tpm_err.def"
#undef TPM_ROW
};

static struct tpm_verdict map_tpm(TSS2_RC code)
{
	TSS2_RC plain = code & TPM2_RC_FMT1 ? code & FMT1_MASK : code & FMT0_MASK;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].rc == plain) return rows[i].verdict;
	}
	return (struct tpm_verdict){ ERR_TOKEN, TPM_ACTION_STOP, false };
}

struct tpm_verdict tpm_err_map(TSS2_RC rc)
{
	if (rc == TSS2_RC_SUCCESS) return (struct tpm_verdict){ ERR_OK, TPM_ACTION_STOP, false };
	switch (rc & TSS2_RC_LAYER_MASK) {
	case TSS2_TPM_RC_LAYER:
	case TSS2_RESMGR_TPM_RC_LAYER:
		return map_tpm(rc & CODE_MASK);
	case TSS2_RESMGR_RC_LAYER: /* a resource manager in the kernel reports what the TPM would (0xB0143) */
		return map_tpm(rc & CODE_MASK);
	case TSS2_TCTI_RC_LAYER:
		return (struct tpm_verdict){ ERR_TOKEN_GONE, TPM_ACTION_END, false };
	default:
		break;
	}
	if (rc == TSS2_ESYS_RC_IO_ERROR) return (struct tpm_verdict){ ERR_TOKEN_GONE, TPM_ACTION_END, false };
	if (rc == TSS2_ESYS_RC_MEMORY) return (struct tpm_verdict){ ERR_MEMORY, TPM_ACTION_END, false };
	return (struct tpm_verdict){ ERR_TOKEN, TPM_ACTION_END, false };
}

/* The code without handle, parameter and session numbers; 0 when it is not the TPM's. */
static TSS2_RC plain_code(TSS2_RC rc)
{
	TSS2_RC layer = rc & TSS2_RC_LAYER_MASK, code = rc & CODE_MASK;
	if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER && layer != TSS2_RESMGR_RC_LAYER) return 0;
	return code & TPM2_RC_FMT1 ? code & FMT1_MASK : code & FMT0_MASK;
}

bool tpm_err_is_policy(TSS2_RC rc)
{
	return plain_code(rc) == TPM2_RC_POLICY_FAIL || plain_code(rc) == TPM2_RC_PCR_CHANGED;
}

bool tpm_err_is_signature(TSS2_RC rc)
{
	return plain_code(rc) == TPM2_RC_SIGNATURE;
}

bool tpm_err_is_value(TSS2_RC rc)
{
	return plain_code(rc) == TPM2_RC_VALUE;
}

bool tpm_err_is_point(TSS2_RC rc)
{
	return plain_code(rc) == TPM2_RC_ECC_POINT;
}

/* What a person can do; "" when the error's own sentence says enough. */
static const char *advice(TSS2_RC rc, enum coffer_err err)
{
	if (rc == TSS2_ESYS_RC_RSP_AUTH_FAILED) {
		return ": the answer's authentication code is wrong, so something between this program and the TPM alters messages";
	}
	switch (err) {
	case ERR_TOKEN_LOCKED:
		return ": the TPM is in dictionary-attack lockout; wait until it ends or reset it with tpm2_dictionarylockout -c";
	case ERR_TOKEN_GONE: return ": the TPM does not answer; check that it is there and started";
	case ERR_AUTH: return ": an authorization value is set where Coffer expects none; it is not tried again";
	case ERR_TOKEN_REFUSED: return ": the owner hierarchy is disabled or restricted in the firmware";
	case ERR_FULL: return ": remove persistent objects that are no longer needed (tpm2_getcap handles-persistent)";
	case ERR_BUSY: return ": the TPM is busy or full; try again";
	default: return "";
	}
}

enum coffer_err tpm_err_fail(struct reason *reason, const char *command, TSS2_RC rc)
{
	struct tpm_verdict v = tpm_err_map(rc);
	if (v.err == ERR_OK) return ERR_OK;
	return reason_fail(reason, v.err, "%s: the TPM answers 0x%X (%s)%s", command, rc, Tss2_RC_Decode(rc), advice(rc, v.err));
}
