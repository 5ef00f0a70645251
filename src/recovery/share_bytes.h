/* The 75 bytes of a share, between its fields and its lines. Used by recovery/ only. */
#ifndef COFFER_RECOVERY_SHARE_BYTES_H
#define COFFER_RECOVERY_SHARE_BYTES_H

#include "recovery/share.h"

#define SHARE_LINE_BYTES 15u   /* bytes of the share in one line */
#define SHARE_LINE_CHARS 28u   /* characters: 24 of the bytes, 4 of the checksum */

/* The 75 bytes, in the arena. Caller frees. */
enum coffer_err share_encode(const struct share *share, struct secret **out) MUST_USE;
/* From 75 bytes. ERR_CORRUPT: the check; ERR_VERSION; ERR_FIELD: k, n, x. Caller calls share_done. */
enum coffer_err share_decode(const struct secret *bytes, struct share *out, struct reason *reason) MUST_USE;

#endif
