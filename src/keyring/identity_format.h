/* The bytes of the identity file, without the file. */
#ifndef COFFER_KEYRING_IDENTITY_FORMAT_H
#define COFFER_KEYRING_IDENTITY_FORMAT_H

#include "base/view.h"
#include "keyring/identity.h"

#define IDENTITY_BYTES_MAX 4096u

/* out has IDENTITY_BYTES_MAX bytes. ERR_FIELD: a field that the format cannot hold. */
enum coffer_err identity_encode(const struct identity *identity, uint8_t *out, size_t *out_len) MUST_USE;
/* ERR_CORRUPT, ERR_VERSION. */
enum coffer_err identity_decode(struct view bytes, struct identity *out) MUST_USE;

#endif
