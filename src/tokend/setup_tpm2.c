/* coffer-tokend-tpm2: the TSS keeps session keys and unsealed parameters in OpenSSL's memory, so that goes into the arena. */
#include <string.h>

#include "confine/confine.h"
#include "crypto/ossl_mem.h"
#include "tokend/setup.h"

const char setup_program[] = "coffer-tokend-tpm2";
const size_t setup_arena_size = (size_t)4 << 20;

enum coffer_err setup_memory(void)
{
	return ossl_mem_install();
}

/* Transports that may go over a network: the simulators', unless they name a Unix socket, and what libtss2 hands to a command. */
static bool needs_network(const char *uri)
{
	return strstr(uri, "device:") == NULL && strstr(uri, "path=") == NULL;
}

enum coffer_err setup_confine(const char *uri, struct reason *reason)
{
	return confine_syscalls(needs_network(uri) ? CONFINE_TOKEND_TPM2_NET : CONFINE_TOKEND_TPM2, reason);
}
