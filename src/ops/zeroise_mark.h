/* The marks in the state directory of a zeroise: that the token is being asked to destroy the master secret, and that the next start wipes everything (docs/formats.md
 * section 22.2). */
#ifndef COFFER_OPS_ZEROISE_MARK_H
#define COFFER_OPS_ZEROISE_MARK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"

#define ZEROISE_MARK "zeroise" /* file names; what they hold is for people */
#define ZEROISE_ORDER "zeroise.begun"

/* Writes it, durably. ERR_IO, ERR_FULL, ERR_USAGE with a sentence. */
enum coffer_err zeroise_mark_put(const char *dir, struct reason *reason) MUST_USE;
/* The same before the token is asked: with it, a master secret that is not there any more is one that was to be destroyed. */
enum coffer_err zeroise_order_put(const char *dir, struct reason *reason) MUST_USE;
/* Nothing was destroyed. ERR_OK also when there is none. */
enum coffer_err zeroise_order_remove(const char *dir) MUST_USE;
bool zeroise_order_is_there(const char *dir);

#endif
