/* Changes the fields of requests behind one byte (world_run_bytes), adds a message of the grammar, or makes the input anew. */
#include "fuzz/mutator.h"

static void add_request(struct tree *t, struct dice *d)
{
	grammar_request(t, d, world_known(world_get(), fuzz_operations), &(struct grammar_wish){ .minor = -1 });
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static struct tree t;
	struct dice d = { seed };
	uint32_t how = dice_below(&d, 8);
	if (how < 2 && size > 1) return LLVMFuzzerMutate(data, size, max_size);
	if (max_size < 64) return size;
	if (size == 0 || how == 7) data[0] = (uint8_t)(dice_one_in(&d, 4) ? dice_u64(&d) : dice_below(&d, 8));
	tree_clear(&t);
	if (how > 2 && size > 1) tree_read(&t, view_of(data + 1, size - 1));
	if (how == 2 || how == 3 || t.count == 1) add_request(&t, &d);
	for (uint32_t times = dice_below(&d, 4); times; times--) tree_bend(&t, &d);
	return 1 + tree_write(&t, data + 1, max_size - 1);
}
