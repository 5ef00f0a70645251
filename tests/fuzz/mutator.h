/* What libFuzzer does to TTLV input besides flipping bits: mutate_items.c changes fields of what is there, mutate_requests.c also makes new messages
 * by the grammar. Each is one LLVMFuzzerCustomMutator; a target takes one of them (MUTATOR in CMakeLists.txt) and says what follows here. */
#ifndef COFFER_TESTS_FUZZ_MUTATOR_H
#define COFFER_TESTS_FUZZ_MUTATOR_H

#include "fuzz/fuzz.h"
#include "fuzz/world.h"

/* With mutate_items.c: bytes before the first item. */
extern const size_t fuzz_skip;
/* With mutate_requests.c: which operations are asked for. */
extern const enum world_operations fuzz_operations;

#endif
