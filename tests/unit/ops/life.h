/* Operations on the life of keys for tests: what is asked in a few words, and the Result Reason as any client sees it. */
#ifndef COFFER_TESTS_OPS_LIFE_H
#define COFFER_TESTS_OPS_LIFE_H

#include "kmip/values.h"
#include "unit/ops/fixture.h"

#define LIFE_DONE 0u  /* the operation succeeded */

/* A key as Create makes it: AES-256, Encrypt and Decrypt. Dates: 0 leaves one out. */
struct life_key {
	uint32_t minor;           /* 0: 1.4 */
	const char *name, *group;
	int32_t mask;             /* 0: Encrypt | Decrypt; -1: none */
	uint64_t activation_s, process_start_s, protect_stop_s, deactivation_s;
	bool has_limits;
	struct kmip_usage_limits limits; /* as the client gives them */
	void (*more)(struct ask *a, void *arg); /* more attributes */
	void *arg;
};

typedef void life_put(struct ask *a, const void *arg);

/* Result Reason of an operation on an id (NULL: none), with the fields that `put` (may be NULL) writes behind it. out (may be NULL): the answer,
 * which the caller frees. */
uint32_t life_ask(struct fix *f, unsigned uid, uint32_t operation, const char *id, life_put *put, const void *arg, struct answer *out);
/* Template-Attribute with what the key has. */
void life_put_template(struct ask *a, const struct life_key *key);
uint32_t life_try_create(struct fix *f, unsigned uid, const struct life_key *key, char out_id[static UUID_TEXT_LEN + 1]);
void life_create(struct fix *f, const struct life_key *key, char out_id[static UUID_TEXT_LEN + 1]);
/* Revoke with a reason code. */
uint32_t life_revoke(struct fix *f, unsigned uid, const char *id, uint32_t code);
/* Encrypt or Decrypt of len bytes with CTR, which takes any number. */
uint32_t life_cipher(struct fix *f, unsigned uid, uint32_t operation, const char *id, size_t len);
/* The object as the store holds it: memory is emptied first. Caller unrefs. */
struct object *life_stored(struct fix *f, const char *id);
/* What is left of its Usage Limits, in the store. */
int64_t life_rest(struct fix *f, const char *id);
/* A date of the object; 0 when it has none. */
uint64_t life_date(const struct object *o, enum kmip_attr attr);

#endif
