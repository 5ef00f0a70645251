/* This node's transport key as the domain keeps it: record `transport-…` of table 5 (docs/formats.md section 23.3). The private half is in the token; what the token
 * wants to hear before it uses it is here, under the data key. Store thread. */
#ifndef COFFER_DOMAIN_TRANSPORT_RECORD_H
#define COFFER_DOMAIN_TRANSPORT_RECORD_H

#include "crypto/hpke.h"
#include "keyring/ring.h"
#include "store/store.h"

#define TRANSPORT_RECORD_PREFIX "transport-" /* the node id in 32 hex digits stands behind it */
#define TRANSPORT_RECORD_AUTH_LEN 32u
#define TRANSPORT_RECORD_REF_MAX 768u
#define TRANSPORT_RECORD_OWNER_LEN 32u

struct transport_record {
	struct secret *auth; /* TRANSPORT_RECORD_AUTH_LEN bytes; owned */
	uint8_t reference[TRANSPORT_RECORD_REF_MAX];
	size_t reference_len;
	uint8_t public_key[HPKE_PUBLIC_LEN];
};

void transport_record_clear(struct transport_record *record);
/* Of the node whose ring this is, inside a transaction. ERR_FIELD: what no reader takes. */
enum coffer_err transport_record_put(struct store *store, struct ring *ring, const struct transport_record *record) MUST_USE;
/* ERR_NOT_FOUND, ERR_CORRUPT, ERR_VERSION. Caller clears *out. */
enum coffer_err transport_record_get(struct store *store, struct ring *ring, struct transport_record *out) MUST_USE;

/* Names the key pair in the token: the same node gets the same one. Any thread. */
enum coffer_err transport_owner(const struct domain_id *domain, uint8_t out[static TRANSPORT_RECORD_OWNER_LEN]) MUST_USE;

#endif
