/* The MAC of a row of table 64, which is sealed by nothing: it is authentic by itself (docs/formats.md sections 23.2 and 23.7). Store thread. */
#ifndef COFFER_DOMAIN_ROW_MAC_H
#define COFFER_DOMAIN_ROW_MAC_H

#include "crypto/mac.h"
#include "keyring/ring.h"
#include "store/store.h"

/* HMAC(node-record subkey of the row's generation, T(label) || R || LP(fields)), 32 bytes. label: our own constant. ERR_NOT_FOUND: the ring lacks the generation; ERR_MEMORY, ERR_CRYPTO. */
enum coffer_err row_mac(struct ring *ring, const struct store_row *row, const char *label, struct view fields, uint8_t out[static MAC_LEN]) MUST_USE;

#endif
