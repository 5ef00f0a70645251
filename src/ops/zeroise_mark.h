/* The mark in the state directory that makes the next start wipe it (docs/formats.md section 22.2). */
#ifndef COFFER_OPS_ZEROISE_MARK_H
#define COFFER_OPS_ZEROISE_MARK_H

#include "base/err.h"
#include "base/reason.h"

#define ZEROISE_MARK "zeroise" /* file name; what it holds is for people */

/* Writes it, durably. ERR_IO, ERR_FULL, ERR_USAGE with a sentence. */
enum coffer_err zeroise_mark_put(const char *dir, const char *text, struct reason *reason) MUST_USE;

#endif
