/* The token URI (RFC 7512): which module, which token in it, which master secret, where the PIN is.
 *
 *   pkcs11:token=coffer;object=master?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/coffer/pin
 *
 * module-path is required and absolute. token, serial, manufacturer, model and slot-id choose the token; object and id the
 * master secret (object defaults to "master" when neither is given). pin-value is refused: secrets are never arguments. */
#ifndef COFFER_HSM_URI_H
#define COFFER_HSM_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "hsm/p11.h"
#include "token/token.h"

#define HSM_DEFAULT_LABEL "master"

struct hsm_uri {
	char text[TOKEN_URI_MAX + 1]; /* as it was given */
	P11KitUri *parsed;
	const char *module_path; /* borrowed from parsed */
	const char *pin_source;  /* borrowed from parsed; NULL when there is none */
	char label[HSM_LABEL_MAX + 1]; /* CKA_LABEL to look for; "" when only an id was given */
	uint8_t id[HSM_ID_MAX];
	size_t id_len; /* 0 when none was given */
};

/* ERR_USAGE with the sentence that mends it. On failure *out needs no done. */
enum coffer_err hsm_uri_init(struct hsm_uri *out, const char *text, struct reason *reason) MUST_USE;
/* Accepts a zeroed struct. */
void hsm_uri_done(struct hsm_uri *uri);
/* Whether the token of `info` in `slot` is one that the URI means. */
bool hsm_uri_match(const struct hsm_uri *uri, CK_SLOT_ID slot, const CK_TOKEN_INFO *info);

#endif
