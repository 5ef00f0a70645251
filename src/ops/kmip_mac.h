/* MAC and MAC Verify of KMIP: their fields, which MAC they use, and the parts (KMIP 1.4 sections 3.6, 4.33, 4.34). Any thread. */
#ifndef COFFER_OPS_KMIP_MAC_H
#define COFFER_OPS_KMIP_MAC_H

#include "crypto/mac.h"
#include "ops/kmip_parts.h"

enum kmip_mac_verb { KMIP_MAC_MAKE, KMIP_MAC_VERIFY };

/* The fields of both payloads, behind the Unique Identifier. Views into the request. */
struct kmip_mac_request {
	bool has_params;
	struct ttlv_item params;
	struct view data;
	bool has_mac;    /* of MAC Verify */
	struct view mac;
	struct kmip_parts parts;
};

/* What one step came to. */
struct kmip_mac_result {
	bool done;               /* the last step, or the whole */
	uint8_t mac[MAC_LEN_MAX];
	size_t mac_len;          /* KMIP_MAC_MAKE */
	bool valid;              /* KMIP_MAC_VERIFY */
	struct op_part *part;    /* what goes on; else NULL */
};

/* Reads the payload to its end. */
enum coffer_err kmip_mac_read(struct op_ctx *ctx, struct ttlv_cursor *payload, enum kmip_mac_verb verb, struct kmip_mac_request *out) MUST_USE;
/* Checks the key, chooses the MAC and runs this step of it. A key that lists Cryptographic Parameters serves only the MACs among them; a key
 * without them its own HMAC, or as an AES key what the request names. ERR_MISSING, ERR_UNSUPPORTED, ERR_FIELD, ERR_DENIED, and those of
 * kmip_use_check and kmip_parts.h. The caller settles result->part. */
enum coffer_err kmip_mac_step(struct op_ctx *ctx, enum kmip_mac_verb verb, const struct kmip_mac_request *q, struct kmip_mac_result *out) MUST_USE;
/* After the answer was written: kmip_parts_settle of what this step was about. */
enum coffer_err kmip_mac_settle(struct op_ctx *ctx, struct kmip_mac_result *result, enum coffer_err err, struct writer *out) MUST_USE;

#endif
