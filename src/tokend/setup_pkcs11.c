/* coffer-tokend-pkcs11: a module's own use of OpenSSL is not ours to move or to bound, so the arena is for our own copies alone. */
#include "confine/confine.h"
#include "tokend/setup.h"

const char setup_program[] = "coffer-tokend-pkcs11";
const size_t setup_arena_size = (size_t)1 << 20;

enum coffer_err setup_memory(void)
{
	return ERR_OK;
}

enum coffer_err setup_confine(const char *uri, struct reason *reason)
{
	(void)uri;
	return confine_syscalls(CONFINE_TOKEND_PKCS11, reason);
}
