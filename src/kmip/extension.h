/* Message Extension (KMIP 1.4 section 6.16) of a batch item; ours carries a request id to the server and an error's
 * name back. */
#ifndef COFFER_KMIP_EXTENSION_H
#define COFFER_KMIP_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "base/writer.h"
#include "ttlv/ttlv.h"

struct kmip_extension {
	struct view vendor;        /* Vendor Identification */
	bool critical;
	bool ours;                 /* vendor is KMIP_VENDOR */
	bool has_request_id;
	struct view request_id;    /* KMIP_REQUEST_ID_LEN bytes */
	struct view error_name;    /* empty: absent */
};

/* ERR_UNSUPPORTED: critical and not understood (another vendor's, or an unknown field in ours). ERR_INPUT,
 * ERR_MISSING: malformed. */
enum coffer_err kmip_extension_parse(const struct ttlv_item *item, struct kmip_extension *out) MUST_USE;
/* Ours, not critical. request_id: KMIP_REQUEST_ID_LEN bytes or NULL; error_name: NULL to leave it out. */
void kmip_extension_put(struct writer *w, const uint8_t *request_id, const char *error_name);

#endif
