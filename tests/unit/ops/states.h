/* Every state, every operation: what becomes of the key, or which Result Reason refuses it (KMIP 1.4 sections 3.22 and 11; NIST SP 800-57 part 1 section 7). */
#ifndef COFFER_TESTS_OPS_STATES_H
#define COFFER_TESTS_OPS_STATES_H

#include "objects/lifecycle.h"
#include "unit/ops/fixture.h"

#define STATES 6u

extern const enum object_state states_all[STATES];

/* A key in one of the states, and what was made with it while it was active. */
struct states_subject {
	struct fix *f;
	char name[32], other_name[32];
	char id[UUID_TEXT_LEN + 1], other[UUID_TEXT_LEN + 1]; /* other: an active key to be wrapped */
	struct buf sealed; /* the caller frees it */
};

struct states_cell {
	uint32_t reason;      /* LIFE_DONE: it is done */
	enum object_state to; /* 0: the state stays */
};

struct states_event {
	const char *name;
	uint32_t (*run)(struct states_subject *s);
	struct states_cell cells[STATES];
};

extern const struct states_event states_events[];
extern const size_t states_event_count;

/* Names of its own for each number. */
void states_name(struct states_subject *s, struct fix *f, unsigned number);
/* Makes the key and brings it into the state. */
void states_bring(struct states_subject *s, enum object_state state);
/* Where it is, as the store holds it. */
enum object_state states_of(struct states_subject *s, uint32_t *out_version);
/* One cell of the table: the key must be in `from`, and the event end as the table says; a refusal leaves the stored key as it was. Returns where it is afterwards. */
enum object_state states_walk(struct states_subject *s, const struct states_event *event, enum object_state from);
bool states_is_recover(const struct states_event *event);
uint32_t states_archive(struct states_subject *s);

#endif
