/* The MAC of a slot row, between making and accepting. */
#ifndef COFFER_KEYRING_SLOT_INTERNAL_H
#define COFFER_KEYRING_SLOT_INTERNAL_H

#include "keyring/slot.h"

/* HMAC under the node-record subkey of row->generation over T("slot-mac") | R | LP(fields); fields: the body before its
 * MAC. */
enum coffer_err slot_mac(struct ring *ring, const struct store_row *row, struct view fields,
	uint8_t out[static 32]) MUST_USE;

#endif
