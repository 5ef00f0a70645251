/* Which symmetric algorithms and lengths this server makes and takes (KMIP 1.4 sections 3.4 and 3.5). Any thread. */
#ifndef COFFER_OPS_KMIP_ALGORITHM_H
#define COFFER_OPS_KMIP_ALGORITHM_H

#include "ops/op.h"

/* ERR_UNSUPPORTED (algorithm), ERR_FIELD (length), with a sentence. algorithm and length_bits are not 0. */
enum coffer_err kmip_algorithm_check(struct op_ctx *ctx, uint32_t algorithm, uint32_t length_bits) MUST_USE;
/* Bytes of raw key material: with parity for 3DES, whose length KMIP gives without or with it. */
size_t kmip_algorithm_bytes(uint32_t algorithm, uint32_t length_bits);
/* The length of a new key when the client names none; 0 when there is none to choose. */
uint32_t kmip_algorithm_default_bits(uint32_t algorithm);

#endif
