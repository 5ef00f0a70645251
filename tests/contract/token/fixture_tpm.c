/* TPM fixture: one swtpm each. */
#include "contract/token/fixture.h"

#include <stdlib.h>

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "token/token.h"
#include "unit/tpm/swtpm.h"

struct fixture {
	struct swtpm swtpm;
};

struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof *f);
	if (!f) abort();
	swtpm_init(&f->swtpm);
	return f;
}

void fixture_free(struct fixture *f)
{
	if (!f) return;
	swtpm_done(&f->swtpm);
	free(f);
}

const char *fixture_uri(const struct fixture *f)
{
	return f->swtpm.uri;
}

void fixture_restart(struct fixture *f)
{
	swtpm_cut(&f->swtpm);
	swtpm_start(&f->swtpm);
}

void fixture_vanish(struct fixture *f)
{
	swtpm_cut(&f->swtpm);
}

void fixture_return(struct fixture *f)
{
	swtpm_start(&f->swtpm);
}

void fixture_remove_master(struct fixture *f)
{
	if (swtpm_tool(&f->swtpm, "tpm2_evictcontrol -C o -c 0x81010C0F") != 0) abort();
}

/* Another child of Coffer's own primary, of the same kind, at the same handle. */
void fixture_replace_master(struct fixture *f)
{
	struct token *t = NULL;
	struct token_binding another;
	fixture_remove_master(f);
	if (token_backend.open(f->swtpm.uri, &t, NULL) != ERR_OK || token_backend.provision(t, &another, NULL) != ERR_OK) abort();
	token_backend.close(t);
}

const char *fixture_uri_absent(void)
{
	return "tpm2:swtpm:path=/nonexistent/tpm";
}

static size_t count(ESYS_CONTEXT *esys, uint32_t first)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more = 0;
	if (Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES,
		&more, &data) !=
		TSS2_RC_SUCCESS) {
		abort();
	}
	size_t found = data->data.handles.count;
	Esys_Free(data);
	return found;
}

size_t fixture_residue(struct fixture *f)
{
	TSS2_TCTI_CONTEXT *tcti = NULL;
	ESYS_CONTEXT *esys = NULL;
	if (Tss2_TctiLdr_Initialize(f->swtpm.tcti, &tcti) != TSS2_RC_SUCCESS) abort();
	if (Esys_Initialize(&esys, tcti, NULL) != TSS2_RC_SUCCESS) abort();
	size_t found = count(esys, TPM2_TRANSIENT_FIRST) + count(esys, TPM2_LOADED_SESSION_FIRST) + count(esys,
		TPM2_ACTIVE_SESSION_FIRST);
	Esys_Finalize(&esys);
	Tss2_TctiLdr_Finalize(&tcti);
	return found;
}
