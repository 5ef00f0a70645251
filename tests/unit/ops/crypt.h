/* One cryptographic request of KMIP and its answer: Encrypt, Decrypt, MAC, MAC Verify, Hash, whole or in parts. */
#ifndef COFFER_TESTS_OPS_CRYPT_H
#define COFFER_TESTS_OPS_CRYPT_H

#include "kmip/values.h"
#include "unit/ops/bring.h"

#define CRYPT_BYTES_MAX 4096u

/* Fields whose ptr is NULL are left out; CRYPT_EMPTY is there and has no bytes. */
#define CRYPT_EMPTY view_of("", 0)

struct crypt {
	uint32_t operation;
	uint32_t minor;              /* 0: 1.4 */
	const char *id;              /* NULL: none */
	const struct kmip_params *params;
	struct view data, iv, aad, tag, mac, correlation;
	bool init, final;
	unsigned uid;                /* 0: ADMIN */
	bool batch;                  /* with a second item, a Query */
};

struct crypt_field {
	bool there;
	size_t len;
	uint8_t bytes[CRYPT_BYTES_MAX];
};

struct crypted {
	enum coffer_err err;
	uint32_t reason;             /* KMIP Result Reason, as a client learns it that knows nothing of Coffer */
	struct crypt_field data, iv, tag, mac, correlation;
	uint32_t validity;           /* 0: not there */
};

void crypt_send(struct fix *f, const struct crypt *c, struct crypted *out);
/* The Result Reason of a request that must fail, sent without Coffer's extension. */
uint32_t crypt_reason(struct fix *f, const struct crypt *c);
struct view crypt_view(const struct crypt_field *field);
/* The field holds what this hex text says. */
void crypt_assert_hex(const struct crypt_field *field, const char *hex);
/* Registers a symmetric key, active, for everything; `hex` its bytes. params NULL: none. */
void crypt_key(struct fix *f, uint32_t algorithm, uint32_t bits, const char *hex, const struct kmip_params *params,
	char out_id[static UUID_TEXT_LEN + 1]);

#endif
