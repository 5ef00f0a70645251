/* Register requests for tests, and what Get answers. */
#ifndef COFFER_TESTS_OPS_BRING_H
#define COFFER_TESTS_OPS_BRING_H

#include "kmip/keyblock.h"
#include "unit/ops/fixture.h"

#define BRING_KEY "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
#define BRING_KEY_LEN 16u

/* What is registered, and by which protocol version. Fields that are 0 or NULL are left out, where that makes sense. */
struct bring {
	uint32_t minor;               /* 0: 1.4 */
	uint32_t object_type;         /* of the field; 0: that of the object */
	struct kmip_managed managed;
	int32_t mask;                 /* Cryptographic Usage Mask in the Template-Attribute; -1 none; 0: Encrypt | Decrypt */
	const char *name, *group;
	bool plain;                   /* a client that knows nothing of Coffer: it is told KMIP's Result Reasons */
	bool active;                  /* with an Activation Date of now */
	void (*attributes)(struct ask *a, void *arg); /* more attributes in the Template-Attribute */
	void (*object)(struct writer *w, void *arg);  /* writes the whole object in place of managed */
	void *arg;
};

/* An AES-128 key in the Raw format. */
struct bring bring_key(void);
void bring_ask(struct fix *f, struct ask *a, const struct bring *b);
/* Registers and gives back the item's error; the id when it is ERR_OK. result_reason may be NULL. */
enum coffer_err bring_try(struct fix *f, unsigned uid, const struct bring *b, char out_id[static UUID_TEXT_LEN + 1], uint32_t *result_reason);
void bring_in(struct fix *f, unsigned uid, const struct bring *b, char out_id[static UUID_TEXT_LEN + 1]);
/* The object of a Get answer; it borrows from the answer. */
void bring_got(const struct answer *answer, struct kmip_managed *out);
/* Get without further fields. Caller frees *answer. */
void bring_get(struct fix *f, unsigned uid, const char *id, struct answer *answer, struct kmip_managed *out);
/* The object as the store holds it: memory is emptied first. Caller unrefs. */
struct object *bring_stored(struct fix *f, const char *id);
/* Grants a role, in one group (or "" everywhere). */
void bring_grant(struct fix *f, unsigned uid, enum role role, const char *scope);
/* Marks the object as archived, as Archive does. */
void bring_archive(struct fix *f, const char *id);

#endif
