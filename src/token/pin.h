/* Reads the PIN that a pin-source names: file:/PATH, /PATH, or credential:NAME (a file in $CREDENTIALS_DIRECTORY, which
 * systemd fills). One trailing newline is dropped. */
#ifndef COFFER_TOKEN_PIN_H
#define COFFER_TOKEN_PIN_H

#include "base/err.h"
#include "base/reason.h"
#include "base/secret.h"
#include "token/login.h"

/* ERR_USAGE: form of the source, file not regular, readable or writable by group or others (a credential may be readable
 * by its group: systemd grants access through an access-control list), empty or too long. ERR_NOT_FOUND, ERR_IO, ERR_MEMORY.
 * Caller frees. */
enum coffer_err token_pin_read(const char *source, struct secret **out, struct reason *reason) MUST_USE;

#endif
