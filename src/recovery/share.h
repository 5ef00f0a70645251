/* One recovery share: its 75 bytes, and the five lines that a person keeps (docs/formats.md section 10.2).
 * Threads: no state. What it handles is secret: y lives in a struct secret, texts in a struct buf. */
#ifndef COFFER_RECOVERY_SHARE_H
#define COFFER_RECOVERY_SHARE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "base/view.h"
#include "keyring/domain.h"

#define SHARE_LEN 75u          /* bytes of a share */
#define SHARE_SECRET_LEN 32u   /* bytes of y */
#define SHARE_SET_LEN 16u      /* bytes of the id that the shares of one split have in common */
#define SHARE_DIGEST_LEN 32u
#define SHARE_LINES 5u
#define SHARE_TEXT_MAX 4096u   /* bytes of text that share_read looks at */

struct share {
	uint8_t k, n, x;
	uint8_t set_id[SHARE_SET_LEN];
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	struct secret *y; /* owned */
};

/* Frees what the share owns; a zeroed share is fine. */
void share_done(struct share *share);

/* SHA-256(set id | x | y): what the stanza keeps of each share. */
enum coffer_err share_digest(const struct share *share, uint8_t out[static SHARE_DIGEST_LEN]) MUST_USE;
/* Appends the printed form: two lines for people, five lines of the share, each ending in a newline. */
enum coffer_err share_print(const struct share *share, struct buf *out) MUST_USE;
/* Reads the printed form (in any order of lines, copied or typed). Each failure is a sentence of its own that names the
 * line: ERR_CORRUPT: mistyped, or lines of different shares; ERR_MISSING: a line is missing; ERR_FIELD: a line twice, or
 * numbers out of range; ERR_VERSION; ERR_TOO_LARGE: over SHARE_TEXT_MAX. Caller calls share_done. */
enum coffer_err share_read(struct view text, struct share *out, struct reason *reason) MUST_USE;

#endif
