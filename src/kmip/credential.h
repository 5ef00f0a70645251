/* Credentials in the Authentication structure of a request header (KMIP 1.4 sections 2.1.2, 6.6): their shape is checked, what they say is not used.
 * Who asks is known from the transport. */
#ifndef COFFER_KMIP_CREDENTIAL_H
#define COFFER_KMIP_CREDENTIAL_H

#include <stdint.h>

#include "base/err.h"
#include "ttlv/ttlv.h"

/* One or more Credentials, in a request of KMIP 1.<minor>. ERR_TOO_LARGE: above KMIP_AUTHENTICATION_MAX. ERR_FIELD: a Credential Type that this
 * version does not know, or a field that does not belong there. ERR_INPUT, ERR_MISSING: malformed. Extension types (8XXXXXXX) may hold any
 * structure. Copies nothing; any thread. */
enum coffer_err kmip_authentication_check(const struct ttlv_item *item, uint32_t minor) MUST_USE;

#endif
