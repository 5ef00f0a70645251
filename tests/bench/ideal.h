/* What client and server of the benchmark's ideal server agree on: after the greeting both sides send frames of fixed length, without a word about
 * them. The text (plaintext, sealed message, or ciphertext, IV and tag) stands at the end of each frame. */
#ifndef COFFER_BENCH_IDEAL_H
#define COFFER_BENCH_IDEAL_H

#include <stdint.h>

#define IDEAL_MAGIC 0x6c616564u
#define IDEAL_FRAME_MAX (2u * 1024u * 1024u)
#define IDEAL_IV_LEN 12u
#define IDEAL_TAG_LEN 16u
#define IDEAL_HEADER_LEN 52u /* of a sealed message */
#define IDEAL_SEALED_MORE 68u
#define IDEAL_CIPHER_MORE (IDEAL_IV_LEN + IDEAL_TAG_LEN)

enum ideal_op { IDEAL_SEAL = 1, IDEAL_OPEN, IDEAL_ENCRYPT, IDEAL_DECRYPT };

struct ideal_hello {
	uint32_t magic, op;
	uint32_t request_len, answer_len; /* bytes of a frame */
	uint32_t text_len;                /* plaintext bytes */
};

/* Everybody knows the key: what is measured is time. */
static const uint8_t ideal_key[32] = { 'b', 'e', 'n', 'c', 'h' };

#endif
