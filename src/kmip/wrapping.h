/* Key Wrapping Data and Key Wrapping Specification (KMIP 1.4 sections 2.1.5 and 2.1.6). Parsing takes the whole structure and borrows it; no
 * allocation, any thread. */
#ifndef COFFER_KMIP_WRAPPING_H
#define COFFER_KMIP_WRAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"
#include "base/writer.h"
#include "ttlv/ttlv.h"

#define KMIP_WRAPPING_NAMES_MAX 64u
#define KMIP_ENCODING_OPTION_MINOR 1u /* first KMIP 1.x version with the field Encoding Option */

/* Encryption Key Information or MAC/Signature Key Information. */
struct kmip_key_information {
	bool present;
	struct view id;             /* Unique Identifier, text */
	bool has_params;
	struct ttlv_item params;    /* Cryptographic Parameters */
};

struct kmip_wrapping {
	uint32_t method;            /* enum kmip_wrapping_method, or an extension */
	struct kmip_key_information encryption, mac; /* one at least */
	bool has_mac;               /* data only */
	struct view mac_signature;
	bool has_iv;                /* data only */
	struct view iv;
	struct view names[KMIP_WRAPPING_NAMES_MAX]; /* Attribute Names; specification only */
	size_t name_count;
	bool has_encoding;
	uint32_t encoding;          /* enum kmip_encoding_option, or an extension; TTLV Encoding when absent */
};

/* ERR_INPUT, ERR_MISSING; ERR_FIELD: a value that is not listed, or a field that KMIP 1.`minor` does not know; ERR_LIMIT: more names. With a
 * sentence. */
enum coffer_err kmip_wrapping_data_parse(const struct ttlv_item *item, uint32_t minor, struct kmip_wrapping *out, struct reason *reason) MUST_USE;
enum coffer_err kmip_wrapping_specification_parse(const struct ttlv_item *item, uint32_t minor, struct kmip_wrapping *out,
	struct reason *reason) MUST_USE;
/* Key Wrapping Data: what is present. */
void kmip_wrapping_data_put(struct writer *w, const struct kmip_wrapping *wrapping);

#endif
