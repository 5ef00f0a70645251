/* The nodes of a domain: table 6 (docs/formats.md section 23.3). A record stays for ever: a node that was removed comes back only as another one. Store thread. */
#ifndef COFFER_DOMAIN_NODE_RECORD_H
#define COFFER_DOMAIN_NODE_RECORD_H

#include "domain/admission.h"
#include "keyring/ring.h"
#include "store/store.h"

#define NODE_LIFE_LEN 16u
#define NODE_PRINCIPAL_MAX 1024u

enum node_state { NODE_ADMITTED = 1, NODE_MEMBER = 2, NODE_REMOVED = 3 };
/* How it came to be; the numbers are the format's. */
enum node_origin { NODE_FOUNDED = 0, NODE_BY_FINGERPRINT = 1, NODE_BY_ENROLMENT = 2, NODE_BY_ENDORSEMENT = 3 };

struct node_record {
	uint8_t node_id[UUID_LEN];
	enum node_state state;
	char name[ADMISSION_NAME_MAX + 1];
	char token_kind[KIND_NAME_MAX];
	uint8_t transport_key[HPKE_PUBLIC_LEN];
	uint8_t request_digest[ADMISSION_DIGEST_LEN]; /* Q of the request that was approved; zeros: founded */
	enum node_origin origin;
	char principal[NODE_PRINCIPAL_MAX + 1];       /* who approved */
	uint64_t admitted_ms, joined_ms, removed_ms;  /* 0: not (yet) */
	uint8_t life[NODE_LIFE_LEN];
	uint32_t row_version;                         /* write count of the row; 0: there is none yet */
};

/* ERR_NOT_FOUND, ERR_CORRUPT, ERR_VERSION. */
enum coffer_err node_record_get(struct store *store, struct ring *ring, const uint8_t node_id[static UUID_LEN], struct node_record *out) MUST_USE;
/* In the transaction under way, as its row_version + 1, which it then is. ERR_FIELD: what no reader takes. */
enum coffer_err node_record_put(struct store *store, struct ring *ring, struct node_record *record) MUST_USE;

/* Each node in order of its id; what fn returns ends it. One that does not open ends it too, with its error. fn may not call the store. */
typedef enum coffer_err node_record_fn(void *arg, const struct node_record *record);
enum coffer_err node_record_each(struct store *store, struct ring *ring, node_record_fn *fn, void *arg) MUST_USE;

/* "admitted", "member", "removed". Static storage. */
const char *node_state_name(enum node_state state);

#endif
