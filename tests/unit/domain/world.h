/* A new node that asks, and the domain that answers: the inputs of tests/vectors/admission-v1.json. */
#ifndef COFFER_TESTS_DOMAIN_WORLD_H
#define COFFER_TESTS_DOMAIN_WORLD_H

#include "domain/answer.h"
#include "domain/enrolment.h"

/* The transport key of the vectors, which only answers Diffie-Hellman. */
struct software_key {
	struct secret *d;
	uint8_t public_key[HPKE_PUBLIC_LEN];
	unsigned asked;
	enum coffer_err err; /* not ERR_OK: what it fails with */
};

void software_key_init(struct software_key *k);
void software_key_done(struct software_key *k);
struct answer_key software_key_use(struct software_key *k);

/* The request of the vectors, read. */
void world_request(const char *name, struct admission_request *out, struct buf *bytes);
/* How the master server answers: ring of two generations, epoch 7, two roots. Caller frees ring and seed. */
void world_plan(struct answer_plan *plan);
void world_plan_done(struct answer_plan *plan);
/* An empty ring of the new node. */
struct ring *world_new_ring(void);
/* The token of the vectors. */
struct secret *world_token(void);

/* Allocations of the arena: the n-th from now fails, and all after it when `on` is set; 0: none. Returns how many were made since the last call. */
unsigned world_fail_nth(unsigned n, bool on);

#endif
