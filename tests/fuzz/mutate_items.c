/* Changes the fields of TTLV input. */
#include "fuzz/mutator.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static struct tree t;
	struct dice d = { seed };
	if (size <= fuzz_skip || dice_one_in(&d, 3)) return LLVMFuzzerMutate(data, size, max_size);
	tree_clear(&t);
	tree_read(&t, view_of(data + fuzz_skip, size - fuzz_skip));
	if (t.count == 1) return LLVMFuzzerMutate(data, size, max_size);
	for (uint32_t times = 1 + dice_below(&d, 3); times; times--) tree_bend(&t, &d);
	return fuzz_skip + tree_write(&t, data + fuzz_skip, max_size - fuzz_skip);
}
