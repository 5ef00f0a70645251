/* Fuzzes the dispatcher with requests of our own operations (request_classify, request_load, request_run) in a world of
 * fixed objects; world.h says what must hold. */
#include "fuzz/mutator.h"

const enum world_operations fuzz_operations = WORLD_VENDOR;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)world_get();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world_run_bytes(world_get(), view_of(data, size));
	return 0;
}
