/* Sessions that do not encrypt, for the controls of what listens to the bus. The program is linked with --wrap=Esys_TRSess_SetAttributes. */
#ifndef COFFER_TESTS_UNIT_TPM_PLAIN_H
#define COFFER_TESTS_UNIT_TPM_PLAIN_H

#include <stdbool.h>

extern bool plain_sessions; /* from now on */

#endif
