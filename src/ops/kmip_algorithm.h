/* Algorithms and lengths of symmetric keys, as operations ask for them (crypto/algorithm.h; KMIP 1.4 sections 3.4 and 3.5). Any thread. */
#ifndef COFFER_OPS_KMIP_ALGORITHM_H
#define COFFER_OPS_KMIP_ALGORITHM_H

#include "base/secret.h"
#include "crypto/algorithm.h"
#include "ops/op.h"

/* ERR_UNSUPPORTED (algorithm, or one that is outdated without legacy_algorithms), ERR_FIELD (length), with a sentence. algorithm and length_bits are not 0. */
enum coffer_err kmip_algorithm_check(struct op_ctx *ctx, uint32_t algorithm, uint32_t length_bits, enum algorithm_use use) MUST_USE;
/* The length of a new key when the client names none; 0 when there is none to choose. */
uint32_t kmip_algorithm_default_bits(uint32_t algorithm);
/* Random bytes become a key: DES keys have odd parity. */
void kmip_algorithm_shape(uint32_t algorithm, struct secret *material);

#endif
