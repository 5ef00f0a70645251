/* Get requests of every form, and the wrapping key of RFC 3394. */
#ifndef COFFER_TESTS_OPS_WANTED_H
#define COFFER_TESTS_OPS_WANTED_H

#include "unit/ops/bring.h"

#define WANTED_KEK "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
/* RFC 3394 section 4.1: BRING_KEY under WANTED_KEK. */
#define WANTED_WRAPPED "\x1f\xa6\x8b\x0a\x81\x12\xb4\x47\xae\xf3\x4b\xd8\xfb\x5a\x7b\x82\x9d\x3e\x86\x23\x71\xd2\xcf\xe5"
#define WANTED_WRAPPED_LEN 24u

/* What Get is asked for; 0 and NULL leave a field out. */
struct wanted {
	uint32_t minor, format, wrap_type;
	const char *by;               /* Unique Identifier of the wrapping key */
	uint32_t mode, method, encoding;
	const char *attribute;        /* to wrap with the key */
	bool compressed, mac, bare;   /* bare: a specification without key information */
	bool zero;                    /* KMIP 1.0 */
};
void wanted_get(struct fix *f, unsigned uid, const char *id, const struct wanted *q, struct answer *answer);
/* The Result Reason; 0 on success. */
uint32_t wanted_reason(struct fix *f, unsigned uid, const char *id, struct wanted q);
/* An active wrapping key with the bytes of RFC 3394, for both modes. */
struct bring wanted_kek(void);
/* For struct bring: Sensitive and Extractable, of two bool. */
void wanted_secrecy(struct ask *a, void *arg);

#endif
