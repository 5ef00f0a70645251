/* Finds the one slot whose token the URI means. */
#ifndef COFFER_HSM_SLOT_H
#define COFFER_HSM_SLOT_H

#include "base/err.h"
#include "base/reason.h"
#include "hsm/p11.h"
#include "hsm/uri.h"

#define HSM_SLOTS_MAX 256u

/* ERR_TOKEN_GONE: no initialised token matches (the sentence names those that are there). ERR_USAGE: several match. */
enum coffer_err hsm_slot_find(CK_FUNCTION_LIST *fn, const struct hsm_uri *uri, CK_SLOT_ID *out_slot,
	CK_TOKEN_INFO *out_info, struct reason *reason) MUST_USE;
/* A blank-padded PKCS#11 text field as a C string, made printable. cap: at least len + 1 to keep everything. */
void hsm_slot_text(const unsigned char *field, size_t len, char *out, size_t cap);

#endif
