/* Sessions that do not encrypt. */
#include "unit/tpm/plain.h"

#include <tss2/tss2_esys.h>

bool plain_sessions;
TSS2_RC __real_Esys_TRSess_SetAttributes(ESYS_CONTEXT *esys, ESYS_TR session, TPMA_SESSION flags, TPMA_SESSION mask);
TSS2_RC __wrap_Esys_TRSess_SetAttributes(ESYS_CONTEXT *esys, ESYS_TR session, TPMA_SESSION flags, TPMA_SESSION mask);
TSS2_RC __wrap_Esys_TRSess_SetAttributes(ESYS_CONTEXT *esys, ESYS_TR session, TPMA_SESSION flags, TPMA_SESSION mask)
{
	const TPMA_SESSION encrypting = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
	if (!plain_sessions) return __real_Esys_TRSess_SetAttributes(esys, session, flags, mask);
	flags &= (TPMA_SESSION)~encrypting; /* a session beside a command must be good for something: for an audit */
	return __real_Esys_TRSess_SetAttributes(esys, session, flags | TPMA_SESSION_AUDIT, mask | TPMA_SESSION_AUDIT);
}
