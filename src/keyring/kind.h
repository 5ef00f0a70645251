/* Numbers of token kinds in slot rows and identity files, and the limits of a binding's fields. */
#ifndef COFFER_KEYRING_KIND_H
#define COFFER_KEYRING_KIND_H

#include "base/reader.h"
#include "token/token.h"

#define KIND_NAME_MAX 16u /* characters with NUL */

/* ERR_FIELD when no kind has this name. */
enum coffer_err kind_number(const char *name, uint8_t *out) MUST_USE;
/* ERR_CORRUPT when no kind has this number. */
enum coffer_err kind_name(uint8_t number, char out[static KIND_NAME_MAX]) MUST_USE;
/* A mechanism text: 1 to 39 printable characters without blanks. */
bool kind_mechanism_is_sound(struct view mechanism);

#endif
