/* coffer-tokend-tpm2: the TSS keeps session keys and unsealed parameters in OpenSSL's memory, so that goes into the arena. */
#include "crypto/ossl_mem.h"
#include "tokend/setup.h"

const char setup_program[] = "coffer-tokend-tpm2";
const size_t setup_arena_size = (size_t)4 << 20;

enum coffer_err setup_memory(void)
{
	return ossl_mem_install();
}
