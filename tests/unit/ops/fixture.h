/* An open engine over the memory store and a fixed ring: no daemon, no token. Requests go through request_classify and request_run. */
#ifndef COFFER_TESTS_OPS_FIXTURE_H
#define COFFER_TESTS_OPS_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "kmip/message.h"
#include "ops/dispatch.h"
#include "unit/ops/ask.h"

#define ADMIN 4001u    /* uid with the role administrator */
#define OTHER 4002u    /* uid with the role key-user in the group "pay" only */
#define STRANGER 4003u /* uid without a grant */
#define NOW_S UINT64_C(1700000000)

struct fix {
	struct engine engine;
	struct config config;
	struct ring *ring;
	struct op_local *worker, *store_local;
	struct op_streams *streams;
	uint64_t now_s;
	uint64_t wall_behind_s; /* of the wall clock alone */
	unsigned store_runs;  /* how often a request went to the store lane */
};

/* Of the domain: what signs for it. Caller frees. */
struct secret *fix_seed(void);

/* cmocka setup and teardown of one test: *state is a struct fix. */
int fix_start(void **state);
int fix_stop(void **state);

struct answer {
	struct principal principal;    /* who asked */
	struct request request;        /* holds the bytes */
	struct kmip_response response;
	enum coffer_err classified;    /* what request_classify said */
};

/* Sends what was asked as unix:uid and parses the answer. answer_free when done. */
void fix_send(struct fix *f, unsigned uid, struct ask *ask, struct answer *out);
void answer_free(struct answer *a);
/* One item that must succeed; its payload in *out. */
struct ttlv_cursor answer_payload(const struct answer *a, size_t item);
/* The Unique Identifier in a payload, wherever it stands, as text. */
void answer_id(const struct answer *a, size_t item, char out[static UUID_TEXT_LEN + 1]);
uint64_t fix_audit_rows(struct fix *f);
/* Gives unix:uid a role; scope "": everywhere. */
void fix_give(struct fix *f, unsigned uid, enum role role, const char *scope);

/* A key by its name, made by Create: AES-256, Encrypt and Decrypt, active now unless pre_active. */
struct key_wish {
	const char *name, *group;
	bool pre_active, random_gcm;
	int32_t mask; /* 0: Encrypt | Decrypt */
};
void fix_create(struct fix *f, unsigned uid, const struct key_wish *wish, char out_id[static UUID_TEXT_LEN + 1]);
/* One operation on an id, no further fields. The item's error. */
enum coffer_err fix_simple(struct fix *f, unsigned uid, uint32_t operation, const char *id);
enum coffer_err fix_revoke(struct fix *f, unsigned uid, const char *id, uint32_t code);
/* State attribute as Get Attributes tells it; 0 when it cannot be read. */
uint32_t fix_state(struct fix *f, unsigned uid, const char *id);

#endif
